# One image for both services: `command` says which one runs. What builds it stays behind in the first stage.
FROM python:3.13-slim AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
WORKDIR /build
# What changes seldom comes first, so that a new version of ours installs in a second.
COPY requirements.txt ./
RUN /opt/venv/bin/pip install --require-hashes --requirement requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY keys keys
COPY authserver authserver
COPY resource_api resource_api
RUN /opt/venv/bin/pip install --no-deps --no-build-isolation . \
    && /opt/venv/bin/pip uninstall --yes setuptools pip

FROM python:3.13-slim

COPY --from=build /opt/venv /opt/venv
# A number, so that an orchestrator can see that this is not root. The folder is where a volume for pictures goes.
RUN useradd --uid 10001 --user-group --create-home --home-dir /srv/data service \
    && install --directory --owner 10001 --group 10001 /srv/data/files
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HEALTH_PORT=8000
USER 10001:10001
WORKDIR /srv/data
EXPOSE 8000 8001

# Ready means: the database answers and there are keys. uvicorn stops gracefully on SIGTERM, Docker's own signal.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['HEALTH_PORT'] + '/readyz', timeout=2)"]

CMD ["authserver", "serve", "--host", "0.0.0.0"]

"""What holds after every attack: the server answered each request, by no 500, and let no secret out into a log.

These run on PostgreSQL, which is the pickier of the two about what it is handed; the tests of the rooms run on
both databases, and so do the races here.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.authserver.protocol import flows
from tests.authserver.protocol.flows import PASSWORD, VERIFIER, World
from tests.support import databases

# What no log may ever hold: the prefixes of secrets we issue, and what people and apps type.
SECRETS = ("rt_", "ac_", "cs_", "se_", "eyJ", PASSWORD, VERIFIER)


@pytest.fixture
def template(request: pytest.FixtureRequest, template: databases.Template) -> databases.Template:
    """A world's database has its APIs from the beginning."""
    return ("world", flows.build) if "world" in request.fixturenames else template


@pytest.fixture
async def database_url(template: databases.Template, tmp_path: Path) -> AsyncIterator[str]:
    """A migrated database of the authorization server on PostgreSQL."""
    async with databases.fresh("postgresql", *template, tmp_path) as url:
        yield url


@pytest.fixture
async def resource_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """A migrated, empty database of the resource API: on PostgreSQL, or what a race asks for."""
    from tests.support import gallery

    kind = getattr(request, "param", "postgresql")
    async with databases.fresh(kind, "resource_api", gallery.migrate, tmp_path) as url:
        yield url


@pytest.fixture
def world(authserver: Any) -> World:
    """The authorization server with two APIs in it."""
    return World(authserver)


@pytest.fixture(autouse=True)
def _no_server_error(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No request of an attack may end in a 500, whatever else the test looks at."""
    answers: list[str] = []
    send = httpx2.AsyncClient.send

    async def watched(self: httpx2.AsyncClient, request: httpx2.Request, **more: Any) -> httpx2.Response:
        response = await send(self, request, **more)
        if response.status_code >= 500 and response.status_code != 503:
            answers.append(f"{request.method} {request.url} → {response.status_code}")
        return response

    monkeypatch.setattr(httpx2.AsyncClient, "send", watched)
    yield
    assert answers == []


@pytest.fixture(autouse=True)
def _no_secret_in_a_log(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> Iterator[None]:
    """Neither the standard logging nor what the services write may show a secret."""
    caplog.set_level(logging.INFO)
    yield
    output = capfd.readouterr()
    written = f"{caplog.text}\n{output.out}\n{output.err}"
    found = [secret for secret in SECRETS if secret in written]
    assert found == [], written[:2000]

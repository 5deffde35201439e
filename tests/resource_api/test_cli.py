"""The `resource-api` command as an operator meets it: real processes, what they print and how they end."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import psutil
import pytest
import sqlalchemy as sa

from keys.signing import SigningKey
from resource_api import cli, database, settings

from ..support import commands, databases, processes, tokens

pytestmark = pytest.mark.processes

ISSUER = "https://id.example.org"


def ran(folder: Path, *arguments: str, **variables: str) -> tuple[int, subprocess.CompletedProcess[str]]:
    """The installed script. What ends without serving is also `called`."""
    done = processes.run(["resource-api", *arguments], _named(variables), folder)
    assert "Traceback" not in done.stderr
    return done.returncode, done


def called(folder: Path, *arguments: str, **variables: str) -> tuple[int, subprocess.CompletedProcess[str]]:
    """The function that the installed script calls, in this process."""
    done = commands.call(cli.main, ["resource-api", *arguments], _named(variables), folder)
    return done.returncode, done


HOW = {"serve": ran, "migrate": called, "config": called}


def _named(variables: dict[str, str]) -> dict[str, str]:
    return {f"RESOURCE_API_{name.upper()}": value for name, value in variables.items()}


def trusting(jwks_url: str, **variables: str) -> dict[str, str]:
    """The variables of a gallery that trusts the tests' issuer."""
    return _named({"issuer": ISSUER, "jwks_url": jwks_url, **variables})


def get(url: str, token: str | None = None) -> httpx2.Response:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx2.get(url, headers=headers, timeout=30, trust_env=False, verify=processes.PLAIN)


@pytest.mark.parametrize("asked", [["-h"], ["--help"]])
def test_help_has_examples_first_and_the_exit_codes(tmp_path: Path, asked: list[str]) -> None:
    code, done = ran(tmp_path, *asked)
    assert code == 0
    assert done.stdout.index("Examples:") < done.stdout.index("Commands:")
    for command in ("serve", "migrate", "config"):
        assert f"resource-api {command}" in done.stdout
    for promised in ("3 configuration not valid", "4 not reachable or not ready", "130 interrupted"):
        assert promised in done.stdout


@pytest.mark.parametrize("command", [["serve"], ["migrate"], ["config"]])
def test_every_command_has_examples(tmp_path: Path, command: list[str]) -> None:
    code, done = ran(tmp_path, *command, "-h")
    assert code == 0
    assert f"Examples:\n    resource-api {command[0]}" in done.stdout


def test_help_imports_neither_the_database_nor_the_web(tmp_path: Path) -> None:
    asked = "import sys; from resource_api import cli; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert not {"sqlalchemy", "fastapi", "uvicorn", "alembic", "pydantic"} & set(done.stdout.split())


def test_a_start_on_a_current_database_does_without_alembic(
    resource_database_url: str, tmp_path: Path
) -> None:
    asked = (
        "import asyncio, sys; from resource_api import app, settings; from resource_api.cli import serving, shape; "
        "asyncio.run(shape.prepare(settings.load())); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", asked],
        cwd=tmp_path,
        env=processes.environment({"RESOURCE_API_DATABASE_URL": resource_database_url}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "alembic" not in done.stdout.split()


def test_the_version_is_printed(tmp_path: Path) -> None:
    code, done = ran(tmp_path, "--version")
    assert (code, done.stderr) == (0, "")
    assert done.stdout.startswith("resource-api ")


def test_a_mistyped_command_is_wrong_usage(tmp_path: Path) -> None:
    code, done = ran(tmp_path, "sevre")
    assert (code, done.stdout) == (2, "")
    assert "serve" in done.stderr


def test_settings_are_shown_without_passwords(tmp_path: Path) -> None:
    given = {"database_url": "postgresql://gallery:S3CRET@db/gallery", "trusted_proxies": "10.0.0.0/8, ::1"}
    code, done = called(tmp_path, "config", "show", "--json", **given)
    assert (code, done.stderr) == (0, "")
    shown = json.loads(done.stdout)
    assert shown["RESOURCE_API_DATABASE_URL"] == "postgresql://gallery:********@db/gallery"
    assert shown["RESOURCE_API_TRUSTED_PROXIES"] == ["10.0.0.0/8", "::1"]
    assert set(shown) == {f"RESOURCE_API_{name.upper()}" for name in settings.Settings.model_fields}
    code, done = called(tmp_path, "config", "show", **given)
    assert code == 0
    assert "S3CRET" not in done.stdout
    assert "10.0.0.0/8, ::1" in done.stdout


def test_the_reference_names_every_setting(tmp_path: Path) -> None:
    code, done = called(tmp_path, "config", "reference")
    assert code == 0
    assert done.stdout == settings.reference()


@pytest.mark.parametrize("command", [["serve"], ["migrate"], ["config", "show"]])
def test_a_misspelt_setting_ends_every_command_with_the_right_name(
    tmp_path: Path, command: list[str]
) -> None:
    code, done = HOW[command[0]](tmp_path, *command, prot="9001")
    assert (code, done.stdout) == (3, "")
    assert done.stderr == "RESOURCE_API_PROT is not a setting. Did you mean RESOURCE_API_PORT?\n"


def test_plain_http_beyond_this_machine_is_refused(tmp_path: Path) -> None:
    code, done = ran(tmp_path, "serve", "--host", "0.0.0.0", resource="https://api.example.org")
    assert code == 3
    for way_out in ("--tls-cert", "--trusted-proxies", "127.0.0.1"):
        assert way_out in done.stderr


def test_a_certificate_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "chain.pem").write_text("nothing")
    code, done = ran(tmp_path, "serve", "--tls-cert", "chain.pem", "--tls-key", "missing.pem")
    assert code == 3
    assert "chain.pem" in done.stderr


def test_a_taken_port_is_named_with_what_to_type(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, done = ran(tmp_path, "serve", "--port", str(port))
    assert code == 4
    assert f"Port {port} is taken by pid {os.getpid()} " in done.stderr
    assert "`--port " in done.stderr and "`RESOURCE_API_PORT=" in done.stderr


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_database_that_is_away_is_not_ready(tmp_path: Path, command: str) -> None:
    gone = f"postgresql://gallery:S3CRET@127.0.0.1:{processes.free_port()}/gallery"
    code, done = HOW[command](tmp_path, command, database_url=gone, port=str(processes.free_port()))
    assert code == 4
    assert done.stderr.count("\n") == 1 and "RESOURCE_API_DATABASE_URL" in done.stderr
    assert "S3CRET" not in done.stderr


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_database_that_does_not_exist_is_said(tmp_path: Path, command: str, postgres_url: str) -> None:
    missing = sa.make_url(postgres_url).set(database="nobodys").render_as_string(hide_password=False)
    code, done = HOW[command](tmp_path, command, database_url=missing, port=str(processes.free_port()))
    assert code == 4
    assert "nobodys" in done.stderr and "RESOURCE_API_DATABASE_URL" in done.stderr


async def test_postgresql_is_migrated_by_command_alone(tmp_path: Path, jwks_url: str) -> None:
    async with databases.empty("postgresql", tmp_path) as url:
        port = processes.free_port()
        code, done = ran(tmp_path, "serve", "--port", str(port), database_url=url)
        assert code == 4
        assert "is empty" in done.stderr and "resource-api migrate" in done.stderr

        with concurrent.futures.ThreadPoolExecutor(2) as both:
            ended = list(both.map(lambda _: ran(tmp_path, "migrate", database_url=url), range(2)))
        assert [code for code, _ in ended] == [0, 0]
        code, done = ran(tmp_path, "migrate", database_url=url)
        assert code == 0
        assert "already" in done.stderr

        with processes.resource_api(trusting(jwks_url, database_url=url), tmp_path, port=port) as program:
            assert get(f"{program.url}/readyz").status_code == 200


@pytest.mark.parametrize("command", ["serve", "migrate"])
async def test_a_database_of_a_newer_version_is_left_alone(
    empty_database_url: str, tmp_path: Path, command: str
) -> None:
    engine = database.engine(empty_database_url)
    async with engine.begin() as connection:
        await connection.execute(sa.text("CREATE TABLE alembic_version (version_num TEXT)"))
        await connection.execute(sa.text("INSERT INTO alembic_version VALUES ('9999')"))
    await engine.dispose()
    given = {"database_url": empty_database_url, "port": str(processes.free_port())}
    code, done = await asyncio.to_thread(HOW[command], tmp_path, command, **given)
    assert code == 4
    assert "newer version" in done.stderr


def test_sqlite_is_made_by_serve_and_a_person_can_come(
    tmp_path: Path, issuer_key: SigningKey, jwks_url: str
) -> None:
    with processes.resource_api(trusting(jwks_url), tmp_path) as program:
        token = tokens.mint(
            issuer_key, issuer=ISSUER, audience=program.url, now=time.time(), sub="ana", scope="images:read"
        )
        assert get(f"{program.url}/images", token).json()["items"] == []
        assert get(f"{program.url}/images").status_code == 401
        assert program.stop() == 0
    assert (tmp_path / "var" / "resource-api.db").exists()
    assert f"resource-api at {program.url}" in program.output()


def test_flags_win_and_reach_every_worker(tmp_path: Path, jwks_url: str) -> None:
    port = processes.free_port()
    given = trusting(jwks_url, port="1", workers="1")
    with processes.started(
        ["resource-api", "serve", "--port", str(port), "--workers", "2"],
        given,
        tmp_path,
        f"http://localhost:{port}",
    ) as program:
        asked = 20
        for _ in range(asked):
            assert get(f"{program.url}/livez").status_code == 200
        assert get(f"{program.url}/.well-known/oauth-protected-resource").json()["resource"] == program.url
        counted = [
            float(line.rpartition(" ")[2])
            for line in get(f"{program.url}/metrics").text.splitlines()
            if line.startswith("resource_api_requests_total") and 'route="/livez"' in line
        ]
        assert sum(counted) == asked  # whichever worker answered them
        assert program.stop() == 0
    assert "workers 2" in program.output()
    assert "Traceback" not in program.output()


def test_workers_leave_no_metrics_behind(tmp_path: Path, jwks_url: str) -> None:
    with processes.resource_api(trusting(jwks_url), tmp_path, "--workers", "2") as program:
        workers = psutil.Process(program.process.pid).children()
        opened = [Path(each.path) for worker in workers for each in worker.open_files()]
        (folder,) = {path.parent for path in opened if "-metrics-" in path.parent.name}
        assert program.stop() == 0
    assert not folder.exists()


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_request_in_flight_is_answered_before_the_end(
    tmp_path: Path, jwks_url: str, sent: signal.Signals, status: int
) -> None:
    with processes.resource_api(trusting(jwks_url), tmp_path) as program:
        port = int(program.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as slow:
            slow.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n")
            time.sleep(0.3)
            program.process.send_signal(sent)
            time.sleep(0.5)
            slow.sendall(b"Connection: close\r\n\r\n")
            answer = slow.recv(64)
        assert program.process.wait(processes.STOP_SECONDS) == status
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert "Traceback" not in program.output()

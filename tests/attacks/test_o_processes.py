"""Group O, the servers as processes: floods of connections, hashes and bodies, while somebody else is served."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from resource_api import uvicorn_protocol
from tests.faults.measuring import Stopwatch
from tests.journeys import services
from tests.support import authserver, databases

pytestmark = pytest.mark.processes

SOCKETS = 1_000
HASH_KIB = 24 * 1024
MIB = 1024 * 1024
# What a bystander may wait, where flood, server and bystander have two cores between them.
PATIENCE_SECONDS = 2.0


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[services.App]:
    """One worker on SQLite, with passwords that take a while to hash."""
    async with databases.fresh("sqlite", "authserver", authserver.build, tmp_path) as url:
        costly = {"AUTHSERVER_PASSWORD_MEMORY_KIB": str(HASH_KIB)}
        async with services.serving(url, tmp_path, 1, **costly) as registered:
            yield registered


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(trust_env=False, timeout=60, limits=limits) as client:
        yield client


def memory(app: services.App) -> int:
    """Bytes that the server has in memory."""
    return int(psutil.Process(app.programs[0].process.pid).memory_info().rss)


@contextlib.asynccontextmanager
async def bystander(app: services.App, http: httpx2.AsyncClient, *, may_grow: int) -> AsyncIterator[None]:
    """Asks for a token and for the key set all the time, and has to wait for nobody; the server stays small."""
    seconds: list[float] = []
    before = most = memory(app)
    watch = Stopwatch(lambda: [psutil.Process(), psutil.Process(app.programs[0].process.pid)])
    watch.start()

    async def ask() -> None:
        nonlocal most
        form = app.form(grant_type="client_credentials")
        while True:
            began = time.monotonic()
            token = await http.post(f"{app.urls[0]}/oauth/token", data=form)
            keys = await http.get(f"{app.urls[0]}/.well-known/jwks.json")
            assert (token.status_code, keys.status_code) == (200, 200), token.text
            seconds.append(time.monotonic() - began)
            most = max(most, memory(app))
            await asyncio.sleep(0.05)

    asking = asyncio.create_task(ask())
    try:
        yield
    finally:
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
    assert len(seconds) >= 3
    assert max(seconds) < watch.allowed(PATIENCE_SECONDS), sorted(seconds)[-5:]
    assert most < before + may_grow


async def test_row_121_a_thousand_slow_connections_are_closed_and_nobody_else_waits(
    app: services.App, http: httpx2.AsyncClient
) -> None:
    port = int(app.urls[0].rpartition(":")[2])
    heads = [
        b"POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n",
        b"GE",
        b"",
    ]

    async def drip(number: int) -> tuple[bytes, float]:
        """A byte now and then; what the server said of it, and when."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        began, said = time.monotonic(), b""
        with contextlib.suppress(OSError):
            writer.write(heads[number % len(heads)])
            reading = asyncio.create_task(reader.read())
            while not reading.done():
                await asyncio.wait({reading}, timeout=3)
                writer.write(b"x" if number % len(heads) < 2 else b"")
            said = reading.result()
        writer.close()
        return said, time.monotonic() - began

    async with bystander(app, http, may_grow=50 * MIB):
        ends = await asyncio.gather(*(drip(number) for number in range(SOCKETS)))
    assert {said[:12] for said, _ in ends} <= {b"", b"HTTP/1.1 408"}
    assert sum(said != b"" for said, _ in ends) >= SOCKETS // 2, "who has begun is told"
    assert max(seconds for _, seconds in ends) <= uvicorn_protocol.Protocol.HEAD_SECONDS + 10, "then at once"


async def test_row_124_a_flood_of_passwords_and_secrets_starves_nobody(
    app: services.App, http: httpx2.AsyncClient
) -> None:
    same_origin = {"Sec-Fetch-Site": "same-origin"}

    async def login(number: int) -> Any:
        form = {"email": f"nobody{number}@example.test", "password": "a wrong password"}
        return await http.post(f"{app.urls[0]}/login", data=form, headers=same_origin)

    at_once = asyncio.Semaphore(50)

    async def guess(number: int) -> Any:
        form = {
            "grant_type": "client_credentials",
            "client_id": app.client_id,
            "client_secret": f"cs_{number}",
        }
        async with at_once:
            return await http.post(f"{app.urls[0]}/oauth/token", data=form)

    flood = [login(number) for number in range(200)] + [guess(number) for number in range(500)]
    async with bystander(app, http, may_grow=HASH_KIB * 1024 + 60 * MIB):  # one hash at a time, not twenty
        answers = await asyncio.gather(*flood)
    logins, guesses = answers[:200], answers[200:]
    looked_at = sum(answer.status_code == 422 for answer in logins)
    assert {answer.status_code for answer in logins} <= {422, 429, 503}
    assert 1 <= looked_at <= 100
    assert {answer.status_code for answer in guesses} <= {401, 429, 503}
    assert 1 <= sum(answer.status_code == 401 for answer in guesses) <= 100
    for answer in answers:
        assert answer.status_code in (401, 422) or 1 <= int(answer.headers["retry-after"]) <= 900


async def test_row_119_bodies_without_end_leave_the_memory_as_it_was(
    app: services.App, http: httpx2.AsyncClient
) -> None:
    async def endless(size: int) -> AsyncIterator[bytes]:
        for _ in range(50 * MIB // size):
            yield b"x" * size

    form = {"Content-Type": "application/x-www-form-urlencoded"}
    before = memory(app)
    sent = 0
    for path in ("/oauth/token", "/login", "/register", "/oauth/introspect"):
        for more in ({}, {"Content-Length": str(50 * MIB)}):
            with contextlib.suppress(httpx2.TransportError):  # the door may close before all has been said
                answer = await http.post(
                    f"{app.urls[0]}{path}", content=endless(MIB), headers={**form, **more}
                )
                assert answer.status_code == 413, path
                sent += 1
    assert sent >= 1
    assert memory(app) < before + 20 * MIB
    token = await http.post(f"{app.urls[0]}/oauth/token", data=app.form(grant_type="client_credentials"))
    assert token.status_code == 200

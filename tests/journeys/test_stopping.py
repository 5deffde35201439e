"""A server that is told to stop finishes what it was asked, and says so by its exit code."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ..support import processes
from . import services

pytestmark = pytest.mark.processes

CLIENTS = 20
UNDER_LOAD_SECONDS = 1.0


async def ask_until_it_is_gone(http: Any, url: str, form: dict[str, str]) -> int:
    """Asks for tokens, one after the other, until nobody listens any more; how many were given.

    Raises whatever else goes wrong: a connection cut off in the middle, or an answer that is not a token.
    """
    given = 0
    while True:
        try:
            answer = await http.post(f"{url}/oauth/token", data=form)
        except httpx2.ConnectError:
            return given
        assert answer.status_code == 200, answer.text
        given += 1


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_sigterm_under_load_loses_no_request(tmp_path: Path, workers: str) -> None:
    """On SQLite; on PostgreSQL, and for the gallery, `tests/faults/test_stopping.py` replaces server after server."""
    async with services.serving(
        f"sqlite:///{tmp_path}/authserver.db", tmp_path, 1, "--workers", workers
    ) as app:
        form = app.form(grant_type="client_credentials")
        async with httpx2.AsyncClient(trust_env=False, timeout=30) as http:
            asking = [
                asyncio.create_task(ask_until_it_is_gone(http, app.urls[0], form)) for _ in range(CLIENTS)
            ]
            await asyncio.sleep(UNDER_LOAD_SECONDS)
            status = await asyncio.to_thread(app.programs[0].stop)
            given = await asyncio.gather(*asking)
    assert min(given) > 0
    assert status == 0
    assert "Traceback" not in app.programs[0].output()


@pytest.mark.parametrize(("sent", "workers"), [(signal.SIGINT, "1"), (signal.SIGTERM, "2")])
def test_an_idle_server_stops_at_once(tmp_path: Path, sent: signal.Signals, workers: str) -> None:
    running = processes.authserver({}, tmp_path, "--workers", workers)
    with running as program, httpx2.Client(trust_env=False) as http:
        assert http.get(f"{program.url}/livez").status_code == 200  # and the connection stays open
        status = program.stop(sent)
    assert status == (130 if sent is signal.SIGINT else 0)
    assert "Traceback" not in program.output()


async def test_a_request_that_is_half_here_when_the_server_stops_is_answered(tmp_path: Path) -> None:
    with processes.authserver({}, tmp_path) as program:
        host, port = "localhost", int(program.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n")
        await writer.drain()
        await asyncio.sleep(0.2)
        stopping = asyncio.create_task(asyncio.to_thread(program.stop))
        await asyncio.sleep(0.5)
        with pytest.raises(OSError):
            await asyncio.open_connection(host, port)
        writer.write(b"\r\n")
        answer = await reader.read()
        assert await stopping == 0
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 200 "), program.output()
    assert b"connection: close\r\n" in answer

"""Stands between our services and PostgreSQL, and passes on what they send after a while."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .postgres import Postgres

CHUNK = 65536


@dataclass
class Between:
    """Passes everything on, what our services send `seconds` later."""

    postgres: Postgres
    seconds: float = 0.0

    @property
    def socket(self) -> Path:
        return self.postgres.folder.parent / "between"

    async def serve(self, opened: threading.Event, closing: asyncio.Event) -> None:
        async with await asyncio.start_unix_server(self._meet, self.socket):
            opened.set()
            await closing.wait()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_unix_connection(self.postgres.socket)
        ways = self._pass(reader, to_there, late=True), self._pass(there, writer, late=False)
        passing = [asyncio.ensure_future(way) for way in ways]
        try:
            await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in passing:
                each.cancel()
            for end in (writer, to_there):
                end.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, late: bool) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await asyncio.sleep(self.seconds if late else 0)
                writer.write(data)
                await writer.drain()


@contextlib.contextmanager
def between(postgres: Postgres) -> Iterator[Between]:
    """All connections of our services go through it until the end; it makes nothing late by itself."""
    made, opened, closing = Between(postgres), threading.Event(), asyncio.Event()
    runner = asyncio.Runner()
    thread = threading.Thread(target=lambda: runner.run(made.serve(opened, closing)), name="between")
    thread.start()
    try:
        assert opened.wait(30)
        postgres.lead_to(made.socket)
        postgres.part()
        yield made
    finally:
        made.seconds = 0.0
        postgres.lead_to(postgres.socket)
        postgres.part()
        runner.get_loop().call_soon_threadsafe(closing.set)
        thread.join()
        runner.close()
        made.socket.unlink(missing_ok=True)

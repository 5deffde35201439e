"""What every stage stands on: one event loop that the test owns, and requests as bytes straight into an application.

uvicorn would hand over the same scope; what it refuses before the application hears of it, `tests/wire` sends.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar
from urllib.parse import unquote

from hypothesis import settings

T = TypeVar("T")

HANG_SECONDS = 60.0
"""Far beyond what any answer takes, even on a machine with much else to do."""


def budget(*, short: int, long: int, **more: Any) -> settings:
    """The settings of a test with so many examples in each profile."""
    is_long = settings.get_current_profile_name() == "long"
    profile = settings.get_profile("long" if is_long else "short")
    return settings(profile, max_examples=long if is_long else short, **more)


class Loop:
    """An event loop, and the contexts entered on it; they end with the block, in reverse order."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._stack = contextlib.AsyncExitStack()

    def __enter__(self) -> Self:
        self._runner.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self.run(self._stack.aclose())
        finally:
            self._runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def enter(self, context: AbstractAsyncContextManager[T]) -> T:
        return self.run(self._stack.enter_async_context(context))


@dataclass(frozen=True)
class Sent:
    """A request as the bytes that matter."""

    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    address: str = "192.0.2.1"

    @property
    def path(self) -> str:
        return unquote(self.target.partition(b"?")[0].decode("ascii"))


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    seconds: float = 0.0

    def header(self, name: str) -> str:
        """The one value of this header; empty when it isn't there."""
        values = [value for each, value in self.headers if each == name]
        assert len(values) <= 1, values
        return values[0] if values else ""

    @property
    def media_type(self) -> str:
        return self.header("content-type").partition(";")[0]

    @property
    def everything(self) -> bytes:
        lines = [f"{name}: {value}".encode("latin-1") for name, value in self.headers]
        return b"\n".join([*lines, self.body])


async def exchange(app: Any, sent: Sent) -> Answer:
    """Send one request. Raises TimeoutError when the application hangs, and whatever it lets out."""
    path, _, query = sent.target.partition(b"?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": sent.method,
        "scheme": "http",
        "path": unquote(path.decode("ascii")),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": [(name.lower(), value) for name, value in sent.headers],
        "client": (sent.address, 50_000),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }
    answer, heard, gone = Answer(), False, asyncio.Event()

    async def receive() -> dict[str, Any]:
        nonlocal heard
        if heard:
            await gone.wait()  # the caller stays on the line
        heard = True
        return {"type": "http.request", "body": sent.body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            pairs = message["headers"]
            answer.headers = [
                (name.decode("ascii").lower(), value.decode("latin-1")) for name, value in pairs
            ]
        else:
            answer.body += message.get("body", b"")

    started = time.perf_counter()
    async with asyncio.timeout(HANG_SECONDS):
        await app(scope, receive, send)
    answer.seconds = time.perf_counter() - started
    return answer

"""Who sends requests to servers that may be dead at the moment, tries again, and remembers what it was told."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2

from .stage import LONG

PATIENCE_SECONDS = 110.0
"""Whoever gets no answer for so long gives up: a refresh token may be used again for 120 seconds, no longer."""

NO_ANSWER_SECONDS = 30.0
PAUSE_SECONDS = 0.3 if LONG else 0.6
"""In the short form, other tests need the machine as well."""
AGAIN_SECONDS = 0.1


@dataclass(frozen=True)
class Refusal:
    """A request that heard 503 and when to come again."""

    began: float
    ended: float
    what: str

    def seconds(self, since: float) -> float:
        """How long it took, from when it was asked or from `since`, whichever was later."""
        return self.ended - max(self.began, since)


@dataclass
class History:
    """What the servers said."""

    codes: list[str] = field(default_factory=list)
    living: dict[str, str] = field(default_factory=dict)
    """The refresh token each person holds now."""
    ended: list[str] = field(default_factory=list)
    """Refresh tokens whose revocation was confirmed."""
    images: list[str] = field(default_factory=list)
    paid: dict[str, str] = field(default_factory=dict)
    """Images by the Idempotency-Key they were paid under."""
    shares: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    again: int = 0
    """How many requests were sent once more because there was no answer, or 503."""
    cut: list[str] = field(default_factory=list)
    """Requests that were begun and got no answer, for whoever was asked died."""
    refused: list[Refusal] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@dataclass
class Told:
    """An answer, and whether an earlier try may have had its effect without one."""

    answer: Any
    unsure: bool

    @property
    def status(self) -> int:
        status: int = self.answer.status_code
        return status

    @property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = self.answer.json()
        return body


@dataclass
class Caller:
    """Sends requests to servers that may be dead at the moment."""

    http: Any
    history: History
    stop: threading.Event

    async def ask(self, urls: tuple[str, ...], method: str, path: str, **request: Any) -> Told:
        """The first answer that is one, from any of the servers."""
        unsure = False
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            began = time.monotonic()
            try:
                answer = await self.http.request(method, random.choice(urls) + path, **request)
                if answer.status_code < 500:
                    return Told(answer, unsure)
                if answer.status_code == 503 and "retry-after" in answer.headers:
                    self.history.refused.append(Refusal(began, time.monotonic(), f"{method} {path}"))
                else:
                    self.history.wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
            except httpx2.TimeoutException:
                self.history.wrong.append(f"{method} {path}: no answer in {NO_ANSWER_SECONDS:.0f} s")
            except httpx2.ConnectError:
                pass  # nobody was asked
            except httpx2.TransportError as error:
                self.history.cut.append(f"{method} {path}: {error!r}")
            unsure = True
            self.history.again += 1
            await asyncio.sleep(AGAIN_SECONDS)
        raise AssertionError(f"{method} {path} had no answer in {PATIENCE_SECONDS:.0f} s")

    def expect(self, what: str, told: Told, *statuses: int) -> bool:
        """Whether the answer is one of these; any other is noted as wrong."""
        if told.status in statuses:
            self.history.done[what] += 1
            return True
        self.history.wrong.append(f"{what}: {told.status} {told.answer.text[:300]} (unsure: {told.unsure})")
        return False

    async def repeat(self, once: Callable[[], Awaitable[None]], pause: float = PAUSE_SECONDS) -> None:
        """Does it again and again. Mixed, not as much as goes: what is measured is how soon the killed are back."""
        while not self.stop.is_set():
            await once()
            await asyncio.sleep(random.uniform(0, 2 * pause))

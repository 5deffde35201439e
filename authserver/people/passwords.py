"""Passwords: what makes a good one, and hashing them in a lane of their own.

Hashing is slow on purpose. It runs one at a time per process, in one thread of low priority, so that many who sign
in wait for each other and for nobody else. Where digests are kept is `users`' business.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import threading
import unicodedata
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from ..settings import Settings

T = TypeVar("T")

MIN_LENGTH, MAX_LENGTH = 12, 128  # characters, after NFC
MIN_SCORE = 3  # of zxcvbn's 0 to 4: safely unguessable online, moderately offline
QUEUE_LENGTH = 20

_JUDGED = 72  # zxcvbn refuses longer ones; what is good so far is good
_NICENESS = 10
# zxcvbn keeps what it was told about one person in a module's global.
_judging = threading.Lock()


class BusyError(Exception):
    """Too many wait for their password to be hashed. Nothing was done; try again soon."""

    def __init__(self, retry_after_seconds: int = 2) -> None:
        super().__init__("too many passwords are waiting to be hashed")
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True)
class Verification:
    """Whether the password was right, and whether its digest was made with other parameters than today's."""

    ok: bool
    needs_rehash: bool = False


@dataclass(frozen=True)
class Problem:
    """Why a password is refused: too_short, too_long, too_weak, or contains_email (it resembles e-mail or name)."""

    code: str


def normalise(password: str) -> str:
    """The password as it is hashed: NFC, so that every keyboard's way to write é is the same; nothing else."""
    return unicodedata.normalize("NFC", password)


def check_new(password: str, *, inputs: Iterable[str] = ()) -> list[Problem]:
    """What is wrong with a new password; nothing when it is good. `inputs` is what people know of its owner.

    Takes up to some tens of milliseconds: on the event loop use `Lane.check_new`.
    """
    password = normalise(password)
    if len(password) < MIN_LENGTH:
        return [Problem("too_short")]
    if len(password) > MAX_LENGTH:
        return [Problem("too_long")]
    import zxcvbn  # 13 MB of words, and most processes never see a new password

    with _judging:
        judged = zxcvbn.zxcvbn(password[:_JUDGED], user_inputs=_words(inputs))
    if judged["score"] >= MIN_SCORE:
        return []
    personal = any(match.get("dictionary_name") == "user_inputs" for match in judged["sequence"])
    return [Problem("contains_email" if personal else "too_weak")]


class Lane:
    """The one place where this process hashes: one at a time, at most QUEUE_LENGTH waiting.

    Argon2id with p = 1 and the settings' memory and passes.
    """

    def __init__(self, settings: Settings) -> None:
        self._hasher = argon2.PasswordHasher(
            time_cost=settings.password_passes, memory_cost=settings.password_memory_kib, parallelism=1
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="passwords", initializer=_be_nice)
        self._inside = 0

    async def hash(self, password: str) -> str:
        """The digest to keep of a normalised password. Raises BusyError."""
        return await self._run(lambda: self._hasher.hash(_bytes(password)))

    async def verify(self, digest: str | None, password: str) -> Verification:
        """Whether the normalised password belongs to the digest; None is never right, and takes as long.

        Raises BusyError.
        """
        return await self._run(lambda: self._verify(digest, _bytes(password)))

    async def check_new(self, password: str, *, inputs: Iterable[str] = ()) -> list[Problem]:
        """`passwords.check_new`, off the event loop. Raises BusyError."""
        known = list(inputs)
        return await self._run(lambda: check_new(password, inputs=known))

    def close(self) -> None:
        """Ends the thread; what still waits is dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._inside > QUEUE_LENGTH:
            raise BusyError
        self._inside += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._inside -= 1

    @functools.cached_property
    def _nobody(self) -> str:
        """Compared with for unknown accounts, so that they take as long as known ones."""
        return self._hasher.hash(os.urandom(16))

    def _verify(self, digest: str | None, password: bytes) -> Verification:
        nobody = self._nobody  # made at the first attempt, whoever's it is
        try:
            right = self._hasher.verify(digest or nobody, password)
        except (VerificationError, InvalidHashError):
            return Verification(ok=False)
        if digest is None or not right:
            return Verification(ok=False)
        return Verification(ok=True, needs_rehash=self._hasher.check_needs_rehash(digest))


def _be_nice() -> None:
    """Let requests go first. On Linux, priorities are a thread's own; elsewhere this would slow the process down."""
    if hasattr(os, "sched_getaffinity"):
        with contextlib.suppress(OSError):  # not allowed here; it works all the same
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")


def _words(inputs: Iterable[str]) -> list[str]:
    """What a password may not be made of: each input, what is before an @, and parts of three letters or more."""
    found: list[str] = []
    for text in inputs:
        parts = "".join(char if char.isalnum() else " " for char in text).split()
        found += [text, text.partition("@")[0], *(part for part in parts if len(part) > 2)]
    return [text[:100] for text in found if text][:50]

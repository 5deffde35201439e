"""Where a verifier gets its keys: an issuer's key set, fetched once, remembered, and kept fresh.

What holds, whatever the network does and however many threads and event loops ask at once:

* One download at a time. For an unknown key id there is none within 30 s of one that brought nothing new. An
  attempt counts from its start, also when it fails, so a flood of unknown key ids costs the issuer one request
  in 30 s and can't postpone the next; but one rotation after the other, in an emergency, is followed at once.
* A failed download changes nothing: the last good set stays in use while the issuer is stopped, for a day at
  most. Then no token can be judged any more, for whoever keeps us from the issuer may do so because a key
  was stolen and revoked, and must not keep that key alive for ever.
* While tokens arrive, the set is renewed in the background before it gets old. A set that has grown old
  because no tokens arrived is renewed first, so a revoked key is honoured for 300 s at most, or a day when
  the issuer is unreachable.

A download runs in a thread of its own with its own short event loop, which is why the same source serves
synchronous code and any number of event loops: they only wait for its future.
"""

import asyncio
import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from . import download, jwks

COOL_DOWN_SECONDS = 30.0
# A set is fresh as long as its answer says, within these bounds, and renewed after four fifths of that.
MIN_FRESH_SECONDS = 60.0
MAX_FRESH_SECONDS = 300.0
# How long the last good set serves while no newer one can be fetched: a night and a working day of repairs.
MAX_STALE_SECONDS = 86_400.0
# Longer than a download may take; only name resolution that hangs can reach it.
WAIT_SECONDS = download.TIMEOUT_SECONDS + 3

KeySet = Mapping[str, jwks.PublicKey]
Waiting = concurrent.futures.Future[None]

_log = logging.getLogger("keys")


class Source(Protocol):
    """What a verifier asks of its keys. None of it blocks; a future is done when looking again makes sense."""

    @property
    def keys(self) -> KeySet | None:
        """The keys by id, None without any to rely on; another object whenever they changed, never the same
        one with other content."""

    def freshen(self, now: float, /) -> Waiting | None:
        """See to it that the keys stay fresh. A future means: too old to use before it is done."""

    def look_again(self, now: float, /) -> Waiting | None:
        """A key id is unknown. A future means: it may be known when this is done."""

    def describe(self, now: float, /) -> str:
        """A sentence for the operator: how old the keys are, when they are fetched again."""

    def retry_after_seconds(self, now: float, /) -> float:
        """How long to wait when there are no keys."""


class Fixed:
    """Keys we hold ourselves: in the issuer's own process, and in tests."""

    def __init__(self, keys: KeySet) -> None:
        self.keys: KeySet | None = keys

    def freshen(self, _: float, /) -> None:
        """Keys we hold are fresh."""

    def look_again(self, _: float, /) -> None:
        """There is nowhere else to look."""

    def describe(self, _: float, /) -> str:
        return "The keys are fixed."

    def retry_after_seconds(self, _: float, /) -> float:
        return COOL_DOWN_SECONDS


class Remote:
    """The published keys of `issuer`, from `jwks_url` or from where its metadata points (RFC 8414)."""

    def __init__(
        self,
        issuer: str,
        *,
        jwks_url: str | None = None,
        algorithms: Collection[str] = ("RS256",),
        max_stale_seconds: float = MAX_STALE_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Nothing is fetched yet. Raise ValueError for an address that could never be fetched, and for a
        `max_stale_seconds` that would end a set while it is fresh."""
        if not max_stale_seconds >= MAX_FRESH_SECONDS:
            raise ValueError(f"max_stale_seconds must be {MAX_FRESH_SECONDS:.0f} or more.")
        if jwks_url is None:
            download.check_issuer(issuer)
        else:
            download.check_url(jwks_url)
        self.keys: KeySet | None = None
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._discovered: str | None = None
        self._algorithms = tuple(algorithms)
        self._max_stale_seconds = max_stale_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._flight: Waiting | None = None
        self._flight_began = 0.0
        self._started_at = float("-inf")
        self._looked_at = float("-inf")  # for an unknown key id, and found nothing new
        self._fetched_at = float("-inf")
        self._fresh_seconds = MAX_FRESH_SECONDS
        self._renew_seconds = 0.0
        self._failures = 0
        self._last_failure = ""

    def freshen(self, now: float) -> Waiting | None:
        # abs(): a clock that was set back makes the set old, not young for ever.
        age = abs(now - self._fetched_at)
        if age < self._renew_seconds or self.keys is None:
            return None
        if age >= self._max_stale_seconds:
            self._forget(now)
        with self._lock:
            flight, _ = self._begin(now, self._started_at)
        # When the issuer doesn't answer, nobody waits for it a second time.
        return flight if age >= self._fresh_seconds and not self._failures else None

    def look_again(self, now: float) -> Waiting | None:
        with self._lock:
            flight, ours = self._begin(now, self._started_at if self.keys is None else self._looked_at)
            if ours:
                self._looked_at = now
            trusted = self.keys is None or not self._failures
        return flight if ours or trusted else None

    def describe(self, now: float) -> str:
        if self.keys is None:
            since = "No keys yet" if self._fetched_at == float("-inf") else "The last good keys are too old"
            return f"{since}; last attempt: {self._last_failure or 'none'}"
        wait = self.retry_after_seconds(now)
        return (
            f"Keys fetched {max(0.0, now - self._fetched_at):.0f} s ago; next fetch possible in {wait:.0f} s."
        )

    def retry_after_seconds(self, now: float) -> float:
        return max(0.0, self._pause() - abs(now - self._started_at))

    def _pause(self) -> float:
        """How long after the start of one download the next may start."""
        if self.keys is None and self._failures:
            # Nothing can be verified at all, so try sooner: after 1, 2, 4, 8, 16 s. An issuer may be away for
            # thousands of attempts, and 2.0 ** 1024 is an error.
            return min(COOL_DOWN_SECONDS, 2.0 ** min(self._failures - 1, 5))
        return COOL_DOWN_SECONDS

    def _forget(self, now: float) -> None:
        """Rely no more on a set that is too old, unless a newer one has arrived just now."""
        with self._lock:
            if self.keys is None or abs(now - self._fetched_at) < self._max_stale_seconds:
                return
            self.keys = None
        _log.warning("The keys of %s are too old to be relied on any more", self._issuer)

    def _begin(self, now: float, since: float) -> tuple[Waiting | None, bool]:
        """Join the download under way, or start one when `since` is long enough ago; the flag says which."""
        flight = self._flight
        # A future that is overdue has lost its thread (a fork copies only the one): don't wait for it.
        if flight is not None and not flight.done() and time.monotonic() - self._flight_began < WAIT_SECONDS:
            return flight, False
        if abs(now - since) < self._pause():
            return None, False
        flight = Waiting()
        # Running futures can't be cancelled, so a waiter that gives up takes nobody's download with it.
        flight.set_running_or_notify_cancel()
        self._flight, self._flight_began, self._started_at = flight, time.monotonic(), now
        threading.Thread(target=self._download, args=(flight, now), name="keys-download", daemon=True).start()
        return flight, True

    def _download(self, flight: Waiting, started_at: float) -> None:
        url = self._jwks_url or self._discovered
        found, why = None, "the download crashed"
        try:
            found = asyncio.run(download.key_set(self._issuer, url, self._algorithms))
        except download.DownloadError as error:
            why = str(error)
        finally:
            # Whatever happened, even a crash of this thread, is counted, and nobody is left waiting.
            if found is None:
                self._failed(why)
            else:
                self._arrived(found, started_at)
            flight.set_result(None)

    def _arrived(self, found: download.Download, started_at: float) -> None:
        stated = MAX_FRESH_SECONDS if found.fresh_seconds is None else found.fresh_seconds
        with self._lock:
            if self.keys != found.keys:
                _log.info("The keys of %s are now %s", self._issuer, ", ".join(found.keys))
                self.keys = found.keys
                self._looked_at = float("-inf")
            self._discovered = found.url
            self._fetched_at = started_at
            self._fresh_seconds = min(MAX_FRESH_SECONDS, max(MIN_FRESH_SECONDS, stated))
            self._renew_seconds = self._fresh_seconds * 0.8
            self._failures, self._last_failure = 0, ""

    def _failed(self, why: str) -> None:
        kept = "the last good ones stay in use" if self.keys else "there are none to rely on"
        _log.warning("The keys of %s could not be fetched (%s); %s", self._issuer, why, kept)
        with self._lock:
            # The address may be what is wrong: ask the metadata again next time.
            self._discovered = None
            self._failures += 1
            self._last_failure = why


def wait(flight: Waiting) -> None:
    """Wait for a download from synchronous code, as long as one may take."""
    concurrent.futures.wait([flight], timeout=WAIT_SECONDS)


async def await_(flight: Waiting) -> None:
    """Wait for a download on an event loop, as long as one may take; being cancelled leaves it running."""
    await asyncio.wait([asyncio.wrap_future(flight)], timeout=WAIT_SECONDS)

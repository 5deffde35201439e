"""How often something may be tried: exact counters in the database, or in Valkey where there is one.

An attempt is counted before it is looked at, so that of a hundred at once no more than the limit are. The window
begins with the first attempt and does not move; a success may `forgive` a counter, or `give_back` its own attempt.
"""

from __future__ import annotations

import hashlib
import ipaddress
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from . import database, logs
from .clock import Clock

if TYPE_CHECKING:
    from .valkey import Valkey

# Signing in, by whatever door: failures per account and per address.
LOGIN_ACCOUNT, LOGIN_ADDRESS, LOGIN_SECONDS = 10, 100, 900

# How long Valkey is left alone after it failed, the database counting instead.
PAUSE_SECONDS = 5.0
_VALKEY_PREFIX = "authserver/attempts/"
# One step on the server: the counter and its end never come apart.
_CLAIM = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
"""

_GIVE_BACK = "if tonumber(redis.call('GET', KEYS[1]) or '0') > 0 then redis.call('DECR', KEYS[1]) end"

table = sa.Table(
    "attempts",
    database.metadata,
    sa.Column("key", sa.LargeBinary, primary_key=True),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("resets_at", sa.Double, nullable=False, index=True),
)


@dataclass(frozen=True)
class Claim:
    """What became of one attempt: whether it may be looked at, how many are left, and when the count starts anew.

    `over` is 1 for the first attempt beyond the limit, so that a pause is put on record once, however many knock.
    """

    allowed: bool
    left: int
    resets_at: float
    over: int


def claim(session: Session, key: str, *, limit: int, seconds: float, now: float) -> Claim:
    """Count one attempt, in one statement."""
    statement = database.insert(session, table).values(key=_hash(key), count=1, resets_at=now + seconds)
    over = table.c.resets_at <= now
    # A clock that was set back must not make the window longer than it ever is.
    end = sa.case((table.c.resets_at > statement.excluded.resets_at, statement.excluded.resets_at))
    statement = statement.on_conflict_do_update(
        index_elements=["key"],
        set_={
            "count": sa.case((over, 1), else_=table.c.count + 1),
            "resets_at": sa.case(
                (over, statement.excluded.resets_at), else_=sa.func.coalesce(end, table.c.resets_at)
            ),
        },
    )
    count, resets_at = session.execute(statement.returning(table.c.count, table.c.resets_at)).one()
    return _claimed(count, limit, resets_at)


def forgive(session: Session, key: str) -> None:
    """Start the count anew."""
    session.execute(sa.delete(table).where(table.c.key == _hash(key)))


def give_back(session: Session, key: str) -> None:
    """Count one attempt less: it was no failure. The others stay counted."""
    counted = (table.c.key == _hash(key)) & (table.c.count > 0)
    session.execute(sa.update(table).where(counted).values(count=table.c.count - 1))


def delete_expired(session: Session, now: float, limit: int) -> int:
    """Delete at most `limit` counters whose window is over; returns how many."""
    return database.delete_batch(session, table.c.resets_at, now, limit)


def login_keys(email_key: str, ip: str, known_browser: str = "") -> tuple[str, str]:
    """The counters of one try to sign in: the account's, known or not, and the address'.

    The address' comes first: one that has used up its tries must not use up other people's. On a browser where the
    person has signed in before (`known_browser`), what strangers tried elsewhere does not count.
    """
    account = f"login/account/{email_key}"
    return f"{account}/{known_browser}" if known_browser else account, f"login/address/{address(ip)}"


def address(ip: str) -> str:
    """What counts as one address: IPv4 as it is, IPv6 by its /64, since any household has so many of those."""
    try:
        parsed = ipaddress.ip_address(ip.partition("%")[0])
    except ValueError:
        return ip
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


class Limits:
    """The counters for whoever may wait: Valkey when configured and well, else the database.

    When Valkey fails the count starts anew in the database, so around a failure, at most twice the limit passes.
    """

    def __init__(self, store: database.Database, clock: Clock, valkey_url: str | None = None) -> None:
        self._database = store
        self._clock = clock
        self._valkey: Valkey | None = None
        self._valkey_from = 0.0
        self._log = logs.get_logger("limits")
        if valkey_url:
            from . import valkey  # heavy, and most have none

            self._valkey, self._failures = valkey.for_counting(valkey_url), valkey.FAILURES

    async def claim(self, key: str, *, limit: int, seconds: float) -> Claim:
        """Count one attempt. Raises database.UnavailableError: then nothing is allowed."""
        if self._valkey is not None and time.monotonic() >= self._valkey_from:
            try:
                return await self._claim_in_valkey(self._valkey, key, limit, seconds)
            except self._failures as error:
                self._pause(error)
        now = self._clock()
        return await self._database.transaction(
            lambda session: claim(session, key, limit=limit, seconds=seconds, now=now)
        )

    async def forgive(self, key: str) -> None:
        """Start the count anew. Raises database.UnavailableError."""
        if self._valkey is not None and time.monotonic() >= self._valkey_from:
            try:
                await self._valkey.delete(_VALKEY_PREFIX + _hash(key).hex())
                return
            except self._failures as error:
                self._pause(error)
        await self._database.transaction(lambda session: forgive(session, key))

    async def give_back(self, key: str) -> None:
        """Count one attempt less: it was no failure. Raises database.UnavailableError."""
        if self._valkey is not None and time.monotonic() >= self._valkey_from:
            try:
                await cast(
                    Awaitable[object], self._valkey.eval(_GIVE_BACK, 1, _VALKEY_PREFIX + _hash(key).hex())
                )
                return
            except self._failures as error:
                self._pause(error)
        await self._database.transaction(lambda session: give_back(session, key))

    async def close(self) -> None:
        """Closes the connections to Valkey."""
        if self._valkey is not None:
            await self._valkey.aclose()

    async def _claim_in_valkey(self, valkey: Valkey, key: str, limit: int, seconds: float) -> Claim:
        answer = await valkey.eval(_CLAIM, 1, _VALKEY_PREFIX + _hash(key).hex(), str(int(seconds * 1000)))
        count, milliseconds = cast(list[int], answer)
        return _claimed(count, limit, self._clock() + max(0, milliseconds) / 1000)

    def _pause(self, error: Exception) -> None:
        self._valkey_from = time.monotonic() + PAUSE_SECONDS
        self._log.warning("Valkey does not answer; the database counts tries", error=str(error)[:200])


def _claimed(count: int, limit: int, resets_at: float) -> Claim:
    return Claim(count <= limit, max(0, limit - count), resets_at, max(0, count - limit))


def _hash(key: str) -> bytes:
    """Keys hold addresses and e-mails of any length: neither is kept."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()

"""Text in, `AccessToken` out, or an error that says why not. Only keys are ever fetched, by `source`.

Every check of RFC 9068 §4 and RFC 8725 is spelled out here and in `compact` (the form) and `access_token` (the
types of claims), none is left to a library's default; the signature itself is verified by joserfc.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Final, NamedTuple, Self

from . import access_token, compact, errors, jwks, signing
from . import source as key_source
from .access_token import AccessToken


class _AnyAudience:
    """See `ANY_AUDIENCE`."""


# For the issuer's own introspection only: a resource server that takes every audience can be attacked with
# tokens that were issued for others.
ANY_AUDIENCE: Final = _AnyAudience()


class _Remembered(NamedTuple):
    keys: key_source.KeySet
    key: jwks.PublicKey
    valid_from: float
    valid_until: float
    token: AccessToken


class Verifier:
    """Verifies the access tokens of one issuer for one audience.

    One object serves a whole process: threads, event loops, synchronous code (`verify`) and asynchronous
    (`averify`). Tokens it has verified are remembered, by the SHA-256 of their whole text, until they expire,
    their key leaves the key set, or `remember` newer ones have come.
    """

    def __init__(
        self,
        issuer: str,
        audience: str | _AnyAudience,
        *,
        jwks_url: str | None = None,
        algorithms: Collection[str] = ("RS256",),
        leeway: float = 10,
        max_lifetime_seconds: float | None = 3600,
        max_stale_seconds: float = key_source.MAX_STALE_SECONDS,
        remember: int = 10_000,
        clock: Callable[[], float] = time.time,
        source: key_source.Source | None = None,
    ) -> None:
        """Nothing is fetched yet. Raise ValueError for settings that make no sense.

        `issuer` and `audience` are compared character by character. `leeway` is how many seconds clocks may
        differ. A token made to live longer than `max_lifetime_seconds` is refused. Keys come from `jwks_url`,
        or else from where the issuer's metadata says (RFC 8414), unless a `source` of keys is given. While
        they can't be fetched the last good ones serve, for `max_stale_seconds` (300 or more).
        """
        if not algorithms or not set(algorithms) <= signing.ALGORITHMS.keys():
            raise ValueError(f"algorithms must be some of {', '.join(signing.ALGORITHMS)}.")
        if not 0 <= leeway <= 60:
            raise ValueError("leeway must be 0 to 60 seconds.")
        if not issuer or not audience:
            raise ValueError("issuer and audience can't be empty.")
        self.issuer = issuer
        self.audience = audience
        self._algorithms = tuple(algorithms)
        self._leeway = leeway
        self._max_lifetime_seconds = float("inf") if max_lifetime_seconds is None else max_lifetime_seconds
        self._capacity = remember
        self._clock = clock
        self._source = source or key_source.Remote(
            issuer,
            jwks_url=jwks_url,
            algorithms=self._algorithms,
            max_stale_seconds=max_stale_seconds,
            clock=clock,
        )
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()

    def verify(self, token: str) -> AccessToken:
        """Return what a valid token says.

        Raise an InvalidTokenError (401) when it is bad, KeySetUnavailableError (503) when there is no key set,
        or only one older than `max_stale_seconds`. Takes microseconds, except that it waits up to 5 s for keys
        it has to fetch; on an event loop use `averify`.
        """
        now = self._clock()
        if (flight := self._source.freshen(now)) is not None:
            key_source.wait(flight)
            now = self._clock()
        digest = hashlib.sha256(compact.check_size(token)).digest()
        if (known := self._recall(digest, now)) is not None:
            return known
        parts = compact.read(token, self._algorithms)
        if not self._knows(parts.kid) and (flight := self._source.look_again(now)) is not None:
            key_source.wait(flight)
        return self._judge(digest, parts)

    async def averify(self, token: str) -> AccessToken:
        """As `verify`, without ever blocking the event loop."""
        now = self._clock()
        if (flight := self._source.freshen(now)) is not None:
            await key_source.await_(flight)
            now = self._clock()
        digest = hashlib.sha256(compact.check_size(token)).digest()
        if (known := self._recall(digest, now)) is not None:
            return known
        parts = compact.read(token, self._algorithms)
        if not self._knows(parts.kid) and (flight := self._source.look_again(now)) is not None:
            await key_source.await_(flight)
        return self._judge(digest, parts)

    def ready(self) -> None:
        """Return when there are keys, fetching them if need be, else raise KeySetUnavailableError."""
        if (flight := self._fetching()) is not None:
            key_source.wait(flight)
        self._keys()

    async def aready(self) -> None:
        """As `ready`, without ever blocking the event loop."""
        if (flight := self._fetching()) is not None:
            await key_source.await_(flight)
        self._keys()

    async def __aenter__(self) -> Self:
        """Start to fetch the keys and don't wait: a service may start before its issuer."""
        if self._source.keys is None:
            self._source.look_again(self._clock())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remembered.clear()

    def _fetching(self) -> key_source.Waiting | None:
        """What has to be waited for before it is known whether there are keys."""
        now = self._clock()
        flight = self._source.freshen(now)
        return self._source.look_again(now) if flight is None and self._source.keys is None else flight

    def _keys(self) -> key_source.KeySet:
        keys = self._source.keys
        if keys is None:
            now = self._clock()
            raise errors.KeySetUnavailableError(
                self._source.describe(now), retry_after_seconds=self._source.retry_after_seconds(now)
            )
        return keys

    def _knows(self, kid: str) -> bool:
        keys = self._source.keys
        return keys is not None and kid in keys

    def _recall(self, digest: bytes, now: float) -> AccessToken | None:
        """The token if it was verified before and would be again; if not, the long way tells why."""
        found = self._remembered.get(digest)
        if found is None:
            return None
        keys = self._source.keys
        if not found.valid_from <= now < found.valid_until:
            self._remembered.pop(digest, None)
            return None
        if found.keys is not keys:
            if keys is None or keys.get(found.key.kid) != found.key:
                self._remembered.pop(digest, None)
                return None
            self._remembered[digest] = found._replace(keys=keys)
        try:
            self._remembered.move_to_end(digest)
        except KeyError:
            # Another thread made room for a newer one just now: go the long way.
            return None
        return found.token

    def _judge(self, digest: bytes, parts: compact.Compact) -> AccessToken:
        """Everything that needs the key, in this order: key, signature, claims."""
        now = self._clock()
        keys = self._keys()
        key = keys.get(parts.kid)
        if key is None:
            raise errors.UnknownKeyError(
                f"The kid {errors.shown(parts.kid)} is not in the key set. {self._source.describe(now)}"
            )
        if not key.allows(parts.alg):
            raise errors.RefusedHeaderError(f"The key {errors.shown(parts.kid)} is not for {parts.alg}.")
        if not key.verify(parts.alg, parts.signed, parts.signature):
            raise errors.BadSignatureError(f"The key {errors.shown(parts.kid)} did not make this signature.")
        token = access_token.read(compact.json_object(parts.payload, "payload"))
        self._check(token, now)
        self._remember(digest, keys, key, token)
        return token

    def _check(self, token: AccessToken, now: float) -> None:
        if token.issuer != self.issuer:
            raise errors.WrongIssuerError(f"The iss is {errors.shown(token.issuer)}, not {self.issuer!r}.")
        if token.audience != self.audience and self.audience is not ANY_AUDIENCE:
            raise errors.WrongAudienceError(
                f"The aud is {errors.shown(token.audience)}, not {self.audience!r}."
            )
        if now >= token.expires_at + self._leeway:
            seconds = f"{now - token.expires_at:.0f} s ago"
            raise errors.ExpiredTokenError(description=f"The access token expired {seconds}.")
        for name, moment in (("iat", token.issued_at), ("nbf", token.not_before)):
            if moment is not None and moment > now + self._leeway:
                raise errors.NotYetValidError(f"The {name} lies {moment - now:.0f} s ahead of this clock.")
        if not 0 < token.expires_at - token.issued_at <= self._max_lifetime_seconds:
            raise errors.InvalidClaimError(
                f"The time from iat to exp is {token.expires_at - token.issued_at:.0f} s; "
                f"more than 0 and at most {self._max_lifetime_seconds:.0f} s are accepted."
            )

    def _remember(
        self, digest: bytes, keys: key_source.KeySet, key: jwks.PublicKey, token: AccessToken
    ) -> None:
        valid_from = max(token.issued_at, token.not_before or 0) - self._leeway
        self._remembered[digest] = _Remembered(keys, key, valid_from, token.expires_at + self._leeway, token)
        while len(self._remembered) > self._capacity:
            try:
                self._remembered.popitem(last=False)
            except KeyError:
                break

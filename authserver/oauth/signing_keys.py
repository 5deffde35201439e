"""The table of signing keys behind the port that `keys.ring` declares, and what the protocol does with the ring.

Private keys lie encrypted, bound to their kid. The ring is read once and kept in the process until it changes,
so a request finds its key ready. A node that changes the ring takes the cache's version row first: of many that
want to rotate, one does, and the others find it done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

import keys.errors
import keys.jwks
import keys.ring
import keys.source
import keys.verifier
from keys.signing import SigningKey

from .. import audit, cache, database
from . import context

table = sa.Table(
    "signing_keys",
    database.metadata,
    sa.Column("kid", sa.Text, primary_key=True),
    sa.Column("alg", sa.Text, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("published_at", sa.Double, nullable=False),
    sa.Column("signs_at", sa.Double),
    sa.Column("stopped_at", sa.Double),
    sa.Column("revoked_at", sa.Double),
)
_MOMENTS = ("published_at", "signs_at", "stopped_at", "revoked_at")


@dataclass(frozen=True)
class _Loaded:
    ring: keys.ring.Ring
    verifier: keys.verifier.Verifier | None


@dataclass(frozen=True)
class Published:
    """The key set as it goes out: `body` is JSON, `etag` its entity tag with quotes."""

    body: bytes
    etag: str


class Store(keys.ring.KeyStore):
    """`keys.ring.KeyStore` on the table, for one session."""

    def __init__(self, oauth: context.OAuth, session: Session) -> None:
        self.oauth = oauth
        self.session = session

    def load(self) -> keys.ring.Ring:
        rows = self.session.execute(sa.select(table)).mappings().all()
        policy = keys.ring.Policy(rotation_seconds=self.oauth.settings.key_rotation_seconds)
        return keys.ring.Ring(tuple(self._record(row) for row in rows), policy)

    def apply(self, change: keys.ring.Change) -> bool:
        # Raising the version also takes its row: whoever comes second waits here and then sees our records.
        cache.changed(self.session, "keys", "all")
        ring = self.load()
        found = [
            ring.find(record.kid) for record in (*(update.before for update in change.update), *change.remove)
        ]
        if found != [*(update.before for update in change.update), *change.remove]:
            return False
        after = change.applied_to(ring)
        states = [record.state(0, after.policy) for record in after.records]
        if states.count(keys.ring.State.ACTIVE) > 1 or states.count(keys.ring.State.NEXT) > 1:
            return False
        for update in change.update:
            values = {name: getattr(update.after, name) for name in _MOMENTS}
            self.session.execute(sa.update(table).where(table.c.kid == update.after.kid).values(values))
        for record in change.remove:
            self.session.execute(sa.delete(table).where(table.c.kid == record.kid))
        for record in change.add:
            sealed = self.oauth.secret_keys.encrypt(record.key.to_der(), about=record.kid)
            values = {name: getattr(record, name) for name in ("kid", "alg", *_MOMENTS)}
            self.session.execute(sa.insert(table).values(values | {"sealed": sealed}))
        return True

    def _record(self, row: Any) -> keys.ring.Record:
        der = self.oauth.secret_keys.decrypt(bytes(row["sealed"]), about=row["kid"])
        # Sealed by ourselves, so the slow consistency check (40 ms) has nothing to find.
        key = SigningKey.from_der(der, kid=row["kid"], alg=row["alg"], trusted=True)
        return keys.ring.Record(
            kid=row["kid"], alg=row["alg"], key=key, **{name: row[name] for name in _MOMENTS}
        )


def active(oauth: context.OAuth, session: Session) -> SigningKey:
    """The key that signs now. Raises keys.errors.NoSuchKeyError before `ensure` ever ran."""
    return _loaded(oauth, session).ring.active.key


def published(oauth: context.OAuth, session: Session) -> Published:
    """The key set to publish now (RFC 7517 §5)."""
    body = keys.jwks.encode(keys.jwks.document(_loaded(oauth, session).ring.published(oauth.clock())))
    return Published(body, keys.jwks.etag(body))


def verify(oauth: context.OAuth, session: Session, token: str) -> dict[str, Any] | None:
    """The claims of an access token signed with one of our keys and not expired, else None."""
    verifier = _loaded(oauth, session).verifier
    if verifier is None:
        return None
    try:
        read = verifier.verify(token)
    except keys.errors.InvalidTokenError:
        return None
    # The verifier's leeway is for other people's clocks; whoever asks us hears the exact truth about ours.
    return dict(read.claims) if oauth.clock() < read.expires_at else None


def ring(oauth: context.OAuth, session: Session) -> keys.ring.Ring:
    """All keys as the database has them now, for `authserver keys list`."""
    return Store(oauth, session).load()


def ensure(oauth: context.OAuth, session: Session) -> None:
    """At start: there is an active key and a next one."""
    _change(oauth, session, keys.ring.ensure)


def run(oauth: context.OAuth, session: Session) -> bool:
    """What time has brought, the scheduled rotation above all. Idempotent; True when something changed."""
    return bool(_change(oauth, session, keys.ring.due))


def rotate(oauth: context.OAuth, session: Session, *, emergency: bool = False) -> None:
    """Let the next key sign from now on. Raises keys.errors.NextKeyTooYoungError unless `emergency`."""

    def plan(ring: keys.ring.Ring, now: float, make_key: Callable[[], SigningKey]) -> keys.ring.Change:
        return keys.ring.rotate(ring, now, make_key, emergency=emergency)

    _change(oauth, session, plan)


def revoke(oauth: context.OAuth, session: Session, kid: str) -> bool:
    """Unpublish a key at once; False when it was gone already. Raises keys.errors.NoSuchKeyError."""

    def plan(ring: keys.ring.Ring, now: float, make_key: Callable[[], SigningKey]) -> keys.ring.Change:
        return keys.ring.revoke(ring, kid, now, make_key)

    return bool(_change(oauth, session, plan, "key_revoked"))


def reseal(oauth: context.OAuth, session: Session) -> int:
    """Encrypt every private key with the current secret key, for `authserver secret rotate`; returns how many."""
    rows = session.execute(sa.select(table.c.kid, table.c.sealed)).all()
    for kid, sealed in rows:
        fresh = oauth.secret_keys.encrypt(oauth.secret_keys.decrypt(bytes(sealed), about=kid), about=kid)
        session.execute(sa.update(table).where(table.c.kid == kid).values(sealed=fresh))
    return len(rows)


def _loaded(oauth: context.OAuth, session: Session) -> _Loaded:
    def load(session: Session, _key: str) -> _Loaded:
        ring = Store(oauth, session).load()
        usable = [record for record in ring.records if record.revoked_at is None]
        if not usable:
            return _Loaded(ring, None)
        algorithms = tuple(sorted({record.alg for record in usable}))
        verifier = keys.verifier.Verifier(
            oauth.settings.issuer,
            keys.verifier.ANY_AUDIENCE,
            source=keys.source.Fixed(keys.jwks.of(usable, algorithms)),
            algorithms=algorithms,
            clock=oauth.clock,
        )
        return _Loaded(ring, verifier)

    loaded = oauth.cache.get(session, "keys", "all", load)
    assert loaded is not None
    return loaded


def _change(
    oauth: context.OAuth,
    session: Session,
    plan: Callable[[keys.ring.Ring, float, Callable[[], SigningKey]], keys.ring.Change],
    event: str | None = None,
) -> keys.ring.Change:
    """Make the change that `plan` wants of the ring as it is; new keys are made off the loop, holding nothing."""
    made: list[SigningKey] = []
    store = Store(oauth, session)
    while True:
        now = oauth.clock()
        ready = iter(made)
        try:
            change = plan(store.load(), now, ready.__next__)
        except StopIteration:
            database.release(session)
            bits = oauth.settings.key_bits
            made.append(database.await_(asyncio.to_thread(SigningKey.generate, "RS256", bits)))
            continue
        if not change:
            return change
        if store.apply(change):
            kids = sorted(
                {record.kid for record in change.add} | {update.after.kid for update in change.update}
            )
            if kids:  # forgetting a key that was gone anyway is no news
                event = event or ("key_rotated" if change.update else "key_created")
                audit.record(session, event, now=now, kids=kids)
            return change
        database.release(session)

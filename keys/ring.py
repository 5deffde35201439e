"""The life of signing keys: next → active → retiring → gone.

Pure functions over frozen records. Each looks at a `Ring` and a moment and returns the `Change` that should
be made; nothing here stores, publishes or waits. The one who keeps the ring implements `KeyStore`.

    next       published, does not sign yet: verifiers get to know it
    active     signs; there is exactly one
    retiring   signs no more, still published, because tokens it signed are still valid
    gone       no longer published; its record is removed soon after

A ring always has a next key, so that an emergency finds one that every verifier already knows. State follows
from which moments are set, not from comparing them with the local clock, so nodes whose clocks differ agree
on who signs.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from . import errors
from .signing import SigningKey

MakeKey = Callable[[], SigningKey]


class State(StrEnum):
    NEXT = "next"
    ACTIVE = "active"
    RETIRING = "retiring"
    GONE = "gone"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How long things take, in seconds."""

    # A verifier refreshes its key set every 300 s at the latest; twice that leaves room for one failed fetch.
    publish_seconds: float = 600
    # When nobody is in a hurry, even a verifier that caches for days gets its chance.
    scheduled_publish_seconds: float = 7 * 86_400
    rotation_seconds: float = 90 * 86_400
    # The longest access token (3,600 s), a verifier's cache (300 s), both leeways, and slack for a slow node.
    retire_seconds: float = 75 * 60

    def __post_init__(self) -> None:
        if self.rotation_seconds < self.scheduled_publish_seconds:
            raise ValueError(
                f"Keys can't rotate every {self.rotation_seconds:.0f} s when the next one has to be "
                f"published {self.scheduled_publish_seconds:.0f} s before."
            )


DEFAULT_POLICY = Policy()


@dataclass(frozen=True, kw_only=True)
class Record:
    """One key and the moments of its life, in epoch seconds; None means not yet."""

    kid: str
    alg: str
    key: SigningKey = field(repr=False, compare=False)
    published_at: float
    signs_at: float | None = None
    stopped_at: float | None = None
    revoked_at: float | None = None

    def public_jwk(self) -> dict[str, str]:
        return self.key.public_jwk()

    def state(self, now: float, policy: Policy = DEFAULT_POLICY) -> State:
        """Return where in its life the key stands at `now`."""
        if self.revoked_at is not None:
            return State.GONE
        if self.stopped_at is not None:
            return State.RETIRING if now < self.stopped_at + policy.retire_seconds else State.GONE
        return State.NEXT if self.signs_at is None else State.ACTIVE


@dataclass(frozen=True)
class Ring:
    """All keys that are kept, in any order."""

    records: tuple[Record, ...] = ()
    policy: Policy = DEFAULT_POLICY

    @property
    def active(self) -> Record:
        """The one key that signs. Raise NoSuchKeyError when there is none, i.e. `ensure` never ran."""
        record = self.living(State.ACTIVE)
        if record is None:
            raise errors.NoSuchKeyError("The ring has no active key.")
        return record

    @property
    def next(self) -> Record | None:
        """The key that signs after the active one; None only until `ensure` or `due` has run again."""
        return self.living(State.NEXT)

    def find(self, kid: str) -> Record | None:
        return next((record for record in self.records if record.kid == kid), None)

    def published(self, now: float) -> tuple[Record, ...]:
        """The keys that belong into the JWKS at `now`: all but the gone ones, oldest first."""
        known = (r for r in self.records if r.state(now, self.policy) is not State.GONE)
        return tuple(sorted(known, key=lambda r: (r.published_at, r.kid)))

    def switches_at(self) -> float:
        """The moment (epoch seconds) of the next scheduled rotation; infinity while there is no next key.

        Raise NoSuchKeyError without an active key.
        """
        started_at, following = self.active.signs_at or 0.0, self.next
        known_at = following.published_at if following is not None else float("inf")
        return max(
            started_at + self.policy.rotation_seconds,
            known_at + self.policy.scheduled_publish_seconds,
        )

    def living(self, state: State) -> Record | None:
        """The one key that is `next` or `active`. Neither depends on the time."""
        return next((record for record in self.records if record.state(0, self.policy) is state), None)


@dataclass(frozen=True)
class Update:
    """Replace `before` by `after`; only moments differ."""

    before: Record
    after: Record


@dataclass(frozen=True)
class Change:
    """What to store. False in a condition when there is nothing to do."""

    add: tuple[Record, ...] = ()
    update: tuple[Update, ...] = ()
    remove: tuple[Record, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.add or self.update or self.remove)

    def applied_to(self, ring: Ring) -> Ring:
        """Return the ring as it is once this change is stored."""
        after = {update.before.kid: update.after for update in self.update}
        removed = {record.kid for record in self.remove}
        kept = (after.get(r.kid, r) for r in ring.records if r.kid not in removed)
        return replace(ring, records=(*kept, *self.add))


class KeyStore(Protocol):
    """The port: whoever keeps the ring implements this, and promises what it says."""

    def load(self) -> Ring:
        """Return every record that is kept."""

    def apply(self, change: Change) -> bool:
        """Store all of the change and return True, or nothing of it and return False.

        False when any record of `update` or `remove` is no longer as the change found it, or when it would
        make a second active or a second next key. Then another node was faster: load again. The check and the
        write are one atomic step, which is what makes exactly one of many nodes rotate. Private keys are
        stored encrypted, and a removed record takes its private key with it.
        """


def ensure(ring: Ring, now: float, make_key: MakeKey) -> Change:
    """Complete the ring: an active key and a next one.

    An empty ring gets both at once; its active key signs without having been published before, as no verifier
    can hold an older set. `make_key` is called at most twice, here and below; making an RSA key takes long,
    so hand over a function that gives out keys made beforehand in a thread (`missing` says how many).
    """
    return _complete(ring, now, make_key)


def missing(ring: Ring) -> int:
    """How many keys `ensure` would make. The others need at most one more, and never above two."""
    return (ring.living(State.ACTIVE) is None) + (ring.next is None) if ring.records else 2


def due(ring: Ring, now: float, make_key: MakeKey) -> Change:
    """What time has brought: complete the ring, switch keys when the schedule says so, remove what is gone.

    Idempotent; call it every minute or so.
    """
    change = _complete(ring, now, make_key)
    whole = change.applied_to(ring)
    if whole.next is not None and now >= whole.switches_at():
        change = _joined(change, _switch(whole, whole.next, now, make_key))
    forgotten = tuple(r for r in ring.records if now >= _ended_at(r) + ring.policy.retire_seconds)
    return _joined(change, Change(remove=forgotten))


def rotate(ring: Ring, now: float, make_key: MakeKey, *, emergency: bool = False) -> Change:
    """Let the next key sign from `now` on, and publish a new next one.

    Raise NextKeyTooYoungError when it has been published for less than `publish_seconds`, as verifiers may
    not know it yet; `emergency` rotates all the same (a verifier of ours that meets an unknown key fetches the
    set again; others may wait until theirs is old). Raise NoSuchKeyError when the ring is not complete: `ensure` first.
    """
    following = ring.next
    if following is None:
        raise errors.NoSuchKeyError("The ring has no next key that could take over.")
    ready_at = following.published_at + ring.policy.publish_seconds
    if now < ready_at and not emergency:
        raise errors.NextKeyTooYoungError(following.kid, ready_at)
    return _switch(ring, following, now, make_key)


def revoke(ring: Ring, kid: str, now: float, make_key: MakeKey) -> Change:
    """Unpublish a key at once; tokens it signed die when verifiers refresh, in 300 s at most.

    When it was the active one the next takes over at once, however young, and a new next is made. Revoking a
    key that is gone already changes nothing. Raise NoSuchKeyError for an id the ring doesn't know.
    """
    record = ring.find(kid)
    if record is None:
        raise errors.NoSuchKeyError(f"The ring has no key {kid}.")
    if record.state(now, ring.policy) is State.GONE:
        return Change()
    stopped_at = now if record.state(now, ring.policy) is State.ACTIVE else record.stopped_at
    after = replace(record, revoked_at=now, stopped_at=stopped_at)
    change = Change(update=(Update(record, after),))
    return _joined(change, _complete(change.applied_to(ring), now, make_key))


def _complete(ring: Ring, now: float, make_key: MakeKey) -> Change:
    if ring.living(State.ACTIVE) is None:
        heir = ring.next
        if heir is None:
            first = _new(make_key(), now, signs_at=now)
            return Change(add=(first, _new(make_key(), now)))
        return Change(add=(_new(make_key(), now),), update=(Update(heir, replace(heir, signs_at=now)),))
    return Change() if ring.next is not None else Change(add=(_new(make_key(), now),))


def _switch(ring: Ring, following: Record, now: float, make_key: MakeKey) -> Change:
    active = ring.active
    return Change(
        add=(_new(make_key(), now),),
        update=(
            Update(active, replace(active, stopped_at=now)),
            Update(following, replace(following, signs_at=now)),
        ),
    )


def _new(key: SigningKey, now: float, signs_at: float | None = None) -> Record:
    return Record(kid=key.kid, alg=key.alg, key=key, published_at=now, signs_at=signs_at)


def _ended_at(record: Record) -> float:
    """When the key stopped being of use; infinity while it still is."""
    ends: Iterable[float | None] = (record.stopped_at, record.revoked_at)
    return max((end for end in ends if end is not None), default=float("inf"))


def _joined(first: Change, second: Change) -> Change:
    """Both changes as one; `second` starts from what `first` leaves and touches none of its updates."""
    return Change(first.add + second.add, first.update + second.update, first.remove + second.remove)

"""A key's life: what the ring promises at every moment, whatever was done to it before."""

import dataclasses
import itertools
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from keys import errors, ring
from keys.ring import Change, Policy, Record, Ring, State
from keys.signing import SigningKey

POLICY = Policy()
DAY = 86_400.0
START = 1_800_000_000.0
_TEMPLATE = SigningKey.generate("ES256")


def key_maker() -> Callable[[], SigningKey]:
    """Hands out keys with ids of their own; the ring never looks into a key, so they may be the same one."""
    numbers = itertools.count()
    return lambda: SigningKey.from_der(
        _TEMPLATE.to_der(), alg="ES256", kid=f"key-{next(numbers)}", trusted=True
    )


def first_ring(now: float = START) -> tuple[Ring, Callable[[], SigningKey]]:
    make = key_maker()
    return ring.ensure(Ring(), now, make).applied_to(Ring()), make


def states(keys: Ring, now: float) -> list[State]:
    return [record.state(now) for record in keys.records]


def test_the_first_start_makes_an_active_and_a_next_key() -> None:
    keys, _ = first_ring()
    assert states(keys, START) == [State.ACTIVE, State.NEXT]
    assert keys.published(START) == keys.records


def test_ensure_changes_nothing_when_nothing_is_missing() -> None:
    keys, make = first_ring()
    assert not ring.ensure(keys, START + 5, make)
    assert ring.missing(keys) == 0
    assert ring.missing(Ring()) == 2
    assert ring.missing(Ring(keys.records[:1])) == ring.missing(Ring(keys.records[1:])) == 1


def test_a_young_next_key_does_not_rotate_and_the_error_says_when_it_may() -> None:
    keys, make = first_ring()
    with pytest.raises(errors.NextKeyTooYoungError, match="2027-01-15 08:10:00 UTC") as refused:
        ring.rotate(keys, START + 599, make)
    assert refused.value.ready_at == START + 600
    assert ring.rotate(keys, refused.value.ready_at, make)


def test_an_emergency_rotates_to_a_key_of_any_age() -> None:
    keys, make = first_ring()
    after = ring.rotate(keys, START + 1, make, emergency=True).applied_to(keys)
    assert keys.next is not None
    assert after.active.kid == keys.next.kid
    assert after.next is not None and after.next.published_at == START + 1


def test_a_retired_key_is_published_for_75_minutes_and_then_forgotten() -> None:
    keys, make = first_ring()
    old = keys.active.kid
    at = START + DAY
    keys = ring.rotate(keys, at, make).applied_to(keys)
    assert old in {r.kid for r in keys.published(at + 75 * 60 - 1)}
    assert old not in {r.kid for r in keys.published(at + 75 * 60)}
    assert not ring.due(keys, at + 75 * 60 - 1, make)
    change = ring.due(keys, at + 75 * 60, make)
    assert [record.kid for record in change.remove] == [old]
    assert change.applied_to(keys).find(old) is None


def test_keys_change_by_themselves_after_90_days() -> None:
    keys, make = first_ring()
    following = keys.next
    assert following is not None
    assert not ring.due(keys, START + 90 * DAY - 1, make)
    keys = ring.due(keys, START + 90 * DAY, make).applied_to(keys)
    assert keys.active.kid == following.kid
    assert not ring.due(keys, START + 90 * DAY, make)
    assert keys.switches_at() == START + 180 * DAY


def test_a_scheduled_change_waits_until_the_next_key_was_published_for_7_days() -> None:
    keys, make = first_ring()
    assert keys.next is not None
    late = START + 88 * DAY
    keys = ring.revoke(keys, keys.next.kid, late, make).applied_to(keys)
    keys = Ring(tuple(r for r in keys.records if r.revoked_at is None))
    assert not ring.due(keys, START + 90 * DAY, make)
    assert keys.switches_at() == late + 7 * DAY
    assert ring.due(keys, late + 7 * DAY, make)


def test_revoking_the_active_key_lets_the_next_take_over_at_once() -> None:
    keys, make = first_ring()
    old, heir = keys.active, keys.next
    after = ring.revoke(keys, old.kid, START + 1, make).applied_to(keys)
    assert heir is not None
    assert after.active.kid == heir.kid
    assert after.next is not None and after.next.kid not in (old.kid, heir.kid)
    assert old.kid not in {record.kid for record in after.published(START + 1)}


def test_revoking_a_retiring_key_touches_no_other() -> None:
    keys, make = first_ring()
    old = keys.active.kid
    keys = ring.rotate(keys, START + DAY, make).applied_to(keys)
    change = ring.revoke(keys, old, START + DAY + 1, make)
    assert not change.add and not change.remove and len(change.update) == 1
    assert old not in {record.kid for record in change.applied_to(keys).published(START + DAY + 1)}


def test_revoking_twice_changes_nothing_the_second_time() -> None:
    keys, make = first_ring()
    kid = keys.active.kid
    keys = ring.revoke(keys, kid, START + 1, make).applied_to(keys)
    assert not ring.revoke(keys, kid, START + 2, make)


def test_an_unknown_key_cannot_be_revoked() -> None:
    keys, make = first_ring()
    with pytest.raises(errors.NoSuchKeyError, match="no-such"):
        ring.revoke(keys, "no-such", START, make)


def test_an_incomplete_ring_says_so() -> None:
    with pytest.raises(errors.NoSuchKeyError):
        _ = Ring().active
    with pytest.raises(errors.NoSuchKeyError):
        ring.rotate(Ring(), START, key_maker())


def test_a_rotation_shorter_than_the_notice_is_refused() -> None:
    with pytest.raises(ValueError, match="604800 s before"):
        Policy(rotation_seconds=6 * DAY)


def test_a_record_shows_no_key_material() -> None:
    keys, _ = first_ring()
    assert "SigningKey" not in repr(keys)


def test_nodes_with_differing_clocks_agree_on_who_signs() -> None:
    keys, make = first_ring()
    keys = ring.rotate(keys, START + DAY, make).applied_to(keys)
    # A node whose clock is a minute behind reads the records another has just written.
    assert keys.active.state(START + DAY - 60) is State.ACTIVE


class Store:
    """The port in memory, keeping its promise: all of a change, or nothing."""

    def __init__(self) -> None:
        self.ring = Ring()

    def load(self) -> Ring:
        return self.ring

    def apply(self, change: Change) -> bool:
        stale = [u for u in change.update if self.ring.find(u.before.kid) != u.before]
        stale_removals = [r for r in change.remove if self.ring.find(r.kid) != r]
        after = change.applied_to(self.ring)
        living = [record.state(0) for record in after.records]
        if stale or stale_removals or living.count(State.ACTIVE) > 1 or living.count(State.NEXT) > 1:
            return False
        self.ring = after
        return True


@given(nodes=st.integers(2, 8), days=st.integers(1, 80))
@settings(deadline=None, max_examples=20)
def test_of_many_nodes_exactly_one_rotates(nodes: int, days: int) -> None:
    store: ring.KeyStore = Store()
    make = key_maker()
    assert store.apply(ring.ensure(store.load(), START, make))
    plans = [ring.rotate(store.load(), START + days * DAY, make) for _ in range(nodes)]
    assert [store.apply(plan) for plan in plans].count(True) == 1


@given(nodes=st.integers(2, 8))
@settings(deadline=None, max_examples=10)
def test_of_many_first_starts_exactly_one_makes_the_keys(nodes: int) -> None:
    store: ring.KeyStore = Store()
    make = key_maker()
    plans = [ring.ensure(store.load(), START, make) for _ in range(nodes)]
    assert [store.apply(plan) for plan in plans].count(True) == 1


class Life(RuleBasedStateMachine):
    """Anything may happen to a ring, in any order, at any time. These promises hold throughout."""

    @initialize()
    def start(self) -> None:
        self.now = START
        self.ring, self.make = first_ring(self.now)
        # What the outside saw: since when each key is published, who signed until when, and what was forced.
        self.first_kid = self.ring.active.kid
        self.forced: set[str] = set()
        self.signed_until: dict[str, float] = {}
        self.revoked: set[str] = set()
        self.seen: dict[str, Record] = {}
        self.note()

    def note(self) -> None:
        self.signed_until[self.ring.active.kid] = self.now
        self.seen.update((record.kid, record) for record in self.ring.records)

    @rule(seconds=st.one_of(st.floats(0.001, 5_000), st.floats(5_000, 40 * DAY)))
    def time_passes(self, seconds: float) -> None:
        self.signed_until[self.ring.active.kid] = self.now + seconds
        self.now += seconds

    @rule()
    def maintain(self) -> None:
        self.ring = ring.due(self.ring, self.now, self.make).applied_to(self.ring)
        self.note()

    @rule(emergency=st.booleans())
    def rotate(self, emergency: bool) -> None:
        following = self.ring.next
        assert following is not None
        if not emergency and self.now < following.published_at + 600:
            with pytest.raises(errors.NextKeyTooYoungError):
                ring.rotate(self.ring, self.now, self.make)
            return
        change = ring.rotate(self.ring, self.now, self.make, emergency=emergency)
        if emergency:
            self.forced.add(following.kid)
        self.ring = change.applied_to(self.ring)
        self.note()

    @rule(data=st.data())
    def revoke(self, data: st.DataObject) -> None:
        kid = data.draw(st.sampled_from([record.kid for record in self.ring.records]))
        if self.ring.active.kid == kid and self.ring.next is not None:
            self.forced.add(self.ring.next.kid)
        self.ring = ring.revoke(self.ring, kid, self.now, self.make).applied_to(self.ring)
        self.revoked.add(kid)
        self.note()

    @precondition(lambda self: len(self.ring.records) > 2)
    @rule()
    def ensure_is_idempotent(self) -> None:
        assert not ring.ensure(self.ring, self.now, self.make)

    @invariant()
    def exactly_one_signs_and_exactly_one_follows(self) -> None:
        living = [record.state(self.now) for record in self.ring.records]
        assert living.count(State.ACTIVE) == living.count(State.NEXT) == 1

    @invariant()
    def whoever_signs_was_published_ten_minutes_before(self) -> None:
        active = self.ring.active
        assert active.signs_at is not None
        if active.kid != self.first_kid and active.kid not in self.forced:
            assert active.signs_at - active.published_at >= 600

    @invariant()
    def whoever_signed_stays_published_for_75_minutes(self) -> None:
        published = {record.kid for record in self.ring.published(self.now)}
        for kid, until in self.signed_until.items():
            if kid not in self.revoked and self.now < until + 75 * 60:
                assert kid in published

    @invariant()
    def what_was_revoked_is_never_published_again(self) -> None:
        assert not self.revoked & {record.kid for record in self.ring.published(self.now)}

    @invariant()
    def moments_never_run_backwards(self) -> None:
        for record in self.ring.records:
            moments = [record.published_at, record.signs_at, record.stopped_at]
            known = [moment for moment in moments if moment is not None]
            assert known == sorted(known) and (record.stopped_at is None or record.signs_at is not None)

    @invariant()
    def a_moment_once_set_never_changes(self) -> None:
        for record in self.ring.records:
            before = self.seen[record.kid]
            for field in dataclasses.fields(Record):
                was = getattr(before, field.name)
                assert was is None or field.name == "key" or getattr(record, field.name) == was


TestLife = Life.TestCase
TestLife.settings = settings(deadline=None, max_examples=60, stateful_step_count=30)

"""The life of a grant, lived at random: two apps, two people, codes, families, ends of every kind, and the clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis.stateful import run_state_machine_as_test as live

from tests.authserver.protocol import flows
from tests.support import databases
from tests.support.clock import ManualClock

from . import life, stage
from .machine import GrantLife

_SEEN = (
    "/oauth/token 200", "/oauth/token 400 invalid_grant", "/oauth/token 401 invalid_client", "/oauth/revoke 200",
    "/oauth/token 400 invalid_scope", "/oauth/revoke 401 invalid_client", "code replayed", "refresh token reused",
    "lost answer given again", "consent given", "consent refused", "session over", "access token active",
    "access token over",
)  # fmt: skip


@pytest.fixture(scope="module", params=databases.KINDS)
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, stage.Loop, flows.World]]:
    """A server with two APIs, on either database."""
    from tests.support import authserver

    with stage.Loop() as loop:
        url = loop.enter(
            databases.fresh(request.param, "authserver", authserver.build, tmp_path_factory.mktemp("life"))
        )
        world = flows.World(loop.enter(authserver.running(authserver.configured(url), ManualClock())))
        loop.run(world.add_apis())
        yield request.param, loop, world


def test_one_life_meets_every_kind_of_answer(place: tuple[str, stage.Loop, flows.World]) -> None:
    """A life by hand: a machine that could not get so far would never fail either."""
    _kind, loop, world = place
    seen: Counter[str] = Counter()
    machine = GrantLife(loop, world, seen)
    machine.begin()
    chosen = machine._sign_in(machine.life.people[0])
    machine.authorize(chosen, 0, ["images:read", "images:write"], [], True)
    family: Any = machine.whole_flow(0, 0, ["images:read"])
    machine.refresh(family, 0, True, None)
    machine.refresh(family, 1, True, None)  # the answer got lost
    machine.refresh(family, 0, True, ["images:write"])
    machine.refresh(family, 0, False, None)
    machine.use(family, 2, 2)  # a stolen copy shows up
    replayed: Any = machine.whole_flow(1, 1, ["images:read", "gallery:read"])
    machine.the_database_agrees()
    machine.redeem(replayed.code, True, "")
    family = machine.whole_flow(1, 0, ["gallery:read"])
    machine.ask_about_access(machine.life.access[-1])
    machine.administer(0, "app")
    machine.refresh(family, 0, True, None)
    machine.revoke(family, 0, True)
    machine.administer(0, "enabled")
    machine.wait(life.SESSION_IDLE_SECONDS)
    machine.authorize(chosen, 0, ["images:read"], [], False)
    machine.revoke(family, 0, True)
    machine.the_database_agrees()
    machine.teardown()
    assert set(_SEEN) <= set(seen), set(_SEEN) - set(seen)


@pytest.mark.slow
def test_a_grant_lives_as_the_rules_say(place: tuple[str, stage.Loop, flows.World]) -> None:
    kind, loop, world = place
    few, many = (12, 2500) if kind == "sqlite" else (3, 500)
    seen: Counter[str] = Counter()
    machine = cast(type[GrantLife], lambda: GrantLife(loop, world, seen))  # any factory will do
    live(machine, settings=stage.budget(short=few, long=many, stateful_step_count=40))
    print(*sorted(seen.items()), sep="\n")
    assert seen["/oauth/token 200"]

"""Clocks that are wrong, jump, or differ between the two services: nothing that was over begins again."""

from __future__ import annotations

from typing import Any

import pytest

from authserver import jobs
from tests.authserver.protocol.flows import App, World, claims_of
from tests.resource_api.callers import ANA, headers

HOUR, LEEWAY_SECONDS = 3600, 10
JUMPS = (-HOUR, -120, 120, HOUR)
IN_2038 = 2**31 + 60  # the seconds no longer fit 32 bits with a sign


async def clean(world: World) -> None:
    """What `serve` does by itself every five minutes, and what it has no leave to forget."""
    state = world.server.state
    await jobs.cleanup(state.settings, state.clock, state.database)


async def start(world: World) -> App:
    """An app that introspects, and Ana, who has been here for longer than any jump."""
    await world.add_person()
    world.server.clock.advance(2 * HOUR)
    return await world.add_app()


async def is_refused(world: World, app: App, refresh_token: str) -> bool:
    response = await world.refresh(app, refresh_token)
    return bool(response.status_code == 400 and response.json()["error"] == "invalid_grant")


async def test_row_154_a_clock_set_back_does_not_open_the_grace_of_a_used_refresh_token_again(
    world: World, clock: Any
) -> None:
    app = await start(world)
    first = await world.tokens(app)
    current = (await world.refresh(app, first["refresh_token"])).json()
    clock.advance(-30)  # two nodes may be as far apart: an answer that got lost is given again
    again = await world.refresh(app, first["refresh_token"])
    assert again.json()["refresh_token"] == current["refresh_token"]
    clock.advance(-HOUR)
    assert not (await world.introspect(app, first["refresh_token"]))["active"]
    assert await is_refused(world, app, first["refresh_token"])
    assert await is_refused(world, app, current["refresh_token"]), "who comes so late is a thief"


@pytest.mark.parametrize("jump", JUMPS)
async def test_row_154_a_jump_revives_nothing_and_ends_nobody(world: World, clock: Any, jump: float) -> None:
    app = await start(world)
    browser = world.browser()
    await browser.sign_in("ana@example.test")
    code = (await browser.allow(app))["code"]
    kept, over = await world.tokens(app), await world.tokens(app)
    assert (await world.redeem(app, code)).status_code == 200
    for token in (over["access_token"], over["refresh_token"]):
        await world.post("/oauth/revoke", app, token=token)
    clock.advance(jump)
    await clean(world)
    assert not (await world.introspect(app, over["access_token"]))["active"]
    assert await is_refused(world, app, over["refresh_token"])
    answer = await world.redeem(app, code)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    refreshed = await world.refresh(app, kept["refresh_token"])
    assert refreshed.status_code == 200
    assert "code" in await browser.allow(app), "the session goes on"
    clock.advance(-jump)
    await clean(world)
    assert (await world.refresh(app, refreshed.json()["refresh_token"])).status_code == 200
    assert (await world.introspect(app, (await world.tokens(app))["access_token"]))["active"]


async def test_row_154_what_was_revoked_stays_so_when_the_clock_was_ahead_for_a_while(
    world: World, clock: Any
) -> None:
    app = await start(world)
    kept, over = await world.tokens(app), await world.tokens(app)
    await world.post("/oauth/revoke", app, token=over["access_token"])
    clock.advance(5 * HOUR)
    await clean(world)
    clock.advance(-5 * HOUR)
    assert (await world.introspect(app, kept["access_token"]))["active"]
    assert not (await world.introspect(app, over["access_token"]))["active"]


async def test_row_154_the_year_2038_is_a_year_like_any_other(world: World, clock: Any) -> None:
    clock.now = IN_2038
    app = await start(world)
    tokens = await world.tokens(app)
    assert claims_of(tokens["access_token"])["exp"] > 2**31
    assert (await world.introspect(app, tokens["access_token"]))["active"]
    assert (await world.refresh(app, tokens["refresh_token"])).status_code == 200


@pytest.mark.parametrize("start", [None, IN_2038])
async def test_row_154_two_services_may_be_apart_by_the_leeway_and_no_more(
    gallery: Any, clock: Any, start: float | None
) -> None:
    clock.now = start or clock.now
    token = headers(gallery, ANA)
    began = clock.now
    lifetime = claims_of(token["Authorization"])["exp"] - began
    for skew, status in (
        (-LEEWAY_SECONDS, 200),
        (-LEEWAY_SECONDS - 1, 401),
        (-HOUR, 401),
        (lifetime + LEEWAY_SECONDS - 1, 200),
        (lifetime + LEEWAY_SECONDS, 401),
        (lifetime + HOUR, 401),
        (0, 200),
    ):
        clock.now = began + skew
        answer = await gallery.client.get("/images", headers=token)
        assert answer.status_code == status, skew

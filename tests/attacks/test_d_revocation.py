"""Group D, revocation and introspection: 200 means it is over, and a stranger learns nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from authserver.oauth import clients, refresh_tokens
from tests.authserver.protocol.flows import OTHER, RESOURCE, App, World, claims_of
from tests.support import databases
from tests.support.clock import ManualClock

from . import races

NOTHING = {"active": False}


async def start(world: World, auth_method: str = "client_secret_basic") -> tuple[App, Any]:
    await world.add_person()
    app = await world.add_app(auth_method)
    return app, await world.tokens(app)


async def revoke(world: World, app: App | None, token: str | None, **more: Any) -> Any:
    return await world.post("/oauth/revoke", app, token=token, **more)


async def is_dead(world: World, app: App, answer: Any) -> bool:
    """Whether neither token of an answer works any more; that one does and the other doesn't is a mistake."""
    active = (await world.introspect(app, answer["access_token"]))["active"]
    response = await world.refresh(app, answer["refresh_token"])
    assert (response.status_code == 200) is active, response.text
    return not active


async def test_row_42_a_refresh_token_ends_with_all_that_came_of_it(world: World) -> None:
    app, tokens = await start(world)
    bystander = await world.tokens(app)
    for hint in (None, "refresh_token", "access_token", "junk", 'x"é'):
        newer = (await world.refresh(app, tokens["refresh_token"])).json()
        # An older token of the family will do as well.
        for token in (tokens["refresh_token"], newer["refresh_token"]):
            response = await revoke(world, app, token, token_type_hint=hint)
            assert (response.status_code, response.headers["cache-control"]) == (200, "no-store"), hint
        for answer in (tokens, newer):
            assert await is_dead(world, app, answer), hint
        tokens = await world.tokens(app)
    assert not await is_dead(world, app, bystander)


async def test_row_42_an_access_token_ends_alone(world: World) -> None:
    app, tokens = await start(world)
    machine = await world.add_machine()
    own = (await world.token(machine, grant_type="client_credentials")).json()["access_token"]
    for hint in (None, "refresh_token", "access_token", "junk"):
        assert (await world.introspect(app, tokens["access_token"]))["active"]
        assert (await revoke(world, app, tokens["access_token"], token_type_hint=hint)).status_code == 200
        assert await world.introspect(app, tokens["access_token"]) == NOTHING, hint
        tokens = (await world.refresh(app, tokens["refresh_token"])).json()
    assert (await world.introspect(machine, own))["active"]
    assert (await revoke(world, machine, own)).status_code == 200
    assert await world.introspect(machine, own) == NOTHING


async def test_row_42_strangers_and_nonsense_change_nothing(world: World) -> None:
    app, tokens = await start(world)
    for stranger in (await world.add_app(), await world.add_app("none"), await world.add_machine()):
        for token in (tokens["access_token"], tokens["refresh_token"]):
            assert (await revoke(world, stranger, token)).status_code == 200
    access = tokens["access_token"]
    for nonsense in ("x", "rt_x", "a.b.c", access[:-1], access + ".", 'x"é\x7f', "x" * 30000):
        assert (await revoke(world, app, nonsense)).status_code == 200
    for unproven in (None, App(app.client_id, None, "none"), App(app.client_id, "cs_x", app.auth_method)):
        response = await revoke(world, unproven, tokens["refresh_token"])
        assert (response.status_code, response.json().get("error")) == (401, "invalid_client")
    assert (await world.client.get("/oauth/revoke", params={"token": access})).status_code == 405
    nothing = await revoke(world, app, None)
    assert (nothing.status_code, nothing.json().get("error")) == (400, "invalid_request")
    assert not await is_dead(world, app, tokens)


FAILS = "CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no' USING ERRCODE = '{}'; END $$"
AT_ONCE = "CREATE TRIGGER fails BEFORE INSERT ON denials FOR EACH ROW EXECUTE FUNCTION fails()"
AT_COMMIT = (
    "CREATE CONSTRAINT TRIGGER fails AFTER INSERT ON denials DEFERRABLE INITIALLY DEFERRED "
    "FOR EACH ROW EXECUTE FUNCTION fails()"
)
# The disk is full, the server shuts down, it became a read-only replica, it gave up a deadlock.
FAILURES = (
    ("53100", AT_ONCE),
    ("57P01", AT_ONCE),
    ("25006", AT_ONCE),
    ("40P01", AT_ONCE),
    ("53100", AT_COMMIT),
)


async def execute(world: World, *statements: str) -> None:
    await world.write(lambda session: [session.execute(sa.text(each)) for each in statements])


async def test_row_42_a_database_that_fails_is_never_a_200(world: World, clock: Any) -> None:
    app, tokens = await start(world)
    reused = await world.tokens(app)
    newer = (await world.refresh(app, reused["refresh_token"])).json()
    clock.advance(61)
    tokens = (await world.refresh(app, tokens["refresh_token"])).json()
    newer = (await world.refresh(app, newer["refresh_token"])).json()
    for state, trigger in FAILURES:
        await execute(world, FAILS.format(state), trigger)
        for response in (
            await revoke(world, app, tokens["refresh_token"]),
            await revoke(world, app, tokens["access_token"]),
            # The end of a family whose old token came back must not get lost either.
            await world.refresh(app, reused["refresh_token"]),
        ):
            assert response.status_code == 503, (state, trigger)
            assert int(response.headers["retry-after"]) > 0
        for answer in (tokens, newer):
            assert (await world.introspect(app, answer["access_token"]))["active"]
            assert (await world.introspect(app, answer["refresh_token"]))["active"]
        await execute(world, "DROP TRIGGER fails ON denials", "DROP FUNCTION fails")
    assert (await revoke(world, app, tokens["refresh_token"])).status_code == 200
    assert (await world.refresh(app, reused["refresh_token"])).status_code == 400
    for answer in (tokens, newer):
        assert await is_dead(world, app, answer)


@pytest.mark.parametrize("kind", databases.KINDS)
async def test_row_43_when_both_have_answered_nothing_lives(
    kind: str, tmp_path: Path, clock: ManualClock
) -> None:
    async with races.two_servers(kind, tmp_path, clock) as (one, two):
        app, untouched = await start(one)
        won = 0
        for number, answer in enumerate(await races.families(one, app, 15)):
            token = answer["refresh_token"]
            requests = [world.refresh(app, token) for world in (two, one, two)]
            requests.insert(number % 4, revoke(one, app, token))
            refreshed = await asyncio.gather(*requests)
            revoked = refreshed.pop(number % 4)
            assert revoked.status_code == 200
            assert {response.status_code for response in refreshed} <= {200, 400}
            given = [response.json() for response in refreshed if response.status_code == 200]
            won += len(given)
            for world in (one, two):
                for each in (answer, *given):
                    assert await is_dead(world, app, each)
        # There was a race: some were answered before it was over.
        assert won > 0
        living = sa.select(refresh_tokens.table.c.grant_id).where(refresh_tokens.table.c.revoked_at.is_(None))
        assert await one.server.state.database.read(
            lambda session: session.execute(living).scalars().all()
        ) == [claims_of(untouched["access_token"])["grant_id"]]
        assert not await is_dead(two, app, untouched)


async def test_row_44_asking_takes_a_secret_of_ones_own(world: World) -> None:
    app, tokens = await start(world)
    public = await world.add_app("none")
    for asking in (
        None,
        public,
        App(app.client_id, None, "none"),
        App(app.client_id, "cs_x", app.auth_method),
    ):
        response = await world.post("/oauth/introspect", asking, token=tokens["access_token"])
        assert (response.status_code, response.json().get("error")) == (401, "invalid_client")
    nothing = await world.post("/oauth/introspect", app)
    assert (nothing.status_code, nothing.json().get("error")) == (400, "invalid_request")
    assert (await world.client.get("/oauth/introspect")).status_code == 405
    assert (await world.introspect(app, tokens["access_token"]))["active"]


async def test_row_44_whom_a_token_does_not_concern_learns_nothing(world: World, clock: Any) -> None:
    app, tokens = await start(world)
    access, refresh = tokens["access_token"], tokens["refresh_token"]
    api = await world.add_machine(introspects=[RESOURCE], scopes=[])
    strangers = [await world.add_app(), await world.add_machine(introspects=[OTHER], scopes=[])]
    head, body, signature = access.split(".")
    # The good one first: whatever an answer might be remembered by, it is the whole token and who asks.
    assert (await world.introspect(app, access))["active"]
    assert (await world.introspect(app, refresh))["active"]
    assert (await world.introspect(api, access))["active"]
    asked = [(stranger, token) for stranger in strangers for token in (access, refresh)]
    asked += [(api, refresh)]
    asked += [
        (app, nonsense)
        for nonsense in (
            *(access[:-1], access + "x", access + "=", " " + access, access.swapcase()),
            *(
                f"{head}.{body}.",
                f"{head}.{body}",
                f"{signature}.{body}.{head}",
                f"{head}.{body}.{signature}.",
            ),
            *(
                refresh[:-1],
                refresh + "x",
                refresh.swapcase(),
                "ac_x",
                "x",
                "rt_x",
                'x"é',
                "a.b.c",
                "x" * 30000,
            ),
        )
    ]
    for asking, token in asked:
        response = await world.post("/oauth/introspect", asking, token=token)
        assert (response.status_code, response.json()) == (200, NOTHING), token[:20]
        assert response.headers["cache-control"] == "no-store"
    await world.refresh(app, refresh)
    clock.advance(claims_of(access)["exp"] - world.now() - 0.5)
    assert (await world.introspect(app, access))["active"]
    assert await world.introspect(app, refresh) == NOTHING  # past its grace
    clock.advance(0.5)
    assert await world.introspect(app, access) == NOTHING


async def test_row_44_what_a_server_issued_that_had_not_heard_ends_as_well(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with races.two_servers("postgresql", tmp_path, clock) as (one, deaf):
        machine, api = await one.add_machine(), await one.add_machine(introspects=[RESOURCE], scopes=[])

        async def issue(world: World) -> str:
            response = await world.token(machine, grant_type="client_credentials")
            assert response.status_code == 200, response.text
            token: str = response.json()["access_token"]
            return token

        async def hear_nothing() -> None:
            pass

        refresh = deaf.server.state.cache.refresh
        monkeypatch.setattr(deaf.server.state.cache, "refresh", hear_nothing)
        await refresh()  # of the new clients; and they take turns, so that none is under way any more
        assert (await one.introspect(api, await issue(deaf)))["active"]  # and now it remembers the client
        await one.write(lambda session: clients.disable(session, machine.client_id, now=one.now()))
        clock.advance(0.25)
        late = await issue(deaf)
        assert await one.introspect(api, late) == NOTHING
        clock.advance(0.25)
        await one.write(lambda session: clients.enable(session, machine.client_id, now=one.now()))
        assert await one.introspect(api, late) == NOTHING
        # Good in the very second of the change, of which its `iat` says no more than the other's.
        assert (await one.introspect(api, await issue(one)))["active"]

"""Group T: a change against the requests it concerns, on two servers; what was before is over a second later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from authserver.oauth import clients
from authserver.people import passwords, users
from tests.authserver.protocol.flows import PASSWORD, RESOURCE, App, World
from tests.support import databases
from tests.support.clock import ManualClock

from . import races

ANA, BEA = "ana@example.test", "bea@example.test"
ROUNDS = 5


@pytest.fixture(params=databases.KINDS)
async def worlds(
    request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock
) -> AsyncIterator[tuple[World, World]]:
    """Two servers on one database, with Ana and Bea."""
    async with races.two_servers(request.param, tmp_path, clock) as (one, two):
        for email in (ANA, BEA):
            await one.add_person(email)
        yield one, two


async def change(world: World, work: Any, *arguments: Any, **more: Any) -> Any:
    """The verb in a transaction of its own, as from a page or command."""
    return await world.server.state.database.transaction(
        lambda session: work(session, *arguments, now=world.now(), **more)
    )


async def heard(worlds: tuple[World, World]) -> None:
    """What half a second brings."""
    for world in worlds:
        await world.server.state.cache.refresh()


async def machine_token(world: World, app: App, secret: str | None) -> Any:
    sent = App(app.client_id, secret, app.auth_method)
    return await world.token(sent, grant_type="client_credentials")


async def test_row_150_a_disabled_person_against_refreshes(worlds: tuple[World, World], clock: Any) -> None:
    one, two = worlds
    app, watcher = await one.add_app(), await one.add_machine(introspects=[RESOURCE], scopes=[])
    innocent = (await races.families(one, app, 1, BEA))[0]
    for number in range(ROUNDS):
        tokens = await races.families(one, app, 6, ANA)
        clock.advance(1)
        requests = [
            worlds[each % 2].refresh(app, answer["refresh_token"]) for each, answer in enumerate(tokens)
        ]
        requests.insert(number, change(one, users.disable, one.people[ANA]))
        answers = await asyncio.gather(*requests)
        del answers[number]
        assert {answer.status_code for answer in answers} <= {200, 400}
        tokens += [answer.json() for answer in answers if answer.status_code == 200]
        await heard(worlds)
        for enabled in (False, True):
            clock.advance(1)
            if enabled:  # what ended stays ended
                await one.write(lambda session: users.enable(session, one.people[ANA], now=one.now()))
            for answer in tokens:
                assert not (await two.introspect(watcher, answer["access_token"]))["active"], enabled
                assert (await two.refresh(app, answer["refresh_token"])).json().get(
                    "error"
                ) == "invalid_grant"
        clock.advance(1)
    answer = await two.refresh(app, innocent["refresh_token"])
    assert answer.status_code == 200
    assert (await one.introspect(watcher, answer.json()["access_token"]))["active"]


async def test_row_150_a_disabled_client_against_its_requests(
    worlds: tuple[World, World], clock: Any
) -> None:
    one, two = worlds
    app = await one.add_app(
        grant_types=["authorization_code", "refresh_token", "client_credentials"],
        redirect_uris=["https://client.test/cb"],
    )
    watcher = await one.add_machine(introspects=[RESOURCE], scopes=[])
    innocent = await one.add_app()
    theirs = (await races.families(one, innocent, 1))[0]
    for number in range(ROUNDS):
        family = (await races.families(one, app, 1))[0]
        requests = [machine_token(worlds[each % 2], app, app.secret) for each in range(6)]
        requests.append(two.refresh(app, family["refresh_token"]))
        requests.insert(number, change(one, clients.disable, app.client_id))
        answers = await asyncio.gather(*requests)
        del answers[number]
        assert {answer.status_code for answer in answers} <= {200, 401}
        given = [answer.json()["access_token"] for answer in answers if answer.status_code == 200]
        given.append(family["access_token"])
        await heard(worlds)
        for world in worlds:
            assert (await machine_token(world, app, app.secret)).status_code == 401
            assert (await world.refresh(app, family["refresh_token"])).status_code == 401
        for enabled in (False, True):
            clock.advance(1)
            if enabled:
                await one.write(lambda session: clients.enable(session, app.client_id, now=one.now()))
                await heard(worlds)
            for token in given:
                assert not (await two.introspect(watcher, token))["active"], enabled
        assert (await machine_token(two, app, app.secret)).status_code == 200
    # Another app of the same person, from the same kind of session, has noticed nothing.
    assert (await two.refresh(innocent, theirs["refresh_token"])).status_code == 200


async def test_row_150_a_rotated_secret_against_the_old_one(worlds: tuple[World, World]) -> None:
    one = worlds[0]
    app = await one.add_machine()
    secret = app.secret
    for number in range(ROUNDS):
        requests = [machine_token(worlds[each % 2], app, secret) for each in range(6)]
        requests.insert(number, change(one, clients.rotate_secret, app.client_id))
        answers = await asyncio.gather(*requests)
        fresh = answers.pop(number)
        assert {answer.status_code for answer in answers} <= {200, 401}
        await heard(worlds)
        for world in worlds:
            assert (await machine_token(world, app, secret)).status_code == 401
            assert (await machine_token(world, app, fresh)).status_code == 200
        secret = fresh


async def test_row_150_secrets_rotated_at_once_leave_one_that_stays(
    worlds: tuple[World, World], clock: Any
) -> None:
    one = worlds[0]
    app = await one.add_machine()
    secrets = await asyncio.gather(
        *(
            change(worlds[number % 2], clients.rotate_secret, app.client_id, overlap_seconds=60)
            for number in range(8)
        )
    )
    client = await one.server.state.database.read(lambda session: clients.get(session, app.client_id))
    assert sorted(secret.expires_at is None for secret in client.secrets) == [False, True]
    await heard(worlds)
    for expected in (2, 1):
        for world in worlds:
            answers = [await machine_token(world, app, secret) for secret in (app.secret, *secrets)]
            assert sum(answer.status_code == 200 for answer in answers) == expected
        clock.advance(60)


async def test_row_150_a_new_password_against_a_sign_in_with_the_old(
    worlds: tuple[World, World], clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who reads the account just before the change is committed sees nothing of it, and is too late all the same."""
    one = worlds[0]
    app = await one.add_app()
    first_party = await one.add_app(
        "client_secret_post", grant_types=["password", "refresh_token"], first_party=True
    )
    verify = passwords.Lane.verify

    async def slow(self: passwords.Lane, *given: Any) -> passwords.Verification:
        clock.advance(1)
        return await verify(self, *given)

    monkeypatch.setattr(passwords.Lane, "verify", slow)
    before = one.browser()
    assert (await before.sign_in(ANA)).status_code == 303
    assert "/consent?" in (await before.authorize(app)).headers["location"]
    form = {"grant_type": "password", "username": ANA, "password": PASSWORD}
    tokens = (await one.token(first_party, **form)).json()
    digest = await one.server.state.passwords.hash("another password altogether")
    began = one.now() - 0.5
    await one.write(lambda session: users.set_password(session, one.people[ANA], digest, now=began))
    assert "/login?" in (await before.authorize(app)).headers["location"]
    assert not (await one.introspect(first_party, tokens["access_token"]))["active"]
    assert (await one.refresh(first_party, tokens["refresh_token"])).json().get("error") == "invalid_grant"
    assert (await one.token(first_party, **form)).json().get("error") == "invalid_grant"
    form["password"] = "another password altogether"
    assert (await one.token(first_party, **form)).status_code == 200

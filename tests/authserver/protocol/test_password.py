"""The password grant: first-party clients alone, limited like the login form."""

from __future__ import annotations

from typing import Any

import argon2
import pytest

from authserver.people import users

from .flows import PASSWORD, RESOURCE, App, World, claims_of

ANA = "ana@example.test"


async def start(world: World, *grants: str, **more: Any) -> App:
    await world.add_person()
    return await world.add_app(
        "client_secret_post", grant_types=["password", *grants], **{"first_party": True, **more}
    )


async def ask(
    world: World, app: App, username: str | None = ANA, password: str | None = PASSWORD, **more: Any
) -> Any:
    return await world.token(app, grant_type="password", username=username, password=password, **more)


async def test_the_right_password_brings_tokens(world: World) -> None:
    app = await start(world)
    response = await ask(world, app, scope="images:read")
    assert response.status_code == 200, response.text
    assert set(response.json()) == {"access_token", "token_type", "expires_in", "scope"}
    claims = claims_of(response.json()["access_token"])
    assert claims["sub"] == world.people[ANA]
    assert claims["aud"] == RESOURCE
    assert claims["amr"] == ["pwd"]
    assert claims["auth_time"] == int(world.now())
    assert "grant_id" not in claims


@pytest.mark.parametrize("username", ["ANA@example.test", " ana@example.test "])
async def test_an_address_is_read_as_the_login_form_reads_it(world: World, username: str) -> None:
    assert (await ask(world, await start(world), username)).status_code == 200


async def test_a_refresh_token_comes_for_clients_that_list_that_grant(world: World) -> None:
    app = await start(world, "refresh_token")
    tokens = (await ask(world, app)).json()
    assert claims_of(tokens["access_token"])["grant_id"]
    again = await world.refresh(app, tokens["refresh_token"])
    assert again.status_code == 200
    assert claims_of(again.json()["access_token"])["sub"] == world.people[ANA]


async def test_wrong_password_and_unknown_person_look_the_same(world: World) -> None:
    app = await start(world)
    await world.add_person("disabled@example.test")
    user_id = world.people["disabled@example.test"]
    await world.write(lambda session: users.disable(session, user_id, now=world.now()))
    answers = [
        await ask(world, app, password="wrong password"),
        await ask(world, app, "nobody@example.test"),
        await ask(world, app, "disabled@example.test"),
        await ask(world, app, 'x"\\é'),
    ]
    assert {(one.status_code, one.content) for one in answers} == {(400, answers[0].content)}
    assert answers[0].json().get("error") == "invalid_grant"


@pytest.mark.parametrize("missing", [{"username": None}, {"password": None}, {"password": ""}])
async def test_both_fields_are_needed(world: World, missing: dict[str, Any]) -> None:
    response = await ask(world, await start(world), **missing)
    assert (response.status_code, response.json().get("error")) == (400, "invalid_request")


async def test_other_clients_never_see_passwords(world: World) -> None:
    await world.add_person()
    app = await world.add_app("client_secret_post")
    response = await ask(world, app)
    assert (response.status_code, response.json().get("error")) == (400, "unauthorized_client")


async def test_a_scope_the_client_lacks_is_refused_before_the_password_is_looked_at(world: World) -> None:
    app = await start(world)
    for password in (PASSWORD, "wrong password"):
        response = await ask(world, app, password=password, scope="other:read")
        assert (response.status_code, response.json().get("error")) == (400, "invalid_scope")


async def test_guessing_is_paused_together_with_the_login_form(world: World, clock: Any) -> None:
    app = await start(world)
    browser = world.browser()
    for number in range(5):
        assert (await ask(world, app, password=f"wrong {number}")).status_code == 400
        await browser.send("POST", "/login", data={"email": ANA, "password": f"wrong {number}"})
    response = await ask(world, app)
    assert (response.status_code, response.json().get("error")) == (429, "temporarily_unavailable")
    assert 0 < int(response.headers["retry-after"]) <= 900
    assert (await browser.sign_in(ANA)).status_code == 429
    clock.advance(901)
    assert (await ask(world, app)).status_code == 200


async def test_a_right_password_forgives_earlier_tries(world: World) -> None:
    app = await start(world)
    for _ in range(3):
        for number in range(8):
            assert (await ask(world, app, password=f"wrong {number}")).status_code == 400
        assert (await ask(world, app)).status_code == 200


async def test_a_right_password_is_kept_as_the_settings_want_it_now(world: World) -> None:
    app = await start(world)
    user_id = world.people[ANA]

    async def digest() -> str:
        user = await world.server.state.database.read(lambda session: users.find(session, user_id))
        kept: str = user.password_digest
        return kept

    usual = await digest()
    old = argon2.PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
    await world.write(lambda session: users.set_password(session, user_id, old, now=world.now()))
    assert (await ask(world, app, password="wrong password")).status_code == 400
    assert await digest() == old
    assert (await ask(world, app)).status_code == 200
    assert (await digest()).split("$")[:4] == usual.split("$")[:4]
    assert (await ask(world, app)).status_code == 200

"""The code flow: from a person's consent to tokens, and every way a code is refused."""

from __future__ import annotations

from typing import Any

import pytest

from authserver.oauth import clients
from authserver.people import users

from .flows import CB, CHALLENGE, OTHER, RESOURCE, VERIFIER, App, World, claims_of


async def start(world: World, auth_method: str = "client_secret_basic", **more: Any) -> tuple[App, str]:
    await world.add_person()
    app = await world.add_app(auth_method, **more)
    return app, await world.code(app)


async def refused(world: World, response: Any, error: str = "invalid_grant", status: int = 400) -> None:
    assert (response.status_code, response.json().get("error")) == (status, error), response.text
    assert response.headers["cache-control"] == "no-store"
    assert "access_token" not in response.json()


@pytest.mark.parametrize("auth_method", ["client_secret_basic", "client_secret_post", "none"])
async def test_a_code_becomes_tokens(world: World, auth_method: str, clock: Any) -> None:
    await world.add_person()
    app = await world.add_app(auth_method)
    browser = world.browser()
    await browser.sign_in("ana@example.test")
    signed_in_at = int(world.now())
    clock.advance(30)
    answer = await browser.allow(app)
    assert set(answer) == {"code", "state", "iss"}
    assert answer["iss"] == world.server.settings.issuer
    clock.advance(59)
    response = await world.redeem(app, answer["code"])
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    tokens = response.json()
    assert set(tokens) == {"access_token", "token_type", "expires_in", "scope", "refresh_token"}
    assert tokens["scope"] == "images:read images:write"
    claims = claims_of(tokens["access_token"])
    assert claims["sub"] == world.people["ana@example.test"]
    assert claims["client_id"] == app.client_id
    assert claims["aud"] == RESOURCE
    assert claims["auth_time"] == signed_in_at
    assert claims["amr"] == ["pwd"]
    assert claims["grant_id"]
    assert claims["sid"]
    assert not {"email", "name"} & set(claims)


async def test_a_client_without_the_refresh_grant_gets_no_refresh_token(world: World) -> None:
    await world.add_person()
    app = await world.add_app(grant_types=["authorization_code"], redirect_uris=[CB])
    assert "refresh_token" not in await world.tokens(app)


async def test_a_code_works_once_and_its_replay_ends_everything(world: World, clock: Any) -> None:
    app, code = await start(world)
    tokens = (await world.redeem(app, code)).json()
    assert (await world.introspect(app, tokens["access_token"]))["active"]
    clock.advance(30)
    await refused(world, await world.redeem(app, code))
    await refused(world, await world.refresh(app, tokens["refresh_token"]))
    assert await world.introspect(app, tokens["access_token"]) == {"active": False}
    assert await world.introspect(app, tokens["refresh_token"]) == {"active": False}


async def test_a_replay_is_recognised_after_the_code_has_expired(world: World, clock: Any) -> None:
    app, code = await start(world)
    tokens = (await world.redeem(app, code)).json()
    clock.advance(200)
    await refused(world, await world.redeem(app, code))
    assert await world.introspect(app, tokens["access_token"]) == {"active": False}


async def test_a_code_expires_after_sixty_seconds(world: World, clock: Any) -> None:
    app, code = await start(world)
    clock.advance(60)
    await refused(world, await world.redeem(app, code))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "other address": ({"redirect_uri": "https://client.test/other"}, "invalid_grant"),
    "slash": ({"redirect_uri": CB + "/"}, "invalid_grant"),
    "encoded": ({"redirect_uri": CB + "%20"}, "invalid_grant"),
    "hostile address": ({"redirect_uri": 'x"\\é'}, "invalid_grant"),
    "no verifier": ({"code_verifier": None}, "invalid_request"),
    "empty verifier": ({"code_verifier": ""}, "invalid_request"),
    "wrong verifier": ({"code_verifier": "w" * 43}, "invalid_grant"),
    "short verifier": ({"code_verifier": "w" * 42}, "invalid_request"),
    "long verifier": ({"code_verifier": "w" * 129}, "invalid_request"),
    "newline": ({"code_verifier": VERIFIER + "\n"}, "invalid_request"),
    "hostile verifier": ({"code_verifier": VERIFIER + '"é'}, "invalid_request"),
    "other resource": ({"resource": OTHER}, "invalid_target"),
    "unknown resource": ({"resource": "https://nobody.test"}, "invalid_target"),
    "no code": ({"code": None}, "invalid_request"),
    "unknown code": ({"code": "ac_unknown"}, "invalid_grant"),
    "hostile code": ({"code": 'ac_"\\é\x7f'}, "invalid_grant"),
}


async def test_no_wrong_request_burns_the_code(world: World) -> None:
    app, code = await start(world)
    for fields, error in WRONG.values():
        await refused(world, await world.redeem(app, **{"code": code, **fields}), error)
    assert (await world.redeem(app, code)).status_code == 200


async def test_the_challenge_is_no_verifier(world: World) -> None:
    app, code = await start(world)
    await refused(world, await world.redeem(app, code, code_verifier=CHALLENGE))


@pytest.mark.parametrize("wrong", ["w" * 43, VERIFIER])
async def test_only_a_complete_second_use_counts_as_a_replay(world: World, wrong: str) -> None:
    app, code = await start(world, "none")
    tokens = (await world.redeem(app, code)).json()
    await refused(world, await world.redeem(app, code, code_verifier=wrong))
    alive = (await world.refresh(app, tokens["refresh_token"])).status_code == 200
    assert alive == (wrong != VERIFIER)


async def test_a_code_is_its_clients_own(world: World) -> None:
    app, code = await start(world)
    other, public = await world.add_app(), await world.add_app("none")
    for stranger in (other, public):
        await refused(world, await world.redeem(stranger, code))
    nobody = App(app.client_id, None, "none")
    await refused(world, await world.redeem(nobody, code), "invalid_client", 401)
    assert (await world.redeem(app, code)).status_code == 200
    for stranger in (other, public):
        await refused(world, await world.redeem(stranger, code))
    assert (await world.refresh(app, (await world.tokens(app))["refresh_token"])).status_code == 200


async def test_an_expired_code_of_another_client_is_doubly_refused(world: World, clock: Any) -> None:
    _, code = await start(world)
    clock.advance(61)
    await refused(world, await world.redeem(await world.add_app(), code))


async def test_the_redirect_uri_may_be_left_out_with_pkce(world: World) -> None:
    app, code = await start(world)
    assert (await world.redeem(app, code, redirect_uri=None)).status_code == 200


async def test_without_pkce_the_redirect_uri_has_to_be_repeated(world: World) -> None:
    await world.add_person()
    app = await world.add_app(require_pkce=False)
    bare: dict[str, Any] = {"code_challenge": None, "code_challenge_method": None}
    code = await world.code(app, **bare)
    await refused(world, await world.redeem(app, code, redirect_uri=None, code_verifier=None))
    # No challenge was sent, so no verifier fits: somebody swaps codes.
    await refused(world, await world.redeem(app, code))
    assert (await world.redeem(app, code, code_verifier=None)).status_code == 200


async def test_a_mutated_code_is_an_unknown_code(world: World) -> None:
    app, code = await start(world)
    for mutated in (code[:-1], code + "a", code.swapcase(), code[: len(code) // 2], code + "\n", code[3:]):
        await refused(world, await world.redeem(app, mutated))
    assert (await world.redeem(app, code)).status_code == 200


async def test_a_person_who_was_disabled_meanwhile_gets_nothing(world: World) -> None:
    app, code = await start(world)
    user_id = world.people["ana@example.test"]
    await world.write(lambda session: users.disable(session, user_id, now=world.now()))
    await refused(world, await world.redeem(app, code))


async def test_a_new_password_ends_codes_from_before(world: World, clock: Any) -> None:
    app, code = await start(world)
    clock.advance(1)
    user_id = world.people["ana@example.test"]
    await world.write(lambda session: users.set_password(session, user_id, "new digest", now=world.now()))
    await refused(world, await world.redeem(app, code))


async def test_a_disabled_client_gets_nothing(world: World) -> None:
    app, code = await start(world)
    await world.write(lambda session: clients.disable(session, app.client_id, now=world.now()))
    await refused(world, await world.redeem(app, code), "invalid_client", 401)


async def test_scopes_taken_from_the_client_are_not_given(world: World) -> None:
    app, code = await start(world)
    await world.write(
        lambda session: clients.update(session, app.client_id, now=world.now(), scopes=("images:read",))
    )
    assert (await world.redeem(app, code)).json()["scope"] == "images:read"


async def test_a_person_is_not_a_client(world: World) -> None:
    await world.add_person()
    app = await world.add_app()
    claims = claims_of((await world.tokens(app))["access_token"])
    assert claims["sub"] != claims["client_id"]
    assert len(claims["sub"]) == 36


async def test_resource_and_reserved_scopes_choose_the_audience(world: World) -> None:
    await world.add_person()
    scopes = ["images:read", "other:read", "openid", "profile"]
    app = await world.add_app(scopes=scopes)
    issuer = world.server.settings.issuer
    for parameters, audience, scope in (
        ({"scope": "images:read openid"}, RESOURCE, "images:read openid"),
        ({"scope": "openid profile"}, issuer, "openid profile"),
        ({"scope": "openid", "resource": OTHER}, OTHER, "openid"),
        ({"scope": None, "resource": OTHER + "/"}, OTHER, "other:read"),
    ):
        tokens = await world.tokens(app, **parameters)
        claims = claims_of(tokens["access_token"])
        assert (claims["aud"], claims["scope"], tokens["scope"]) == (audience, scope, scope)

"""Group E: what issued tokens say, what the key set shows, and keys that change while both services work."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from authserver.oauth import clients, signing_keys
from authserver.people import users
from keys.errors import NextKeyTooYoungError
from keys.signing import SigningKey
from keys.source import MAX_FRESH_SECONDS
from tests.authserver.protocol.flows import PASSWORD, App, World, answer_of, claims_of, header_of
from tests.support.gallery import Gallery

from . import doors
from .doors import JWKS

ANA = "ana@example.test"
SCOPE = "images:read images:write"
House = tuple[World, Gallery]
INJECTED = '","roles":["admin"],"x":"'
# RFC 9068 §2.2, and what says of a person's token where it came from.
ALWAYS = {"iss", "sub", "aud", "client_id", "iat", "exp", "jti", "scope"}
PERSONAL = ALWAYS | {"auth_time", "amr", "sid", "grant_id"}


@pytest.fixture
async def house(
    authserver: Any, resource_database_url: str, clock: Any, issuer_key: SigningKey, tmp_path: Path
) -> AsyncIterator[House]:
    async with doors.house(
        authserver, resource_database_url, clock, issuer_key, tmp_path / "files"
    ) as running:
        yield running


async def machine(world: World, **more: Any) -> App:
    return await world.add_machine(scopes=SCOPE.split(), **more)


async def issued(world: World, app: App, **more: Any) -> str:
    response = await world.token(app, grant_type="client_credentials", **more)
    assert response.status_code == 200, response.text
    token: str = response.json()["access_token"]
    return token


async def kids(world: World) -> list[str]:
    return [key["kid"] for key in (await world.client.get(JWKS)).json()["keys"]]


async def rotate(world: World, *, emergency: bool = False) -> None:
    await world.write(lambda session: signing_keys.rotate(world.oauth, session, emergency=emergency))


async def everything_a_person_gets(world: World) -> list[str]:
    """Access tokens of every grant that acts for a person."""
    app = await world.add_app(scopes=SCOPE.split(), name="Print shop")
    first = await world.tokens(app, ANA, scope=SCOPE)
    refreshed = await world.refresh(app, first["refresh_token"])
    own = await world.add_app(
        "client_secret_post", grant_types=["password"], scopes=SCOPE.split(), first_party=True
    )
    typed = await world.token(own, grant_type="password", username=ANA, password=PASSWORD)
    return [first["access_token"], refreshed.json()["access_token"], typed.json()["access_token"]]


async def test_row_45_a_token_says_what_it_must_and_no_more(house: House) -> None:
    world, gallery = house
    digest = await world.server.state.passwords.hash(PASSWORD)
    await world.write(
        lambda session: users.add(session, ANA, digest, now=world.now(), name="Ana Secretname", locale="fr")
    )
    app = await machine(world)
    tokens = await everything_a_person_gets(world)
    tokens += [await issued(world, app) for _ in range(200)]
    published = {key["kid"]: key for key in (await world.client.get(JWKS)).json()["keys"]}
    for token in tokens:
        header, claims = header_of(token), claims_of(token)
        assert set(header) == {"alg", "typ", "kid"}
        assert (header["alg"], header["typ"]) == ("RS256", "at+jwt")
        modulus = published[header["kid"]]["n"]
        assert len(base64.urlsafe_b64decode(modulus + "==")) * 8 >= 2048
        assert ALWAYS <= set(claims) <= PERSONAL
        assert (claims["iss"], claims["aud"]) == (world.server.settings.issuer, gallery.settings.resource)
        assert 0 < claims["exp"] - claims["iat"] <= 3_600
        assert claims["scope"] == SCOPE
        said = json.dumps([header, claims]).lower()
        for private in ("ana@", "secretname", "print shop", PASSWORD, app.secret):
            assert str(private).lower() not in said
    assert len({claims_of(token)["jti"] for token in tokens}) == len(tokens)
    for token in tokens[:4]:
        await doors.admitted(gallery, token)


async def test_row_46_the_key_set_shows_public_keys_and_nothing_else(house: House, clock: Any) -> None:
    world, _ = house
    for number in range(4):
        for address in (JWKS, f"{JWKS}?private=1", f"{JWKS}?private=true&format=pem"):
            response = await world.client.get(address)
            assert response.headers["content-type"] == "application/jwk-set+json"
            max_age = int(response.headers["cache-control"].partition("max-age=")[2].partition(",")[0])
            assert 0 < max_age <= MAX_FRESH_SECONDS
            keys = response.json()["keys"]
            assert set(response.json()) == {"keys"} and len(keys) == 2 + number
            for key in keys:
                assert set(key) == {"kty", "use", "alg", "kid", "n", "e"}
                assert (key["kty"], key["use"], key["alg"]) == ("RSA", "sig", "RS256")
            assert len({key["kid"] for key in keys}) == len(keys)
        clock.advance(601)
        await rotate(world)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        response = await world.client.request(method, JWKS, json={"keys": []})
        assert response.status_code == 405
        assert "GET" in response.headers["allow"]


async def test_row_47_rotations_under_load_disturb_nobody(house: House, clock: Any) -> None:
    world, gallery = house
    await world.add_person(ANA)
    app, person_app = await machine(world), await world.add_app(scopes=SCOPE.split())
    browser = world.browser()
    await browser.sign_in(ANA)
    family = (await world.redeem(person_app, (await browser.allow(person_app, scope=SCOPE))["code"])).json()
    published_at = dict.fromkeys(await kids(world), world.now())
    used: dict[str, float] = {}

    async def client(number: int) -> None:
        for _ in range(3):
            token = await issued(world, app)
            await asyncio.sleep(0)
            await doors.admitted(gallery, token)
            used.setdefault(header_of(token)["kid"], world.now())

    for _ in range(3):
        with pytest.raises(NextKeyTooYoungError):
            await rotate(world)  # verifiers may not have seen it
        clock.advance(601)
        old = await issued(world, app)
        await asyncio.gather(rotate(world), *(client(number) for number in range(12)))
        await client(12)  # making a key may have taken longer than all of them
        new = await issued(world, app)
        assert header_of(old)["kid"] != header_of(new)["kid"]
        for kid in await kids(world):
            published_at.setdefault(kid, world.now())
        await doors.admitted(gallery, old)
        # What began before goes on, under the new key.
        response = await world.refresh(person_app, family["refresh_token"])
        family = response.json()
        assert header_of(family["access_token"])["kid"] == header_of(new)["kid"]
        await doors.admitted(gallery, family["access_token"])
        assert "code" in await browser.allow(person_app, scope=SCOPE)
    first_ever = min(published_at.values())
    assert len(used) == 4
    for kid, since in used.items():
        assert since == first_ever or since - published_at[kid] >= 2 * MAX_FRESH_SECONDS


async def test_row_47_a_retired_key_is_published_as_long_as_its_tokens_live(house: House, clock: Any) -> None:
    world, gallery = house
    app = await machine(world, access_token_seconds=3_600)
    clock.advance(601)
    last = await issued(world, app)
    kid = header_of(last)["kid"]
    await rotate(world)
    for minutes in (10, 20, 29):
        clock.advance(minutes * 60)
        await world.write(lambda session: signing_keys.run(world.oauth, session))
        assert kid in await kids(world)
        await doors.admitted(gallery, last)
    clock.advance(60 + 20)  # the token's end and both clocks' leeway
    await world.write(lambda session: signing_keys.run(world.oauth, session))
    assert kid in await kids(world)
    assert "expired" in await doors.refused(gallery, last)
    clock.advance(15 * 60)
    await world.write(lambda session: signing_keys.run(world.oauth, session))
    assert kid not in await kids(world)
    await doors.admitted(gallery, await issued(world, app))


async def test_row_47_a_revoked_key_is_believed_for_five_minutes_at_most(house: House, clock: Any) -> None:
    world, gallery = house
    await world.add_person(ANA)
    app = await machine(world, access_token_seconds=3_600)
    person_app = await world.add_app(scopes=SCOPE.split(), access_token_seconds=3_600)
    browser = world.browser()
    await browser.sign_in(ANA)
    family = (await world.redeem(person_app, (await browser.allow(person_app, scope=SCOPE))["code"])).json()
    stolen = await issued(world, app)
    await doors.admitted(gallery, stolen)
    kid = header_of(stolen)["kid"]
    assert await world.write(lambda session: signing_keys.revoke(world.oauth, session, kid))
    # The server itself knows at once, a verifier when it looks the next time.
    assert kid not in await kids(world)
    assert await world.introspect(app, stolen) == {"active": False}
    clock.advance(MAX_FRESH_SECONDS)
    assert "does not publish" in await doors.refused(gallery, stolen)
    await doors.refused(gallery, family["access_token"])
    # Who lost a token only by that asks again; sessions and refresh tokens are no matter of keys.
    replacement = await issued(world, app)
    assert header_of(replacement)["kid"] != kid
    await doors.admitted(gallery, replacement)
    response = await world.refresh(person_app, family["refresh_token"])
    assert response.status_code == 200
    await doors.admitted(gallery, response.json()["access_token"])
    assert "code" in await browser.allow(person_app, scope=SCOPE)


async def test_row_48_no_id_token_is_issued_to_be_forged(house: House) -> None:
    world, _ = house
    await world.add_person(ANA)
    app = await world.add_app(scopes=[*SCOPE.split(), "openid"])
    browser = world.browser()
    await browser.sign_in(ANA)
    metadata = (await world.client.get("/.well-known/oauth-authorization-server")).json()
    assert [name for name in metadata if "id_token" in name] == []
    for response_type in ("id_token", "code id_token", "id_token token", "token", "none"):
        answer = answer_of(await browser.authorize(app, response_type=response_type, nonce="n"))
        assert answer["error"] == "unsupported_response_type"
        assert not {"code", "id_token", "access_token"} & set(answer)
    code = (await browser.allow(app, scope=f"openid {SCOPE}", nonce="n"))["code"]
    answer = (await world.redeem(app, code)).json()
    assert set(answer) == {"access_token", "token_type", "expires_in", "scope", "refresh_token"}


async def test_row_49_nothing_a_stranger_writes_becomes_a_claim(house: House) -> None:
    world, gallery = house
    digest = await world.server.state.passwords.hash(PASSWORD)
    await world.write(lambda session: users.add(session, ANA, digest, now=world.now(), name=INJECTED))
    app = await world.add_app(scopes=SCOPE.split(), name=INJECTED)
    plain = await world.add_app(scopes=SCOPE.split())
    reserved = {
        "iss": "https://evil.test",
        "sub": "admin",
        "aud": "https://evil.test",
        "exp": "9999999999",
        "roles": "admin",
        "claims": '{"access_token":{"roles":null}}',
        "grant_id": "x",
        "jti": "x",
    }
    injected = {"acr_values": INJECTED, "nonce": INJECTED, "state": INJECTED, "login_hint": INJECTED}
    code = await world.code(app, ANA, scope=SCOPE, **reserved, **injected)
    attacked = (await world.redeem(app, code, **reserved, acr_values=INJECTED)).json()
    control = await world.tokens(plain, ANA, scope=SCOPE)
    varying = {"jti", "sid", "grant_id", "client_id"}

    def comparable(token: str) -> dict[str, Any]:
        return {name: value for name, value in claims_of(token).items() if name not in varying}

    again = (await world.refresh(app, attacked["refresh_token"], **reserved)).json()
    for answer in (attacked, again):
        assert comparable(answer["access_token"]) == comparable(control["access_token"])
        assert set(claims_of(answer["access_token"])) == set(claims_of(control["access_token"]))
        await doors.admitted(gallery, answer["access_token"])

    # A scope and a client's id are the two claims whose text somebody chooses.
    bot = await machine(world)
    for scope in (INJECTED, f"images:read{INJECTED}", 'images:read" "roles'):
        response = await world.token(bot, grant_type="client_credentials", scope=scope)
        assert (response.status_code, response.json().get("error")) == (400, "invalid_scope")
        with pytest.raises(clients.ClientError):
            await world.add_machine(scopes=[scope])
    assert set(claims_of(await issued(world, bot, **reserved, acr_values=INJECTED))) == ALWAYS

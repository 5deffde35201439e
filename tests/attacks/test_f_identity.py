"""Group F: whom a token names, and real secrets of other kinds, with the gallery beside its authorization server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from authserver.people import users
from keys.signing import SigningKey
from tests.authserver.protocol.flows import App, World, claims_of, request_for
from tests.resource_api import callers
from tests.support.gallery import Gallery

from . import doors

SCOPE = "images:read images:write profile:read profile:write"
House = tuple[World, Gallery]


@pytest.fixture
async def house(
    authserver: Any, resource_database_url: str, clock: Any, issuer_key: SigningKey, tmp_path: Path
) -> AsyncIterator[House]:
    async with doors.house(
        authserver, resource_database_url, clock, issuer_key, tmp_path / "files"
    ) as running:
        yield running


async def app_of(world: World) -> App:
    return await world.add_app(scopes=SCOPE.split())


async def test_row_56_no_other_secret_of_ours_opens_the_gallery(house: House) -> None:
    world, gallery = house
    await world.add_person()
    app = await app_of(world)
    browser = world.browser()
    await browser.sign_in("ana@example.test")
    code = (await browser.allow(app, scope=SCOPE))["code"]
    waiting = (await browser.authorize(app, scope=SCOPE, prompt="consent")).headers["location"]
    tokens = (await world.redeem(app, code)).json()
    unused = (await browser.allow(app, scope=SCOPE))["code"]
    kinds = {
        "refresh token": tokens["refresh_token"],
        "code": unused,
        "client secret": app.secret or "",
        "client id": app.client_id,
        "authorization request": waiting.partition("request=")[2],
        **{f"cookie {name}": value for name, value in browser.cookies.items()},
    }
    assert len(kinds) >= 6
    for kind, text in kinds.items():
        assert text, kind
        assert (await doors.knock(gallery, text)).status_code == 401, kind
        response = await gallery.client.get("/images", headers={"Cookie": f"authserver_local={text}"})
        assert response.status_code == 401, kind
    # What the gallery mints in other tests is signed by nobody's key here.
    await doors.refused(gallery, gallery.mint(sub=claims_of(tokens["access_token"])["sub"], scope=SCOPE))
    await doors.admitted(gallery, tokens["access_token"])


async def test_row_56_an_access_token_is_nothing_but_that(house: House) -> None:
    world, _ = house
    await world.add_person()
    app = await app_of(world)
    token = (await world.tokens(app, scope=SCOPE))["access_token"]
    assertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    for fields in (
        {"grant_type": "client_credentials", "client_assertion_type": assertion, "client_assertion": token},
        {"grant_type": "client_credentials", "client_id": app.client_id, "client_secret": token},
    ):
        response = await world.token(None, **fields)
        assert (response.status_code, response.json().get("error")) == (401, "invalid_client")
    for fields in (
        {"grant_type": "refresh_token", "refresh_token": token},
        {"grant_type": "authorization_code", "code": token, "redirect_uri": app.redirect_uri},
    ):
        response = await world.token(app, **fields)
        assert (response.status_code, response.json().get("error")) == (400, "invalid_grant")
    # As a hint it signs nobody in and chooses nobody; as a session it is nobody's.
    for hint in ({"id_token_hint": token}, {"login_hint": token}):
        response = await world.browser().authorize(app, **hint)
        assert "/login?" in response.headers["location"]
    browser = world.browser()
    browser.cookies["authserver_local"] = token
    response = await browser.get("/oauth/authorize", params=request_for(app))
    assert "/login?" in response.headers["location"]
    bearer = {"authorization": f"Bearer {token}"}
    for path in ("/oauth/introspect", "/oauth/revoke", "/oauth/token"):
        response = await world.client.post(
            path, data={"token": token, "grant_type": "client_credentials"}, headers=bearer
        )
        assert response.status_code == 401, path
    assert (await world.introspect(app, token))["active"]


async def test_row_59_an_address_that_passes_to_another_person_takes_nothing_along(house: House) -> None:
    world, gallery = house
    app, email = await app_of(world), "ana@example.test"
    first_id = await world.add_person(email)
    first = await world.tokens(app, email, scope=SCOPE)
    given = {"Authorization": f"Bearer {first['access_token']}"}
    image = await gallery.client.post(
        "/uploads", headers=given, files={"file": ("x.png", callers.png(), "image/png")}
    )
    assert image.status_code == 201, image.text
    await gallery.client.patch("/me", headers=given, json={"handle": "ana"})

    # The first Ana's account is gone, as if it had never been.
    await world.write(
        lambda session: session.execute(sa.delete(users.table).where(users.table.c.id == first_id))
    )
    second_id = await world.add_person(email)
    assert second_id != first_id
    second = await world.tokens(app, email, scope=SCOPE)
    assert claims_of(second["access_token"])["sub"] == second_id
    theirs = {"Authorization": f"Bearer {second['access_token']}"}
    assert (await gallery.client.get("/images", headers=theirs)).json()["items"] == []
    assert (await gallery.client.get("/me", headers=theirs)).json()["handle"] != "ana"
    taken = await gallery.client.get(image.headers["location"], headers=theirs)
    assert taken.status_code == 404

    # Nor do the first one's tokens become the second one's.
    assert (await world.refresh(app, first["refresh_token"])).json().get("error") == "invalid_grant"
    assert not (await world.introspect(app, first["access_token"]))["active"]
    assert (await world.introspect(app, second["access_token"]))["active"]
    assert (await world.refresh(app, second["refresh_token"])).status_code == 200


async def test_row_59_swapped_addresses_swap_nothing_else(house: House) -> None:
    world, gallery = house
    app, emails = await app_of(world), ("ana@example.test", "bea@example.test")
    ids = [await world.add_person(email) for email in emails]
    for email in emails:
        tokens = await world.tokens(app, email, scope=SCOPE)
        given = {"Authorization": f"Bearer {tokens['access_token']}"}
        response = await gallery.client.patch("/me", headers=given, json={"handle": email.partition("@")[0]})
        assert response.status_code == 200, response.text

    def swap(session: Any) -> None:
        for user_id, email in zip(ids, ("x@example.test", emails[0]), strict=True):
            values = {"email": email, "email_key": users.email_key(email)}
            session.execute(sa.update(users.table).where(users.table.c.id == user_id).values(values))
        values = {"email": emails[1], "email_key": users.email_key(emails[1])}
        session.execute(sa.update(users.table).where(users.table.c.id == ids[0]).values(values))

    await world.write(swap)
    for email, handle, user_id in zip(emails, ("bea", "ana"), reversed(ids), strict=True):
        tokens = await world.tokens(app, email, scope=SCOPE)
        assert claims_of(tokens["access_token"])["sub"] == user_id
        given = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert (await gallery.client.get("/me", headers=given)).json()["handle"] == handle


async def test_row_59_the_same_subject_of_another_issuer_is_somebody_else(gallery: Any) -> None:
    own = await callers.upload(gallery, callers.ANA)
    async with callers.another(gallery, issuer="http://localhost:9000") as other:
        given = callers.headers(other, callers.ANA)
        assert (await other.client.get("/images", headers=given)).json()["items"] == []
        assert (await other.client.get(f"/images/{own['id']}", headers=given)).status_code == 404
        assert (
            await other.client.get("/images", headers=callers.headers(gallery, callers.ANA))
        ).status_code == 401
    given = callers.headers(gallery, callers.ANA)
    assert [item["id"] for item in (await gallery.client.get("/images", headers=given)).json()["items"]] == [
        own["id"]
    ]

"""Group C: the token endpoint and its sisters, and how clients prove who they are there."""

from __future__ import annotations

import base64
import itertools
import time
import uuid
from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx2
import pytest

from authserver.oauth import clients
from tests.authserver.protocol.flows import (
    PASSWORD,
    VERIFIER,
    App,
    World,
    answer_of,
    claims_of,
    request_for,
)
from tests.resource_api import callers

ENDPOINTS = ("/oauth/token", "/oauth/revoke", "/oauth/introspect")
FORM = {"content-type": "application/x-www-form-urlencoded"}


def basic(text: str | bytes) -> dict[str, str]:
    raw = text if isinstance(text, bytes) else text.encode()
    return {"authorization": "Basic " + base64.b64encode(raw).decode()}


async def send(world: World, path: str, headers: Any = None, **fields: Any) -> Any:
    """A form that any of the endpoints answers with 200 once the client is known."""
    data = {"grant_type": "client_credentials", "token": "x", **fields}
    return await world.client.post(path, data=data, headers=headers or {})


def said(response: Any) -> tuple[int, str | None]:
    """Status and error; nothing may be issued beside an error, nor anything kept by a cache."""
    if response.status_code == 200:
        return 200, None
    answer = response.json()
    assert set(answer) == {"error", "error_description", "error_uri"}
    assert response.headers["cache-control"] == "no-store"
    return response.status_code, answer["error"]


UNPROVEN = (401, "invalid_client")
UNREADABLE = (400, "invalid_request")


async def both(world: World) -> tuple[App, App]:
    """A client that proves itself by the header, and one that does so in the form."""
    return await world.add_machine(), await world.add_machine(auth_method="client_secret_post")


async def good_form(world: World) -> dict[str, str]:
    """A form that every endpoint answers with 200."""
    app = await world.add_machine(auth_method="client_secret_post")
    fields = {
        "grant_type": "client_credentials",
        "token": "x",
        "client_id": app.client_id,
        "client_secret": app.secret or "",
    }
    for path in ENDPOINTS:
        assert (await world.client.post(path, data=fields)).status_code == 200
    return fields


async def test_row_24_only_post_is_answered(world: World) -> None:
    fields = await good_form(world)
    for method, path in itertools.product(("GET", "HEAD", "PUT", "DELETE", "PATCH"), ENDPOINTS):
        response = await world.client.request(method, path, params=fields)
        assert response.status_code == 405, (method, path)
        assert "POST" in response.headers["allow"]


async def test_row_24_a_body_of_another_kind_is_told_what_to_send(world: World) -> None:
    fields = await good_form(world)
    for path in ENDPOINTS:
        for response in (
            await world.client.post(path, json=fields),
            await world.client.post(path, files={name: (None, value) for name, value in fields.items()}),
            await world.client.post(path, content=urlencode(fields).encode()),
            await world.client.post(
                path, content=urlencode(fields).encode(), headers={"content-type": "text/plain"}
            ),
        ):
            assert said(response) == UNREADABLE, path
            assert "application/x-www-form-urlencoded" in response.json()["error_description"]


async def test_row_24_the_query_counts_for_nothing(world: World) -> None:
    fields = await good_form(world)
    for path in ENDPOINTS:
        whole = await world.client.post(path, params=fields, headers=FORM)
        assert said(whole) in (UNPROVEN, UNREADABLE), path
        for name in ("client_id", "client_secret"):
            rest = {other: value for other, value in fields.items() if other != name}
            response = await world.client.post(path, params={name: fields[name]}, data=rest)
            assert said(response) == UNPROVEN, (path, name)


async def test_row_25_a_doubled_parameter_is_refused(world: World) -> None:
    fields = await good_form(world)
    more = {
        "code": "ac_x",
        "refresh_token": "rt_x",
        "scope": "images:read",
        "code_verifier": VERIFIER,
        "redirect_uri": "https://client.test/cb",
        "token_type_hint": "access_token",
        "nobody_knows_it": "x",
    }
    for path in ENDPOINTS:
        for name, value in {**fields, **more}.items():
            for other in (value, "other", ""):
                response = await world.client.post(path, data={**fields, name: [value, other]})
                assert said(response) == UNREADABLE, (path, name, other)
                assert response.json()["error_description"] == f"Sent more than once: {name}."


async def test_row_26_two_credentials_are_refused(world: World) -> None:
    app, other = await both(world)
    header = basic(f"{app.client_id}:{app.secret}")
    assertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    for path in ENDPOINTS:
        for fields in (
            {"client_id": app.client_id, "client_secret": app.secret},
            {"client_id": app.client_id, "client_secret": "cs_wrong"},
            {"client_secret": app.secret},
            {"client_id": other.client_id, "client_secret": other.secret},
            {"client_assertion": "x.y.z"},
            {"client_assertion_type": assertion},
            {"client_id": other.client_id},
        ):
            response = await send(world, path, header, **fields)
            assert said(response) == UNREADABLE, (path, [*fields])
        wrong = await send(world, path, basic(f"{app.client_id}:cs_wrong"), client_secret=app.secret)
        assert said(wrong) == UNREADABLE
        agreeing = await send(world, path, header, client_id=app.client_id)
        assert agreeing.status_code == 200, path


async def test_row_27_each_client_proves_itself_by_its_own_method(world: World) -> None:
    by_header, by_form = await both(world)
    public = await world.add_app("none")
    for path in ENDPOINTS:
        good = [
            await send(world, path, basic(f"{by_header.client_id}:{by_header.secret}")),
            await send(world, path, client_id=by_form.client_id, client_secret=by_form.secret),
        ]
        assert [response.status_code for response in good] == [200, 200], path
        bad = [
            await send(world, path, basic(f"{by_form.client_id}:{by_form.secret}")),
            await send(world, path, client_id=by_header.client_id, client_secret=by_header.secret),
            *[
                await send(world, path, client_id=app.client_id, **nothing)
                for app in (by_header, by_form)
                for nothing in ({}, {"client_secret": ""})
            ],
            await send(world, path, basic(f"{by_header.client_id}:")),
            await send(world, path, basic(f"{public.client_id}:x")),
            await send(world, path, client_id=public.client_id, client_secret="x"),
            await send(world, path),
        ]
        for number, response in enumerate(bad):
            assert said(response) == UNPROVEN, (path, number)
            assert response.headers["www-authenticate"].startswith("Basic ")


async def test_row_27_a_junk_assertion_does_not_ride_on_a_good_secret(world: World) -> None:
    app = await world.add_machine(auth_method="client_secret_post")
    own = {"client_id": app.client_id, "client_assertion": "x.y.z"}
    for path in ENDPOINTS:
        assert said(await send(world, path, **own)) == UNPROVEN
        assert said(await send(world, path, client_secret=app.secret, **own)) == UNREADABLE
        good = await send(world, path, client_id=app.client_id, client_secret=app.secret)
        assert good.status_code == 200


async def test_row_27_of_many_secrets_two_work_and_the_old_one_until_it_ends(
    world: World, clock: Any
) -> None:
    app = await world.add_machine()

    async def rotate(overlap_seconds: float = 100) -> str:
        secret: str = await world.write(
            lambda session: clients.rotate_secret(
                session, app.client_id, now=world.now(), overlap_seconds=overlap_seconds
            )
        )
        return secret

    async def works(*secrets: str | None) -> list[bool]:
        answers: dict[str | None, set[bool]] = {
            secret: {
                (await send(world, path, basic(f"{app.client_id}:{secret}"))).status_code == 200
                for path in ENDPOINTS
            }
            for secret in secrets
        }
        return [answers[secret] == {True} for secret in secrets if len(answers[secret]) == 1]

    second = await rotate()
    assert await works(app.secret, second) == [True, True]
    third = await rotate()
    assert await works(app.secret, second, third) == [False, True, True]
    clock.advance(100)
    assert await works(second, third) == [False, True]
    leaked, fourth = third, await rotate(overlap_seconds=0)
    assert await works(leaked, fourth) == [False, True]


MALFORMED = (
    "Basic",
    "Basic ",
    "Basic !!!!",
    "Basic =",
    "Basic YTpi YTpi",
    "Basic YTpi\tYTpi",
    "Basic YTpi, Basic YTpi",
    "Bearer YTpi",
    "Basic " + base64.b64encode(b"\xff\xfe").decode(),
    "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
    "Basic " + base64.b64encode(b"no colon").decode(),
    "Basic " + base64.b64encode(b":").decode(),
    "Basic " + base64.b64encode(b"app_x:").decode(),
    "Basic " + base64.b64encode(b"%zz:%zz").decode(),
    "Basic " + base64.b64encode(b"%ff%fe:%ff").decode(),
    "Basic " + base64.b64encode("app_x:é".encode()).decode(),
    "Basic " + base64.b64encode("app_x:é".encode("latin-1")).decode(),
    "Basic " + base64.b64encode(b"app_\x00:x").decode(),
    "Basic " + base64.b64encode(b"%00:x").decode(),
    "Basic " + base64.urlsafe_b64encode(b"\xfb\xff?:??>").decode(),
    "Basic " + base64.b64encode(b"a" * 49_152).decode(),
)


async def test_row_28_a_malformed_header_is_a_401(world: World) -> None:
    app = await world.add_machine()
    good = basic(f"{app.client_id}:{app.secret}")["authorization"]
    text = good.removeprefix("Basic ")
    junk = (good + "!", f"Basic {text[:8]} {text[8:]}", f"Basic {text[:8]}\t{text[8:]}", f"Basic -{text}")
    twice = [("authorization", good), ("authorization", good)]
    for path in ENDPOINTS:
        for header in (*MALFORMED, *junk):
            response = await send(world, path, {"authorization": header})
            assert said(response) == UNPROVEN, (path, header[:40])
        assert said(await send(world, path, twice)) == UNPROVEN
        assert (await send(world, path, {"authorization": good})).status_code == 200


async def test_row_28_id_and_secret_are_form_encoded_inside_the_header(world: World) -> None:
    app = await world.add_machine()
    encoded = "".join(f"%{ord(character):02X}" for character in app.secret or "")
    for secret in (encoded, encoded.lower(), quote_plus(app.secret or "")):
        response = await send(world, "/oauth/token", basic(f"{quote_plus(app.client_id)}:{secret}"))
        assert response.status_code == 200
    header = basic(f"{app.client_id}:{app.secret}")["authorization"].removeprefix("Basic")
    assert (await send(world, "/oauth/token", {"authorization": "bAsIc" + header})).status_code == 200


async def test_row_30_a_grant_that_is_not_offered_is_named_as_such(world: World) -> None:
    app = await world.add_app(
        grant_types=["client_credentials", "authorization_code", "refresh_token"],
        redirect_uris=["https://client.test/cb"],
    )
    for grant_type in (
        "implicit",
        "junk",
        'x"\\é',
        "CLIENT_CREDENTIALS",
        "client_credentials ",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:token-exchange",
    ):
        response = await world.token(app, grant_type=grant_type)
        assert said(response) == (400, "unsupported_grant_type"), grant_type
    for missing in (None, ""):
        assert said(await world.token(app, grant_type=missing)) == UNREADABLE
    assert (await world.token(app, grant_type="client_credentials")).status_code == 200


async def test_row_30_a_client_uses_the_grants_it_lists_and_no_other(world: World) -> None:
    await world.add_person()
    machine, app, public = await world.add_machine(), await world.add_app(), await world.add_app("none")
    code, tokens = await world.code(app), await world.tokens(app)
    password = {"grant_type": "password", "username": "ana@example.test", "password": PASSWORD}
    for refused in (
        await world.token(app, grant_type="client_credentials"),
        await world.redeem(machine, code),
        await world.refresh(machine, tokens["refresh_token"]),
        await world.token(app, **password),
        await world.token(machine, **password),
    ):
        assert said(refused) == (400, "unauthorized_client")
    assert said(await world.token(public, grant_type="client_credentials")) == UNPROVEN
    assert said(await world.token(public, **password)) == UNPROVEN
    assert (await world.redeem(app, code)).status_code == 200
    assert (await world.refresh(app, tokens["refresh_token"])).status_code == 200
    assert (await world.token(machine, grant_type="client_credentials")).status_code == 200


BAD_SCOPES = (
    "nobody:knows",
    "other:read",
    "images:read  images:write",
    " images:read",
    "images:read ",
    "images:read\timages:write",
    "images:read\u00a0images:write",
    "images:read\u2003images:write",
    "images:read,images:write",
    'images:read"',
    "images:read\\",
    "images:reäd",
    "images:read images:read",
    "IMAGES:READ",
    " ".join(f"s{number}" for number in range(2000)),
)


async def test_row_31_a_scope_is_registered_and_written_to_the_letter(world: World) -> None:
    machine = await world.add_machine(scopes=["images:read", "images:write"])
    app = await world.add_app(scopes=["images:read", "images:write"])
    for scope in BAD_SCOPES:
        response = await world.token(machine, grant_type="client_credentials", scope=scope)
        assert said(response) == (400, "invalid_scope"), scope[:40]
        answer = answer_of(await world.browser().authorize(app, scope=scope), app.redirect_uri)
        assert answer["error"] == "invalid_scope", scope[:40]
        assert "code" not in answer
    good = await world.token(machine, grant_type="client_credentials", scope="images:write")
    assert claims_of(good.json()["access_token"])["scope"] == good.json()["scope"] == "images:write"


async def test_row_31_a_token_carries_no_more_than_was_agreed_to_and_registered(world: World) -> None:
    await world.add_person()
    app = await world.add_app()
    browser = world.browser()
    await browser.sign_in("ana@example.test")
    page = (await browser.authorize(app)).headers["location"]
    for more in ("gallery:read", "images:delete", "other:read"):
        forged = await browser.decide(page, "allow", ["images:read", more])
        assert forged.status_code == 400, more
    code = (await browser.allow(app, ["images:read"]))["code"]
    first = (await world.redeem(app, code, scope="images:read images:write gallery:read")).json()
    assert first["scope"] == claims_of(first["access_token"])["scope"] == "images:read"
    wider = await world.refresh(app, first["refresh_token"], scope="images:read images:write")
    assert said(wider) == (400, "invalid_scope")
    assert (await world.refresh(app, first["refresh_token"])).json()["scope"] == "images:read"


async def test_row_31_a_hundred_thousand_scopes_are_refused_for_next_to_nothing(world: World) -> None:
    machine, app = await world.add_machine(), await world.add_app()
    many = " ".join(f"s{number}" for number in range(100_000))
    fits = " ".join(f"s{number}" for number in range(9_000))
    forms = {
        name: urlencode({"grant_type": "client_credentials", "scope": scope}).encode()
        for name, scope in (("many", many), ("fits", fits))
    }
    headers = {**FORM, **machine.credentials()["headers"]}
    query = urlencode(request_for(app, scope=fits))
    assert (await world.token(machine, grant_type="client_credentials")).status_code == 200
    before = time.process_time()
    too_large = await world.client.post("/oauth/token", content=forms["many"], headers=headers)
    too_many = await world.client.post("/oauth/token", content=forms["fits"], headers=headers)
    page = await world.client.get(f"/oauth/authorize?{query}")
    used = time.process_time() - before
    assert (too_large.status_code, said(too_many)) == (413, (400, "invalid_scope"))
    assert answer_of(page)["error"] == "invalid_scope"
    # A few milliseconds; a look at every name would be hundreds.
    assert used < 0.15


async def test_row_32_a_machine_is_nobody(gallery: Any) -> None:
    machine = callers.headers(gallery, callers.MACHINE)
    for method, path in (("GET", "/me"), ("PATCH", "/me"), ("GET", "/credits")):
        response = await gallery.client.request(method, path, headers=machine, json={"handle": "ana"})
        assert response.status_code == 403, (method, path)
        assert response.json()["type"].endswith("/person_required")
        person = await gallery.client.request(
            method, path, headers=callers.headers(gallery, callers.ANA), json={"handle": "ana"}
        )
        assert person.status_code == 200, (method, path)
    assert (await gallery.client.get("/images", headers=machine)).status_code == 200


async def test_row_32_a_client_is_never_taken_for_a_person(world: World) -> None:
    person = await world.add_person()
    machines = [await world.add_machine() for _ in range(3)]
    for machine in machines:
        answer = (await world.token(machine, grant_type="client_credentials")).json()
        claims = claims_of(answer["access_token"])
        assert "refresh_token" not in answer
        assert claims["sub"] == claims["client_id"] == machine.client_id
        with pytest.raises(ValueError, match="badly formed"):
            uuid.UUID(machine.client_id)
    with pytest.raises(clients.ClientError):
        await world.write(
            lambda session: clients.update(session, machines[0].client_id, now=world.now(), client_id=person)
        )


async def test_row_33_unknown_client_and_wrong_secret_look_the_same(world: World) -> None:
    app, disabled = await world.add_machine(), await world.add_machine()
    await world.write(lambda session: clients.disable(session, disabled.client_id, now=world.now()))
    for path in ENDPOINTS:
        answers = [
            await send(world, path, basic(f"{app.client_id}:cs_wrong")),
            await send(world, path, basic("app_nobody:cs_wrong")),
            await send(world, path, basic(f"{disabled.client_id}:{disabled.secret}")),
            await send(world, path, client_id="app_nobody", client_secret="x"),
            await send(world, path, client_id="app_nobody"),
        ]
        assert {said(response) for response in answers} == {UNPROVEN}
        assert len({response.content for response in answers}) == 1
        assert len({response.headers["www-authenticate"] for response in answers}) == 1
        assert (await send(world, path, basic(f"{app.client_id}:{app.secret}"))).status_code == 200


async def test_row_33_a_changed_secret_is_a_wrong_secret(world: World) -> None:
    app = await world.add_machine(auth_method="client_secret_post")
    secret = app.secret or ""
    for wrong in (secret[:-1], secret + "a", secret.swapcase(), secret[: len(secret) // 2], secret + "\n"):
        response = await send(world, "/oauth/token", client_id=app.client_id, client_secret=wrong)
        assert said(response) == UNPROVEN
    good = await send(world, "/oauth/token", client_id=app.client_id, client_secret=secret)
    assert good.status_code == 200


async def test_row_33_a_guesser_waits_and_nobody_else_does(world: World) -> None:
    app = await world.add_machine()
    answers = [
        (await send(world, "/oauth/token", basic(f"{app.client_id}:cs_{number}"))).status_code
        for number in range(110)
    ]
    assert answers[:100] == [401] * 100
    assert set(answers[100:]) == {429}
    waiting = await send(world, "/oauth/token", basic(f"{app.client_id}:cs_x"))
    assert said(waiting) == (429, "temporarily_unavailable")
    assert 0 < int(waiting.headers["retry-after"]) <= 900
    header = basic(f"{app.client_id}:{app.secret}")
    elsewhere = httpx2.ASGITransport(app=world.server.app, client=("203.0.113.9", 50000))
    async with httpx2.AsyncClient(transport=elsewhere, base_url=world.server.settings.issuer) as client:
        form = {"grant_type": "client_credentials"}
        assert (await client.post("/oauth/token", data=form, headers=header)).status_code == 200
        wrong = await client.post("/oauth/token", data=form, headers=basic(f"{app.client_id}:cs_x"))
        assert said(wrong) == UNPROVEN
    # Whoever knows the secret isn't guessing, wherever they are.
    assert (await send(world, "/oauth/token", header)).status_code == 200

"""Who is calling: one method per client on every endpoint, and one answer for every failure."""

from __future__ import annotations

import base64
import itertools
from typing import Any
from urllib.parse import quote_plus

import pytest

from authserver.oauth import clients

from .flows import App, World

ENDPOINTS = ("/oauth/token", "/oauth/revoke", "/oauth/introspect")


def basic(text: str | bytes) -> dict[str, str]:
    raw = text if isinstance(text, bytes) else text.encode()
    return {"authorization": "Basic " + base64.b64encode(raw).decode()}


async def send(world: World, path: str, headers: Any = None, **fields: Any) -> Any:
    data = {"grant_type": "client_credentials", "token": "x", **fields}
    return await world.client.post(path, data=data, headers=headers or {})


async def both(world: World) -> tuple[App, App]:
    return await world.add_machine(), await world.add_machine(auth_method="client_secret_post")


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_each_client_proves_itself_by_its_own_method(world: World, path: str) -> None:
    by_header, by_form = await both(world)
    good = [
        await send(world, path, basic(f"{by_header.client_id}:{by_header.secret}")),
        await send(world, path, client_id=by_form.client_id, client_secret=by_form.secret),
    ]
    assert [response.status_code for response in good] == [200, 200]
    bad = [
        await send(world, path, basic(f"{by_form.client_id}:{by_form.secret}")),
        await send(world, path, client_id=by_header.client_id, client_secret=by_header.secret),
        await send(world, path, client_id=by_header.client_id),
        await send(world, path, client_id=by_header.client_id, client_secret=""),
        await send(world, path),
    ]
    for response in bad:
        assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
        assert response.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_unknown_client_and_wrong_secret_look_the_same(world: World, path: str) -> None:
    app = await world.add_machine()
    disabled = await world.add_machine()
    await world.write(lambda session: clients.disable(session, disabled.client_id, now=world.now()))
    answers = [
        await send(world, path, basic(f"{app.client_id}:cs_wrong")),
        await send(world, path, basic("app_nobody:cs_wrong")),
        await send(world, path, basic(f"{disabled.client_id}:{disabled.secret}")),
        await send(world, path, client_id="app_nobody", client_secret="x"),
        await send(world, path, client_id="app_nobody"),
    ]
    assert {response.status_code for response in answers} == {401}
    assert len({response.content for response in answers}) == 1
    assert len({response.headers["www-authenticate"] for response in answers}) == 1


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_two_credentials_are_refused(world: World, path: str) -> None:
    app, other = await both(world)
    header = basic(f"{app.client_id}:{app.secret}")
    for fields in (
        {"client_id": app.client_id, "client_secret": app.secret},
        {"client_id": app.client_id, "client_secret": "cs_wrong"},
        {"client_secret": app.secret},
        {"client_assertion": "x.y.z"},
        {"client_id": other.client_id},
    ):
        response = await send(world, path, header, **fields)
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    agreeing = await send(world, path, header, client_id=app.client_id)
    assert agreeing.status_code == 200


async def test_a_junk_assertion_does_not_ride_on_a_good_secret(world: World) -> None:
    app = await world.add_machine(auth_method="client_secret_post")
    alone = await send(world, "/oauth/token", client_id=app.client_id, client_assertion="x.y.z")
    assert alone.status_code == 401
    beside = await send(
        world,
        "/oauth/token",
        client_id=app.client_id,
        client_secret=app.secret,
        client_assertion="x.y.z",
    )
    assert (beside.status_code, beside.json()["error"]) == (400, "invalid_request")


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
    "Basic " + base64.b64encode(b"a" * 6000).decode(),
)


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_a_malformed_header_is_a_401(world: World, path: str) -> None:
    for header in MALFORMED:
        response = await send(world, path, {"authorization": header})
        assert (response.status_code, response.json()["error"]) == (401, "invalid_client"), header[:40]


async def test_two_authorization_headers_are_one_bad_one(world: World) -> None:
    app = await world.add_machine()
    header = basic(f"{app.client_id}:{app.secret}")["authorization"]
    twice = [("authorization", header), ("authorization", header)]
    assert (await send(world, "/oauth/token", twice)).status_code == 401


async def test_id_and_secret_are_form_encoded_inside_basic(world: World) -> None:
    app = await world.add_machine()
    encoded = "".join(f"%{ord(character):02X}" for character in app.secret or "")
    for secret in (encoded, encoded.lower(), quote_plus(app.secret or "")):
        response = await send(world, "/oauth/token", basic(f"{quote_plus(app.client_id)}:{secret}"))
        assert response.status_code == 200


async def test_the_scheme_is_read_whatever_its_case(world: World) -> None:
    app = await world.add_machine()
    header = basic(f"{app.client_id}:{app.secret}")["authorization"].removeprefix("Basic")
    assert (await send(world, "/oauth/token", {"authorization": "bAsIc" + header})).status_code == 200


async def test_a_changed_secret_is_a_wrong_secret(world: World) -> None:
    app = await world.add_machine(auth_method="client_secret_post")
    secret = app.secret or ""
    for wrong in (secret[:-1], secret + "a", secret.swapcase(), secret[: len(secret) // 2], secret + "\n"):
        response = await send(world, "/oauth/token", client_id=app.client_id, client_secret=wrong)
        assert response.status_code == 401


async def test_two_secrets_live_side_by_side_until_the_old_one_ends(world: World, clock: Any) -> None:
    app = await world.add_machine()

    async def works(secret: str | None) -> bool:
        response = await send(world, "/oauth/token", basic(f"{app.client_id}:{secret}"))
        return bool(response.status_code == 200)

    second = await world.write(
        lambda session: clients.rotate_secret(session, app.client_id, now=world.now(), overlap_seconds=100)
    )
    assert await works(app.secret)
    assert await works(second)
    third = await world.write(
        lambda session: clients.rotate_secret(session, app.client_id, now=world.now(), overlap_seconds=100)
    )
    assert [await works(secret) for secret in (app.secret, second, third)] == [False, True, True]
    clock.advance(100)
    assert [await works(secret) for secret in (second, third)] == [False, True]


async def test_a_guesser_is_told_to_wait_and_others_are_not(world: World) -> None:
    app = await world.add_machine()
    answers = [
        (await send(world, "/oauth/token", basic(f"{app.client_id}:cs_{number}"))).status_code
        for number in range(110)
    ]
    assert answers[:100] == [401] * 100
    assert set(answers[100:]) == {429}
    waiting = await send(world, "/oauth/token", basic(f"{app.client_id}:cs_x"))
    assert 0 < int(waiting.headers["retry-after"]) <= 900
    assert waiting.json()["error"] == "temporarily_unavailable"
    # Whoever knows the secret isn't guessing.
    good = await send(world, "/oauth/token", basic(f"{app.client_id}:{app.secret}"))
    assert good.status_code == 200


async def test_only_post_is_answered(world: World) -> None:
    for method, path in itertools.product(("GET", "HEAD", "PUT", "DELETE", "PATCH"), ENDPOINTS):
        response = await world.client.request(method, path)
        assert response.status_code == 405
        assert "POST" in response.headers["allow"]


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_a_body_of_another_kind_says_what_to_send(world: World, path: str) -> None:
    app = await world.add_machine(auth_method="client_secret_post")
    fields = {
        "grant_type": "client_credentials",
        "token": "x",
        "client_id": app.client_id,
        "client_secret": app.secret or "",
    }
    answers = [
        await world.client.post(path, json=fields),
        await world.client.post(path, files={name: (None, value) for name, value in fields.items()}),
        await world.client.post(path, content=b"grant_type=client_credentials"),
    ]
    for response in answers:
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
        assert "application/x-www-form-urlencoded" in response.json()["error_description"]
        assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_the_query_counts_for_nothing(world: World, path: str) -> None:
    app = await world.add_machine(auth_method="client_secret_post")
    fields = {
        "grant_type": "client_credentials",
        "token": "x",
        "client_id": app.client_id,
        "client_secret": app.secret or "",
    }
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert (await world.client.post(path, params=fields, headers=form)).status_code in (400, 401)
    secret_in_address = {"client_secret": fields.pop("client_secret")}
    response = await world.client.post(path, params=secret_in_address, data=fields)
    assert response.status_code == 401


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_a_repeated_parameter_is_refused(world: World, path: str) -> None:
    app = await world.add_machine(auth_method="client_secret_post")
    fields = {
        "grant_type": "client_credentials",
        "token": "x",
        "client_id": app.client_id,
        "client_secret": app.secret or "",
        "scope": "images:read",
    }
    for name, value in fields.items():
        for other in (value, "other", ""):
            response = await world.client.post(path, data={**fields, name: [value, other]})
            assert (response.status_code, response.json()["error"]) == (400, "invalid_request")

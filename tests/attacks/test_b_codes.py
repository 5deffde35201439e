"""Group B: authorization codes and PKCE, in the hands of whoever stole one or wants one too many.

Every single wrong field is tested in `protocol/test_code_flow`.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from authserver import credentials, engines
from authserver.oauth import clients, refresh_tokens
from authserver.people import users
from tests.authserver.protocol.flows import CB, CHALLENGE, VERIFIER, App, World
from tests.support import databases
from tests.support.clock import ManualClock

from .races import two_servers

AT_ONCE = 100


async def start(world: World, auth_method: str = "client_secret_basic", **more: Any) -> tuple[App, str]:
    await world.add_person()
    app = await world.add_app(auth_method, **more)
    return app, await world.code(app)


def error(response: Any) -> str:
    assert response.status_code in (400, 401), response.text
    assert response.headers["cache-control"] == "no-store"
    assert "access_token" not in response.text
    found: str = response.json().get("error")
    return found


@pytest.mark.parametrize("later", [1, 30])
async def test_row_14_a_second_use_ends_what_came_of_the_first(
    world: World, clock: ManualClock, later: int
) -> None:
    app, code = await start(world)
    tokens = (await world.redeem(app, code)).json()
    assert (await world.introspect(app, tokens["access_token"]))["active"]
    clock.advance(later)
    assert error(await world.redeem(app, code)) == "invalid_grant"
    assert error(await world.refresh(app, tokens["refresh_token"])) == "invalid_grant"
    assert await world.introspect(app, tokens["access_token"]) == {"active": False}


@pytest.mark.parametrize("kind", databases.KINDS)
async def test_row_15_of_a_hundred_at_two_servers_one_has_the_tokens(
    kind: str, tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody asks again after a 503: with time limits that a busy machine can't reach, one would be a deadlock."""
    for limit in ("POOL_SECONDS", "COMMAND_SECONDS", "TURN_SECONDS", "BUSY_SECONDS"):
        monkeypatch.setattr(engines, limit, 60.0)
    async with two_servers(kind, tmp_path, clock) as worlds:
        world = worlds[0]
        app, first = await start(world)
        for code in (first, await world.code(app), await world.code(app)):
            answers = await asyncio.gather(
                *(worlds[number % 2].redeem(app, code) for number in range(AT_ONCE))
            )
            won = [answer.json() for answer in answers if answer.status_code == 200]
            lost = [error(answer) for answer in answers if answer.status_code != 200]
            assert (len(won), lost) == (1, ["invalid_grant"] * (AT_ONCE - 1))
            assert error(await worlds[1].refresh(app, won[0]["refresh_token"])) == "invalid_grant"
            assert await worlds[1].introspect(app, won[0]["access_token"]) == {"active": False}
        live = sa.select(sa.func.count()).where(refresh_tokens.table.c.revoked_at.is_(None))
        assert await world.server.state.database.read(lambda session: session.execute(live).scalar_one()) == 0
        assert (await world.redeem(app, await world.code(app))).status_code == 200


async def test_row_15_one_has_the_tokens_where_no_family_begins(world: World) -> None:
    """Where refresh tokens are given, the family's own row would let only one in, whatever became of the code."""
    app, code = await start(world, grant_types=["authorization_code"], redirect_uris=[CB])
    answers = await asyncio.gather(*(world.redeem(app, code) for _ in range(20)))
    won = [answer.json()["access_token"] for answer in answers if answer.status_code == 200]
    lost = [error(answer) for answer in answers if answer.status_code != 200]
    assert (len(won), lost) == (1, ["invalid_grant"] * 19)
    assert await world.introspect(app, won[0]) == {"active": False}, (
        "nobody knows which of them was the thief"
    )
    assert (await world.redeem(app, await world.code(app))).status_code == 200


async def test_row_16_a_code_is_bound_to_its_client(world: World) -> None:
    app, code = await start(world)
    other, public = await world.add_app(), await world.add_app("none")
    for stranger in (other, public):
        assert error(await world.redeem(stranger, code)) == "invalid_grant"
    assert error(await world.redeem(App(app.client_id, None, "none"), code)) == "invalid_client"
    assert error(await world.redeem(other, code, client_id=app.client_id)) == "invalid_request"
    assert (await world.redeem(app, code)).status_code == 200
    # Nor does a stranger's try count as a second use.
    kept = (await world.tokens(app))["refresh_token"]
    assert error(await world.redeem(other, code)) == "invalid_grant"
    assert (await world.refresh(app, kept)).status_code == 200


async def test_row_18_expiry_is_tested_and_not_swept(world: World, clock: ManualClock) -> None:
    app, code = await start(world)
    clock.advance(59)
    spare = await world.code(app)
    clock.advance(1)
    for client in (app, await world.add_app()):
        assert error(await world.redeem(client, code)) == "invalid_grant"
    assert (await world.redeem(app, spare)).status_code == 200


@pytest.mark.parametrize("auth_method", ["client_secret_post", "none"])
async def test_row_20_only_the_verifier_opens_a_code(world: World, auth_method: str) -> None:
    app, code = await start(world, auth_method)
    wrong: dict[str, str] = {
        "w" * 43: "invalid_grant",
        VERIFIER[:-1] + "!": "invalid_request",
        VERIFIER.upper(): "invalid_grant",
        CHALLENGE: "invalid_grant",
        "w" * 42: "invalid_request",
        "w" * 129: "invalid_request",
        VERIFIER + "\n": "invalid_request",
        VERIFIER + "\0": "invalid_request",
        " " + VERIFIER: "invalid_request",
        "": "invalid_request",
    }
    for verifier, expected in wrong.items():
        assert error(await world.redeem(app, code, code_verifier=verifier)) == expected, verifier
    assert error(await world.redeem(app, code, code_verifier=None)) == "invalid_request"
    assert error(await world.redeem(app, code, code_verifier=[VERIFIER, VERIFIER])) == "invalid_request"
    assert (await world.redeem(app, code)).status_code == 200


async def test_row_20_a_challenge_binds_even_where_none_is_required(world: World) -> None:
    app, code = await start(world, require_pkce=False)
    assert error(await world.redeem(app, code, code_verifier=None)) == "invalid_request"
    assert (await world.redeem(app, code)).status_code == 200
    bare: dict[str, Any] = {"code_challenge": None, "code_challenge_method": None}
    code = await world.code(app, **bare)
    assert error(await world.redeem(app, code)) == "invalid_grant"
    assert (await world.redeem(app, code, code_verifier=None)).status_code == 200


def flip(text: str) -> str:
    """The text with one letter of its middle in the other case."""
    at = next(index for index in range(len(text) // 2, len(text)) if text[index].isalpha())
    return text[:at] + text[at].swapcase() + text[at + 1 :]


async def test_row_22_what_is_almost_a_secret_is_none(world: World) -> None:
    app, code = await start(world)
    refresh = (await world.tokens(app))["refresh_token"]
    machine = await world.add_machine()
    secret = machine.secret or ""

    async def as_machine(text: str) -> Any:
        client = App(machine.client_id, text, machine.auth_method)
        return await world.token(client, grant_type="client_credentials")

    for text, prefix, use in (
        (code, "ac", lambda text: world.redeem(app, text)),
        (refresh, "rt", lambda text: world.refresh(app, text)),
        (secret, "cs", as_machine),
    ):
        unknown = await use(credentials.new_token(prefix))
        changed = (text[:-1], text + text[-1], flip(text), text[: len(text) // 2], text.lower(), text + " ")
        for one in changed:
            answer = await use(one)
            assert (answer.status_code, answer.text) == (unknown.status_code, unknown.text), (prefix, one)
        assert error(unknown) in ("invalid_grant", "invalid_client")
        assert (await use(text)).status_code == 200, prefix


def rank(vectors: list[int]) -> int:
    """How many bits these vary in independently (rank over GF(2))."""
    basis: dict[int, int] = {}
    for vector in vectors:
        rest = vector
        while rest and rest.bit_length() in basis:
            rest ^= basis[rest.bit_length()]
        if rest:
            basis[rest.bit_length()] = rest
    return len(basis)


def test_row_22_secrets_have_256_bits_and_no_structure() -> None:
    for prefix in ("ac", "se", "cs", "ar", "br"):
        texts = {credentials.new_token(prefix) for _ in range(10_000)}
        assert len(texts) == 10_000
        payloads = [int.from_bytes(credentials.decode(text, prefix) or b"", "big") for text in texts]
        assert rank([one ^ payloads[0] for one in payloads[1:400]]) >= 250, prefix
        for bit in range(256):
            ones = sum(payload >> bit & 1 for payload in payloads)
            assert 4_600 < ones < 5_400, (prefix, bit)  # eight standard deviations


@pytest.mark.parametrize(
    "change", ["person disabled", "client disabled", "secret rotated", "grant taken away"]
)
async def test_row_23_what_ends_between_code_and_tokens_ends_the_code(world: World, change: str) -> None:
    app, code = await start(world)
    person, client = world.people["ana@example.test"], app.client_id
    secret = ""

    def work(session: Any) -> None:
        nonlocal secret
        if change == "person disabled":
            users.disable(session, person, now=world.now())
        elif change == "client disabled":
            clients.disable(session, client, now=world.now())
        elif change == "grant taken away":
            values = {"grant_types": ("client_credentials",), "redirect_uris": ()}
            clients.update(session, client, now=world.now(), **values)
        else:
            secret = clients.rotate_secret(session, client, now=world.now())

    await world.write(work)
    expected = {
        "person disabled": "invalid_grant",
        "client disabled": "invalid_client",
        "secret rotated": "invalid_client",
        "grant taken away": "unauthorized_client",
    }
    assert error(await world.redeem(app, code)) == expected[change]
    if secret:
        assert (await world.redeem(App(client, secret, app.auth_method), code)).status_code == 200

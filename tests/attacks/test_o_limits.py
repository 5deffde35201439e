"""Group O, the authorization server: one caller is one caller, whatever they claim and whichever server they ask."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest

from authserver import limits
from authserver.oauth import client_authentication
from tests.authserver.protocol.flows import BROWSER, PASSWORD, App, World
from tests.support import databases
from tests.support.clock import ManualClock

from . import races
from .forms import ANA

CROWD = 160
TRIES = 20
CLAIMS = ("x-forwarded-for", "forwarded", "x-real-ip", "true-client-ip", "cf-connecting-ip", "x-client-ip")
SPELLINGS = ("{}", "{}", "{}/", "/{}", "{}%00", "{};x", "{}?x={}")


@pytest.fixture(params=databases.KINDS)
async def worlds(
    request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock
) -> AsyncIterator[tuple[World, World]]:
    """Two servers on one database, with Ana."""
    async with races.two_servers(request.param, tmp_path, clock) as (one, two):
        await one.add_person(ANA)
        yield one, two


async def crowd(worlds: tuple[World, World], path: str, forms: list[dict[str, str]]) -> list[httpx2.Response]:
    """All at once, from one household that claims to be many, on either server, under several spellings.

    Who hears 503, since on a slow machine a crowd is too much for the database, comes again as Retry-After says.
    """
    async with AsyncExitStack() as stack:

        async def send(number: int, form: dict[str, str]) -> httpx2.Response:
            app = worlds[number % 2].server.app
            peer = (f"2001:db8::{number:x}:{number * 77 & 0xFFFF:x}", 1)
            transport = httpx2.ASGITransport(app=app, client=peer, raise_app_exceptions=False)
            client = httpx2.AsyncClient(
                transport=transport, base_url="http://localhost:8000", headers=BROWSER
            )
            await stack.enter_async_context(client)
            spelled = "http://localhost:8000" + SPELLINGS[number % len(SPELLINGS)].format(path, number)
            claimed = dict.fromkeys(CLAIMS, f"198.51.100.{number % 250}")
            answer = await client.post(spelled, data=form, headers=claimed)
            for _ in range(TRIES):
                if answer.status_code != 503:
                    break
                await asyncio.sleep(float(answer.headers["retry-after"]))
                answer = await client.post(spelled, data=form, headers=claimed)
            return answer

        return await asyncio.gather(*(send(number, form) for number, form in enumerate(forms)))


async def test_row_118_of_a_crowd_at_one_account_ten_are_looked_at(worlds: tuple[World, World]) -> None:
    forms = [{"email": ANA, "password": f"wrong {number}"} for number in range(CROWD)]
    answers = await crowd(worlds, "/login", forms)
    told = [answer.status_code for answer in answers]
    assert set(told) == {404, 422, 429}, "another spelling is another address, and nothing is there"
    assert told.count(422) <= limits.LOGIN_ACCOUNT
    for answer in answers:
        if answer.status_code == 429:
            assert 1 <= int(answer.headers["retry-after"]) <= limits.LOGIN_SECONDS
    right = [{"email": ANA, "password": PASSWORD}] * 2
    assert {answer.status_code for answer in await crowd(worlds, "/login", right)} == {429}


async def test_row_118_of_a_crowd_of_guessed_secrets_a_hundred_are_told_so(
    worlds: tuple[World, World],
) -> None:
    app = await worlds[0].add_machine()
    for world in worlds:
        await world.server.state.cache.refresh()
    forms = [
        {"grant_type": "client_credentials", "client_id": f"app_{number}", "client_secret": "cs_x"}
        for number in range(300)
    ]
    answers = []
    for start in range(0, len(forms), 60):  # more at once would wait for the database
        answers += await crowd(worlds, "/oauth/token", forms[start : start + 60])
    told = [answer.status_code for answer in answers]
    assert set(told) == {401, 404, 429}
    assert told.count(401) <= client_authentication.WRONG_GUESSES
    for world in worlds:
        good = await world.token(
            App(app.client_id, app.secret, app.auth_method), grant_type="client_credentials"
        )
        assert good.status_code == 200, "who knows the secret isn't guessing"


async def test_row_125_what_strangers_send_is_not_remembered(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Counted, not weighed: what every request left behind would show as an object or a line for each."""
    caplog.set_level(logging.WARNING)  # or pytest remembers
    client = world.client

    async def strangers(numbers: range) -> tuple[int, int, int]:
        for number in numbers:
            for method, path, headers in (
                ("GET", f"/login?lang=x{number}&ui_locales=x{number}&login_hint={number}", {}),
                ("GET", "/login", {"accept-language": f"x{number}, y{number};q=0.5"}),
                ("GET", "/", {"cookie": f"authserver_local=se_{number}; other{number}=x"}),
                ("GET", f"/oauth/authorize?client_id=app_{number}&state={number}", {}),
                (
                    "POST",
                    "/oauth/token",
                    {"x-request-id": f"request-{number}", "origin": f"https://{number}.test"},
                ),
                (f"METHOD{number}", "/login", {}),
                ("GET", f"/nothing/{number}", {"host": f"host-{number}.test"}),
            ):
                answer = await client.request(method, path, headers=headers)
                assert answer.status_code < 500
                client.cookies.clear()
        await world.server.state.audit_buffer.flush(world.server.state.database)
        gc.collect()
        lines = (await client.get("/metrics")).text.count("\n")
        return len(gc.get_objects()), sys.getallocatedblocks(), lines

    counted = [await strangers(range(start, start + 20)) for start in range(0, 100, 20)][1:]
    objects, blocks, lines = zip(*counted, strict=True)
    for kept, allowed in (
        (objects, 20),
        (blocks, 7 * 20),
    ):  # one a round, one a request; other things come and go
        assert min(after - before for before, after in itertools.pairwise(kept)) < allowed, kept
    assert len(set(lines)) == 1


async def test_row_126_conditions_and_ranges_without_end(world: World) -> None:
    whole = (await world.client.get("/.well-known/jwks.json")).content
    for name, value in (
        ("range", "bytes=" + ",".join(f"{number}-{number}" for number in range(10_000))),
        ("range", "bytes=9-0"),
        ("if-none-match", ", ".join(f'"{number}"' for number in range(10_000))),
        ("accept-language", ", ".join(f"x{number};q=0.{number}" for number in range(10_000))),
        ("accept", "*/*;q=0.1," * 10_000),
    ):
        for path in ("/.well-known/jwks.json", "/login", "/docs"):
            sent = {name: value}
            answer = await world.client.get(path, headers=sent)
            assert answer.status_code == 200, (name, path)
            if path.endswith(".json"):
                assert answer.content == whole

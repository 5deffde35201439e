"""A hundred at once over two processes of a service: one winner each, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from keys.signing import SigningKey

from ..support import processes, tokens
from . import services

pytestmark = [pytest.mark.processes, pytest.mark.slow]

AT_ONCE = 100
PICTURE = {"prompt": "a poster at dusk", "seed": 1}


@pytest.fixture
async def app(database_url: str, tmp_path: Path) -> AsyncIterator[services.App]:
    """An app that may talk to either of two servers."""
    async with services.serving(database_url, tmp_path, 2) as registered:
        yield registered


@pytest.fixture
async def http() -> Any:
    """A client with a connection for everyone."""
    limits = httpx2.Limits(max_connections=AT_ONCE)
    async with httpx2.AsyncClient(trust_env=False, timeout=60, limits=limits) as client:
        yield client


async def hundred(http: Any, method: str, urls: tuple[str, ...], path: str, **request: Any) -> list[Any]:
    """The answers to one request sent a hundred times, to each server in turn; a 503 is asked again later."""

    async def one(url: str) -> Any:
        while True:
            answer = await http.request(method, url + path, **request)
            if answer.status_code != 503:
                return answer
            await asyncio.sleep(float(answer.headers["retry-after"]))

    return await asyncio.gather(*(one(urls[number % len(urls)]) for number in range(AT_ONCE)))


async def test_a_code_has_one_winner_and_a_refresh_token_one_successor(app: services.App, http: Any) -> None:
    await _race_for_a_code(app, http)
    await _race_for_a_successor(app, http)


async def _race_for_a_code(app: services.App, http: Any) -> None:
    form = app.redeeming(await asyncio.to_thread(app.code))
    answers = await hundred(http, "POST", app.urls, "/oauth/token", data=form)
    won = [answer.json() for answer in answers if answer.status_code == 200]
    lost = {(answer.status_code, answer.json()["error"]) for answer in answers if answer.status_code != 200}
    assert len(won) == 1
    assert lost == {(400, "invalid_grant")}
    # Whoever tried again holds a stolen code, so nothing that came of it lives on (RFC 6749 §4.1.2).
    again = app.form(grant_type="refresh_token", refresh_token=won[0]["refresh_token"])
    for url in app.urls:
        answer = await http.post(f"{url}/oauth/token", data=again)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def _race_for_a_successor(app: services.App, http: Any) -> None:
    code = app.redeeming(await asyncio.to_thread(app.code))
    first = (await http.post(f"{app.urls[0]}/oauth/token", data=code)).json()
    form = app.form(grant_type="refresh_token", refresh_token=first["refresh_token"])
    answers = await hundred(http, "POST", app.urls, "/oauth/token", data=form)
    assert [answer.status_code for answer in answers] == [200] * AT_ONCE
    successors = {answer.json()["refresh_token"] for answer in answers}
    assert len(successors) == 1
    assert len({answer.json()["access_token"] for answer in answers}) == AT_ONCE
    again = app.form(grant_type="refresh_token", refresh_token=successors.pop())
    assert (await http.post(f"{app.urls[1]}/oauth/token", data=again)).status_code == 200


@contextlib.contextmanager
def galleries(url: str, jwks_url: str, folder: Path) -> Iterator[tuple[str, ...]]:
    """Two processes of the gallery on one database and one folder of files; a new person can pay one picture."""
    ports = [processes.free_port() for _ in range(2)]
    given = {
        "RESOURCE_API_DATABASE_URL": url,
        "RESOURCE_API_FILES": str(folder / "files"),
        "RESOURCE_API_RESOURCE": services.RESOURCE,
        "RESOURCE_API_ISSUER": "https://issuer.test",
        "RESOURCE_API_JWKS_URL": jwks_url,
        "RESOURCE_API_WELCOME_CREDITS": "5",
        "RESOURCE_API_IMAGE_PRICE": "5",
        "RESOURCE_API_LOG_LEVEL": "warning",
    }
    with contextlib.ExitStack() as stack:
        programs = [stack.enter_context(processes.resource_api(given, folder, port=port)) for port in ports]
        yield tuple(program.url for program in programs)


def bearer(key: SigningKey) -> dict[str, str]:
    """A new person's, for everything a race needs."""
    token = tokens.mint(
        key,
        issuer="https://issuer.test",
        audience=services.RESOURCE,
        now=time.time(),
        sub=str(uuid.uuid4()),
        scope="images:read images:write credits:read credits:spend",
    )
    return {"Authorization": f"Bearer {token}"}


async def test_the_last_credits_pay_one_picture_and_one_idempotency_key_makes_one(
    resource_database_url: str, jwks_url: str, issuer_key: SigningKey, tmp_path: Path, http: Any
) -> None:
    with galleries(resource_database_url, jwks_url, tmp_path) as urls:
        await _race_for_the_last_credits(urls, bearer(issuer_key), http)
        await _race_with_one_key(urls, bearer(issuer_key), http)


async def _race_for_the_last_credits(urls: tuple[str, ...], given: dict[str, str], http: Any) -> None:
    answers = await hundred(http, "POST", urls, "/images", headers=given, json=PICTURE)
    assert sorted(answer.status_code for answer in answers) == [201] + [402] * (AT_ONCE - 1)
    for url in urls:
        assert (await http.get(f"{url}/credits", headers=given)).json()["credits"] == 0
        assert len((await http.get(f"{url}/images", headers=given)).json()["items"]) == 1


async def _race_with_one_key(urls: tuple[str, ...], given: dict[str, str], http: Any) -> None:
    once = given | {"Idempotency-Key": "only-once"}
    answers = await hundred(http, "POST", urls, "/images", headers=once, json=PICTURE)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (await http.get(f"{urls[0]}/credits", headers=given)).json()["credits"] == 0

"""Whoever runs the server sees how it is; strangers see only whether it is."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx2
import pytest

from authserver import app as application
from authserver import database
from authserver.people import passwords


async def test_a_live_process_says_so(authserver: Any) -> None:
    assert (await authserver.client.get("/livez")).text == "ok\n"


async def test_a_ready_process_names_its_checks(authserver: Any) -> None:
    assert (await authserver.client.get("/readyz")).status_code == 200
    detailed = await authserver.client.get("/readyz?verbose")
    assert detailed.json() == {
        "ready": True,
        "checks": {"database": "ok", "schema": "ok", "keys": "ok", "cache": "ok"},
    }


async def test_without_its_database_a_process_is_alive_but_not_ready(
    authserver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authserver.state.database, "ready", _unavailable)
    answer = await authserver.client.get("/readyz?verbose")
    assert answer.status_code == 503
    assert "retry-after" in answer.headers
    assert (await authserver.client.get("/livez")).status_code == 200


async def _unavailable() -> None:
    raise ConnectionError


async def test_numbers_count_sign_ins_and_requests(authserver: Any) -> None:
    await authserver.client.get("/livez")
    await authserver.client.post(
        "/login",
        data={"email": "nobody@example.org", "password": "wrong"},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    text = (await authserver.client.get("/metrics")).text
    assert 'authserver_logins_total{method="password",outcome="failure"} 1.0' in text
    assert 'authserver_http_requests_total{method="GET",route="/livez",status="200"} 1.0' in text
    assert "authserver_http_request_duration_seconds_bucket" in text
    assert "nobody@example.org" not in text


async def test_strangers_see_neither_numbers_nor_details(authserver: Any, clock: Any) -> None:
    settings = authserver.settings.model_copy(update={"metrics_allow": ("192.0.2.1",)})
    app = application.create_app(settings, clock=clock)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=settings.issuer) as client,
    ):
        nothing = await client.get("/nothing")
        for path in ("/metrics", "/readyz?verbose"):
            answer = await client.get(path, headers={"X-Forwarded-For": "192.0.2.1"})
            assert (answer.status_code, answer.content) == (404, nothing.content)
        assert (await client.get("/readyz")).status_code == 200


async def test_a_process_that_cannot_follow_changes_answers_nobody(
    authserver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(authserver.state.cache), "stale", property(lambda _: True))
    for method, path in (("GET", "/login"), ("POST", "/oauth/token"), ("GET", "/.well-known/jwks.json")):
        answer = await authserver.client.request(method, path)
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert answer.json()["type"].endswith("/docs/errors/unavailable")
    assert (await authserver.client.get("/livez")).status_code == 200
    assert (await authserver.client.get("/readyz")).status_code == 503


async def test_a_database_that_is_away_is_said_to_be_away(
    authserver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> None:
        raise database.UnavailableError("away")

    monkeypatch.setattr(authserver.state.database, "transaction", away)
    form = {"email": "nobody@example.org", "password": "wrong"}
    answer = await authserver.client.post("/login", data=form, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    page = await authserver.client.post(
        "/login", data=form, headers={"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
    )
    assert "Nothing was changed" in page.text


async def test_a_flood_of_sign_ins_is_asked_to_come_back(
    authserver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "QUEUE_LENGTH", 0)
    headers = {"Sec-Fetch-Site": "same-origin"}
    authserver.state.passwords._thread.submit(time.sleep, 1.0)  # a slow hash, before all others
    answers = await asyncio.gather(
        *(
            authserver.client.post(
                "/login", data={"email": f"{number}@example.org", "password": "x"}, headers=headers
            )
            for number in range(8)
        )
    )
    refused = [answer for answer in answers if answer.status_code == 503]
    assert refused
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    assert any(answer.status_code == 422 for answer in answers)

"""Whoever runs the server sees how it is; strangers see only whether it is."""

from __future__ import annotations

from typing import Any

import pytest


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

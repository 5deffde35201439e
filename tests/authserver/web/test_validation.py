"""JSON is read strictly, and an answer about a mistake never repeats what was sent."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import pydantic
import pytest
import structlog
from fastapi import Body

from authserver import logs

CANARY = "canary-8c1f"


class Account(pydantic.BaseModel):
    """A body with a secret in it."""

    model_config = pydantic.ConfigDict(extra="forbid", strict=True)

    password: pydantic.SecretStr
    age: int = 0


@pytest.fixture
def with_json(authserver: Any) -> Any:
    async def take(body: Annotated[Account, Body()]) -> None:
        return None

    authserver.app.add_api_route("/take", take, methods=["POST"])
    return authserver


@pytest.mark.parametrize(
    "body",
    [
        f'{{"password": ["{CANARY}"]}}',
        f'{{"password": "x", "role": "{CANARY}"}}',
        f'{{"password": "x", "age": "{CANARY}"}}',
        f'{{"password": "{CANARY}", "age": NaN}}',
        f'{{"password": "{CANARY}"',
        '{"password": "x", "\\ud800": 1}',
        '{"password": "\\ud800", "age": "\\ud800"}',
        f'{{"password": "x", "{"x" * 5000}": 1}}',
        f'["{CANARY}"]',
        f'"{CANARY}"',
    ],
)
async def test_a_mistake_is_named_by_its_place_alone(with_json: Any, body: str) -> None:
    answer = await with_json.client.post("/take", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert CANARY not in answer.text
    assert len(answer.content) < 1000
    assert answer.json()["errors"][0]["pointer"].startswith("/body")


@pytest.fixture
def written(authserver: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """All that the service logs, as JSON."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    text = io.StringIO()
    monkeypatch.setattr(sys, "stderr", text)
    logs.configure(authserver.settings.model_copy(update={"log_level": "debug", "log_format": "json"}))
    root.handlers[0].addFilter(lambda line: not line.name.startswith("http"))  # this test's own client
    yield text
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


async def test_a_line_per_request_and_no_secret_in_any(authserver: Any, written: io.StringIO) -> None:
    await authserver.client.get(f"/login?request={CANARY}", headers={"X-Request-Id": "r-1"})
    await authserver.client.post(
        "/login",
        data={"email": "ana@example.org", "password": CANARY},
        headers={"Sec-Fetch-Site": "same-origin", "Cookie": f"authserver_local={CANARY}"},
    )
    await authserver.client.post("/oauth/token", data={"client_secret": CANARY, "grant_type": CANARY})
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    requests = [line for line in lines if line["event"] == "request"]
    assert [(line["path"], line["status"]) for line in requests] == [
        ("/login", 400),
        ("/login", 422),
        ("/oauth/token", 400),
    ]
    assert requests[0]["request_id"] == "r-1"
    assert CANARY not in written.getvalue()

"""Logs: one JSON line per event, with what is needed to find it and nothing that must stay secret."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from authserver import credentials, logs, settings

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Call it for the lines written so far; logging is as it was afterwards."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    everyone = [
        logging.getLogger(),
        *map(logging.getLogger, logs.QUIET),
        *map(logging.getLogger, logs.UVICORN),
    ]
    before = [(logger, logger.level, logger.propagate, logger.handlers[:]) for logger in everyone]
    logs.configure(settings.load(log_format="json", log_level="debug"))
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    structlog.reset_defaults()
    for logger, level, propagate, handlers in before:
        logger.setLevel(level)
        logger.propagate = propagate
        logger.handlers[:] = handlers


def test_a_line_says_when_how_serious_what_and_for_which_request(lines: Any) -> None:
    token = logs.request_id.set("r-1")
    logs.get_logger("http").info("request", status=200, path="/login")
    logs.request_id.reset(token)
    (line,) = lines()
    assert line.pop("ts").endswith("Z")
    assert line == {
        "level": "info",
        "logger": "authserver.http",
        "event": "request",
        "request_id": "r-1",
        "status": 200,
        "path": "/login",
    }


def test_libraries_are_logged_alike(lines: Any) -> None:
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request %s", "received.")
    logging.getLogger("authlib.oauth2").debug("secret matter")
    logging.getLogger("uvicorn.access").info('127.0.0.1 - "GET /cb?code=x HTTP/1.1" 200')
    (line,) = lines()
    assert (line["logger"], line["level"]) == ("uvicorn.error", "warning")
    assert line["event"] == "Invalid HTTP request received."


@pytest.mark.parametrize(
    "name",
    ["password", "client_secret", "Authorization", "set-cookie", "refresh_token", "code_verifier", "code"],
)
def test_a_value_named_like_a_secret_is_hidden(lines: Any, name: str) -> None:
    logs.get_logger().info("event", **{name: "canary", "deep": {name: "canary", "list": [{name: "canary"}]}})
    assert "canary" not in json.dumps(lines())


@pytest.mark.parametrize("prefix", ["rt", "ac", "cs", "se", "ar", "br"])
def test_a_token_is_hidden_wherever_it_is(lines: Any, prefix: str) -> None:
    token = credentials.new_token(prefix)
    log = logs.get_logger()
    log.info("got", path=f"/x?y={token}", list=[token], nested={"a": (token,)}, other=ValueError(token))
    try:
        int(f"no {token} and {JWT}")
    except ValueError:
        log.exception("failed")
    logging.getLogger("library").warning("sent %s", token)
    found = json.dumps(lines(), ensure_ascii=False)
    assert token[3:] not in found
    assert JWT not in found
    assert found.count(f"{prefix}_…") >= 6


def test_passwords_in_addresses_are_hidden(lines: Any) -> None:
    logs.get_logger().info(
        "connecting", to="postgresql://ana:canary@db.test/x", valkey="redis://:canary@v.test"
    )
    found = json.dumps(lines(), ensure_ascii=False)
    assert "canary" not in found
    assert "postgresql://ana:…@db.test/x" in found


@pytest.mark.parametrize("text", ["a\r\nlevel=error", "\x1b[31mred", "\u2028", '"quoted"', "%s{0}${jndi:x}"])
def test_whatever_is_logged_stays_one_line(lines: Any, text: str) -> None:
    logs.get_logger().info("request", path=text)
    (line,) = lines()
    assert line["path"] == text


def test_long_values_are_cut(lines: Any) -> None:
    logs.get_logger().info("request", path="a" * 1_000_000)
    (line,) = lines()
    assert len(line["path"]) < 2100


def test_a_full_disk_under_the_log_stops_nobody(lines: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w", buffering=1) as full:  # noqa: PTH123  a device, not a path of ours
        monkeypatch.setattr(sys, "stderr", full)
        logs.configure(settings.load(log_format="json"))
        for level in ("info", "warning", "error", "exception"):
            getattr(logs.get_logger("http"), level)("request", path="/")
        with contextlib.suppress(OSError):
            full.close()  # what could not be written is still in its buffer
    assert lines() == []

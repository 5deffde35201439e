"""What is written about a request: one line that helps, and never a secret."""

import contextlib
import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from resource_api import logs

from .callers import ANA, headers
from .test_generation import generate


@pytest.fixture
def written(gallery: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the service writes, as it is configured to write when it is not on a terminal."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    logs.configure(gallery.settings)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


async def test_a_request_is_one_line_of_json(gallery: Any, written: io.StringIO) -> None:
    response = await gallery.client.get("/images?limit=3", headers=headers(gallery, ANA))
    lines = [json.loads(each) for each in written.getvalue().splitlines()]
    (line,) = [each for each in lines if each["logger"] == "resource_api.http"]
    assert line["event"] == "request"
    assert (line["method"], line["path"], line["status"]) == ("GET", "/images", 200)
    assert line["request_id"] == response.headers["x-request-id"]
    assert line["ip"] == "127.0.0.1"


async def test_no_secret_is_ever_written(gallery: Any, written: io.StringIO, monkeypatch: Any) -> None:
    token = gallery.mint(sub=ANA, scope="images:read")
    await gallery.client.get("/images", params={"access_token": token})
    await gallery.client.get("/images", headers={"Authorization": f"Bearer {token}", "Cookie": "c=CANARY"})
    await gallery.client.get("/images", headers={"Authorization": f"Bearer {token}x"})
    await generate(gallery, ANA, "CANARY-key", prompt="CANARY prompt")

    def broken(*_: object) -> None:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr("resource_api.images._list", broken)
    failed = await gallery.client.get("/images", headers={"Authorization": f"Bearer {token}"})
    assert failed.status_code == 500
    assert "unforeseen" in written.getvalue(), "the operator learns what happened"
    assert failed.headers["x-request-id"] in written.getvalue()
    for secret in (token, token.rpartition(".")[2], "CANARY"):
        assert secret not in written.getvalue()


async def test_what_looks_like_a_secret_is_blotted_out(gallery: Any, written: io.StringIO) -> None:
    logs.get("test").info("look", access_token="CANARY", password="CANARY", harmless="fine")
    lines = [json.loads(each) for each in written.getvalue().splitlines()]
    (line,) = [each for each in lines if each["logger"] == "resource_api.test"]  # the key set is told of too
    assert "CANARY" not in written.getvalue()
    assert line["harmless"] == "fine"


async def test_a_full_disk_under_the_log_stops_nobody(
    gallery: Any, written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open("/dev/full", "w", buffering=1) as full:  # noqa: ASYNC230, PTH123  a device, not a path of ours
        monkeypatch.setattr(sys, "stderr", full)
        logs.configure(gallery.settings)
        answer = await gallery.client.get("/images", headers=headers(gallery, ANA))
        with contextlib.suppress(OSError):
            full.close()  # what could not be written is still in its buffer
    assert answer.status_code == 200
    assert "resource_api.http" not in written.getvalue()  # the key set may be told of before the disk is full

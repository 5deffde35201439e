"""Group F: where the API's keys come from: floods of unknown keys, an issuer that breaks in every way, and its end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from keys.signing import SigningKey
from keys.source import MAX_STALE_SECONDS
from tests.keys import forge
from tests.keys.issuer import Issuer, answer, settle
from tests.resource_api import callers

from . import doors


@pytest.fixture
def issuer(issuer_key: SigningKey) -> Iterator[Issuer]:
    with Issuer([issuer_key]) as running:
        yield running


@pytest.fixture
def jwks_url(issuer: Issuer) -> str:
    """The gallery's keys come from an issuer that can misbehave."""
    return issuer.jwks_url


def endless(handler: BaseHTTPRequestHandler) -> None:
    """Ten megabytes, for whoever reads them."""
    with contextlib.suppress(OSError):
        answer(handler, b" " * 10_000_000, {})


async def test_row_61_unknown_keys_cost_the_issuer_one_request_in_thirty_seconds(
    gallery: Any, issuer: Issuer, clock: Any
) -> None:
    forger = doors.forger(gallery)
    await doors.admitted(gallery, forger.honest())
    assert issuer.downloads == 1
    for round_ in (2, 3):
        clock.advance(30)
        for number in range(150):
            await doors.refused(gallery, forge.renamed(forger.honest(), f"unknown-{round_}-{number}"))
        assert issuer.downloads == round_
        await doors.admitted(gallery, forger.honest())


async def test_row_61_the_last_good_keys_serve_while_the_issuer_breaks(
    gallery: Any, issuer: Issuer, clock: Any
) -> None:
    forger = doors.forger(gallery)
    await doors.admitted(gallery, forger.honest())

    async def hour() -> None:
        """Good tokens, and one that makes us look for its key, over an hour."""
        before = issuer.downloads
        for _ in range(15):
            clock.advance(241)
            await doors.admitted(gallery, forger.honest())
            settle()
            await doors.refused(gallery, forge.renamed(forger.honest(), "unknown"))
        assert issuer.downloads - before <= 30

    for broken in (
        lambda handler: answer(handler, b"oops", {}, 503),
        lambda handler: answer(handler, b"<html>", {"Content-Type": "text/html"}),
        endless,
        lambda handler: answer(handler, b'{"keys": [{"kty": "RSA"', {}),
        lambda handler: answer(handler, b'{"keys": []}', {}),
    ):
        issuer.reply = broken
        await hour()
    issuer.stop()
    try:
        await hour()
    finally:
        issuer.start()
    issuer.reply = None
    await hour()
    # An issuer that hangs keeps nobody waiting who brings a token of a known key.

    def hang(_: BaseHTTPRequestHandler) -> None:
        issuer.released.wait(20)

    issuer.reply = hang
    clock.advance(241)
    await doors.admitted(gallery, forger.honest())
    issuer.released.set()
    settle()


async def test_row_61_after_a_day_without_the_issuer_nothing_is_judged(
    gallery: Any, issuer: Issuer, clock: Any
) -> None:
    forger = doors.forger(gallery)
    await doors.admitted(gallery, forger.honest())
    issuer.reply = lambda handler: answer(handler, b"", {}, 503)
    clock.advance(MAX_STALE_SECONDS - 1)
    await doors.admitted(gallery, forger.honest())
    settle()
    assert (await gallery.client.get("/readyz")).status_code == 200
    clock.advance(1)
    stolen = await doors.knock(gallery, forger.honest())
    assert (stolen.status_code, callers.code(stolen)) == (503, "keys_unavailable")
    assert 1 <= int(stolen.headers["retry-after"]) <= 30
    assert (await gallery.client.get("/readyz")).status_code == 503
    # Who brings no token, or one that could never be good, learns no more than before.
    assert (await gallery.client.get("/images")).status_code == 401
    await doors.refused(gallery, forger.with_header(alg="none"))
    issuer.reply = None
    clock.advance(30)
    await doors.admitted(gallery, forger.honest())
    assert (await gallery.client.get("/readyz")).status_code == 200

"""Issuers that are slow, broken, hostile or gone, behind a real network."""

import asyncio
import concurrent.futures
import gzip
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler

import pytest

from keys import errors, jwks
from keys.signing import SigningKey
from keys.verifier import Verifier

from . import forge
from .conftest import AUDIENCE, Clock, Mint
from .issuer import Issuer, Reply, answer, settle


@pytest.fixture
def remote(issuer: Issuer, clock: Clock) -> Verifier:
    return Verifier(issuer.url, AUDIENCE, jwks_url=issuer.jwks_url, clock=clock)


@pytest.fixture
def mint(issuer: Issuer, mint: Mint) -> Mint:
    """Tokens of the running issuer."""
    return lambda **changes: mint(**{"iss": issuer.url, **changes})


def hang(issuer: Issuer) -> Reply:
    """Silent for longer than anybody waits."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        issuer.released.wait(20)

    return reply


def drip(issuer: Issuer) -> Reply:
    """Never silent for long, never done."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        try:
            while not issuer.released.wait(0.1):
                handler.wfile.write(b" ")
        except OSError:
            pass

    return reply


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        for _ in range(10_000):
            handler.wfile.write(b" " * 1_024)
    except OSError:
        pass


def cut(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"keys": [')


def redirect(handler: BaseHTTPRequestHandler) -> None:
    if handler.path == "/elsewhere":
        raise AssertionError("a redirect was followed")
    answer(handler, b"", {"Location": "/elsewhere"}, 302)


def says(body: bytes, status: int = 200, **headers: str) -> Reply:
    return lambda handler: answer(handler, body, {k.replace("_", "-"): v for k, v in headers.items()}, status)


BROKEN: dict[str, Reply] = {
    "error 500": says(b"oops", 500),
    "error 404": says(b"", 404),
    "no content": says(b"", 204),
    "a page": says(b"<html>", Content_Type="text/html"),
    "half of it": says(b'{"keys": ['),
    "no keys": says(b'{"keys": []}'),
    "other keys": says(b'{"keys": [{"kty": "oct", "kid": "a", "k": "AAAA"}]}'),
    "too long": says(b" " * (300 * 1024)),
    "compressed": says(gzip.compress(b" " * 10_000_000), Content_Encoding="gzip"),
    "cut off": cut,
    "endless": endless,
    "redirect": redirect,
}


@pytest.mark.parametrize("reply", BROKEN.values(), ids=BROKEN)
def test_the_last_good_set_survives(
    remote: Verifier, issuer: Issuer, mint: Mint, clock: Clock, reply: Reply
) -> None:
    remote.verify(mint())
    issuer.reply = reply
    for _ in range(4):
        clock.advance(301)
        assert remote.verify(mint()).subject
        settle()
    assert issuer.downloads == 5
    issuer.reply = None
    clock.advance(30)
    assert remote.verify(mint()).subject
    settle()
    assert issuer.downloads == 6


@pytest.mark.parametrize("reply", BROKEN.values(), ids=BROKEN)
def test_without_any_keys_no_token_is_called_bad(
    remote: Verifier, issuer: Issuer, mint: Mint, clock: Clock, reply: Reply
) -> None:
    issuer.reply = reply
    with pytest.raises(errors.KeySetUnavailableError) as caught:
        remote.verify(mint())
    assert not isinstance(caught.value, errors.InvalidTokenError)
    assert caught.value.retry_after_seconds == 1
    issuer.reply = None
    clock.advance(caught.value.retry_after_seconds)
    assert remote.verify(mint()).subject


def test_a_download_takes_five_seconds_at_most(key: SigningKey, mint: Mint, clock: Clock) -> None:
    with Issuer([key]) as silent, Issuer([key]) as slow:
        verifiers = {
            issuer: Verifier(issuer.url, AUDIENCE, jwks_url=issuer.jwks_url, clock=clock)
            for issuer in (silent, slow)
        }

        def takes(issuer: Issuer) -> float:
            began = time.monotonic()
            assert verifiers[issuer].verify(mint(iss=issuer.url)).issuer == issuer.url
            return time.monotonic() - began

        assert all(takes(issuer) < 2 for issuer in verifiers)
        silent.reply, slow.reply = hang(silent), drip(slow)
        clock.advance(301)
        with ThreadPoolExecutor(2) as pool:
            assert all(4.5 < seconds < 7 for seconds in pool.map(takes, verifiers))
        # Whoever comes while the issuer is known not to answer waits no more.
        clock.advance(31)
        assert all(takes(issuer) < 1 for issuer in verifiers)
    settle()


def test_a_good_key_set_in_a_bad_answer_is_not_used(
    remote: Verifier, issuer: Issuer, mint: Mint, clock: Clock
) -> None:
    good = jwks.encode(jwks.document(issuer.keys))

    def moved(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/elsewhere":
            answer(handler, good, {})
        else:
            answer(handler, b"", {"Location": "/elsewhere"}, 302)

    bad: list[Reply] = [
        says(good + b" " * jwks.MAX_BYTES),
        says(good, Content_Encoding="deflate"),
        says(good, 203),
        says(good, 500),
        moved,
    ]
    for issuer.reply in bad:
        with pytest.raises(errors.KeySetUnavailableError):
            remote.verify(mint())
        clock.advance(30)
    assert "/elsewhere" not in issuer.asked and issuer.downloads == len(bad)
    issuer.reply = says(good + b" " * (jwks.MAX_BYTES - len(good)))
    assert remote.verify(mint()).subject


def test_strangers_dont_wait_for_an_issuer_that_is_known_to_hang(
    remote: Verifier, issuer: Issuer, mint: Mint, clock: Clock
) -> None:
    remote.verify(mint())

    def ask(number: int) -> None:
        with pytest.raises(errors.UnknownKeyError):
            remote.verify(forge.renamed(mint(), f"unknown-{number}"))

    issuer.reply = says(b"", 500)
    clock.advance(31)
    ask(0)
    issuer.reply = hang(issuer)
    clock.advance(31)
    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask, number) for number in range(1, 9)]
        refused, waiting = concurrent.futures.wait(asking, timeout=2)
        issuer.released.set()
    # One asked and waits for the answer; the others were refused at once.
    assert (len(refused), len(waiting)) == (7, 1)
    assert all(future.result() is None for future in asking)
    assert issuer.downloads == 3


def test_the_api_works_while_the_issuer_is_stopped(
    remote: Verifier, issuer: Issuer, mint: Mint, clock: Clock
) -> None:
    remote.verify(mint())
    issuer.stop()
    try:
        for _ in range(10):
            clock.advance(360)
            assert remote.verify(mint()).subject
            with pytest.raises(errors.UnknownKeyError):
                remote.verify(forge.renamed(mint(), "unknown"))
    finally:
        issuer.start()
    settle()
    clock.advance(31)
    assert remote.verify(mint()).subject


def test_a_service_may_start_before_its_issuer(
    remote: Verifier, issuer: Issuer, mint: Mint, clock: Clock
) -> None:
    issuer.stop()

    async def start() -> None:
        async with remote:
            with pytest.raises(errors.KeySetUnavailableError):
                await remote.aready()

    try:
        asyncio.run(start())
        pauses = []
        for _ in range(7):
            with pytest.raises(errors.KeySetUnavailableError) as caught:
                remote.verify(mint())
            pauses.append(caught.value.retry_after_seconds)
            clock.advance(pauses[-1])
        assert pauses == [1, 2, 4, 8, 16, 30, 30]
    finally:
        issuer.start()
    remote.ready()
    assert remote.verify(mint()).subject


def test_entering_fetches_ahead(remote: Verifier, issuer: Issuer, mint: Mint) -> None:
    async def scenario() -> None:
        async with remote:
            await remote.aready()
            assert issuer.downloads == 1
            assert (await remote.averify(mint())).subject

    asyncio.run(scenario())
    assert issuer.downloads == 1


def test_a_moved_key_set_is_found_again(issuer: Issuer, clock: Clock, mint: Mint) -> None:
    verifier = Verifier(issuer.url, AUDIENCE, clock=clock)
    verifier.verify(mint())
    moved = issuer.jwks_url.replace("jwks.json", "moved/jwks.json")
    issuer.metadata = {"jwks_uri": moved}

    def reply(handler: BaseHTTPRequestHandler) -> None:
        if handler.path.endswith("moved/jwks.json"):
            handler.path = "/.well-known/jwks.json"
            issuer.publish(handler)
        elif handler.path.endswith("jwks.json"):
            answer(handler, b"", {}, 410)
        else:
            issuer.publish(handler)

    issuer.reply = reply
    for _ in range(2):
        clock.advance(301)
        assert verifier.verify(mint()).subject
        settle()
    assert issuer.asked[-1] == "/.well-known/moved/jwks.json"


def test_tokens_with_strange_keys_never_make_us_call_strangers(
    remote: Verifier, issuer: Issuer, clock: Clock, forger_of: Callable[[str], str]
) -> None:
    with Issuer([]) as stranger:
        with pytest.raises(errors.InvalidTokenError):
            remote.verify(forger_of(stranger.jwks_url))
        assert stranger.asked == [] and issuer.asked == []


@pytest.fixture
def forger_of(key: SigningKey, mint: Mint) -> Callable[[str], str]:
    def make(url: str) -> str:
        payload = json.loads(forge.unb64(mint().split(".")[1]))
        header = {"alg": "RS256", "typ": "at+jwt", "kid": url, "jku": url, "x5u": url}
        return forge.token(header, payload, forge.rs256(forge.private(key)))

    return make

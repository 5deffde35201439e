"""Fetching keys over a real network: once, in time, and never because a token says so."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler

import pytest

from keys import errors, jwks
from keys.signing import SigningKey
from keys.verifier import Verifier

from . import forge
from .conftest import AUDIENCE, Clock, Mint
from .issuer import Issuer, answer, settle


@pytest.fixture
def remote(issuer: Issuer, clock: Clock) -> Verifier:
    return Verifier(issuer.url, AUDIENCE, jwks_url=issuer.jwks_url, clock=clock)


@pytest.fixture
def mint(issuer: Issuer, mint: Mint) -> Mint:
    """Tokens of the running issuer."""
    return lambda **changes: mint(**{"iss": issuer.url, **changes})


def test_the_key_set_is_fetched_once(remote: Verifier, issuer: Issuer, mint: Mint) -> None:
    assert issuer.downloads == 0
    for _ in range(20):
        assert remote.verify(mint()).subject
    assert issuer.asked == ["/.well-known/jwks.json"]


def test_rubbish_does_not_even_cause_the_first_fetch(remote: Verifier, issuer: Issuer, mint: Mint) -> None:
    for text in ("", "a.b.c", mint()[:-1] + "!", "x" * 9_000):
        with pytest.raises(errors.InvalidTokenError):
            remote.verify(text)
    assert issuer.downloads == 0


@pytest.mark.parametrize("path", ["", "/tenant/one"])
def test_the_address_of_the_keys_is_in_the_issuers_metadata(
    issuer: Issuer, clock: Clock, mint: Mint, path: str
) -> None:
    issuer.path = path
    verifier = Verifier(issuer.url, AUDIENCE, clock=clock)
    assert verifier.verify(mint(iss=issuer.url)).subject
    assert issuer.asked == [f"/.well-known/oauth-authorization-server{path}", "/.well-known/jwks.json"]


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.test"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "//evil"},
        {"jwks_uri": 7},
    ],
)
def test_metadata_of_another_issuer_is_not_used(
    issuer: Issuer, clock: Clock, mint: Mint, metadata: dict[str, object]
) -> None:
    issuer.metadata = metadata
    with pytest.raises(errors.KeySetUnavailableError):
        Verifier(issuer.url, AUDIENCE, clock=clock).verify(mint())
    assert issuer.downloads == 0


@pytest.mark.parametrize(
    "bad",
    [
        "http://auth.test",
        "ftp://auth.test",
        "auth.test",
        "https://auth.test?a=b",
        "https://auth.test#x",
        "https://:80",
        "https://auth.test:99999",
    ],
)
def test_an_issuer_is_reached_over_https_or_on_this_machine(bad: str) -> None:
    with pytest.raises(ValueError, match="issuer"):
        Verifier(bad, AUDIENCE)
    assert Verifier("http://localhost:8000", AUDIENCE).issuer == "http://localhost:8000"
    inner = Verifier("http://auth.test", AUDIENCE, jwks_url="http://authserver:8000/.well-known/jwks.json")
    assert inner.issuer == "http://auth.test"
    with pytest.raises(ValueError, match="jwks_url"):
        Verifier("http://auth.test", AUDIENCE, jwks_url="file:///etc/passwd")


def test_many_at_once_cause_one_fetch(remote: Verifier, issuer: Issuer, mint: Mint) -> None:
    open_ = threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        open_.wait(5)
        issuer.publish(handler)

    issuer.reply = slow
    tokens = [mint() for _ in range(20)]

    async def several() -> list[bool]:
        return [token.has() for token in await asyncio.gather(*(remote.averify(text) for text in tokens))]

    with ThreadPoolExecutor(12) as pool:
        threads = [pool.submit(remote.verify, text) for text in tokens[:8]]
        loops = [pool.submit(asyncio.run, several()) for _ in range(3)]
        time.sleep(0.1)
        open_.set()
        assert all(future.result(10).has() for future in threads)
        assert all(all(future.result(10)) for future in loops)
    assert issuer.downloads == 1


def test_waiting_for_keys_does_not_stop_the_event_loop(remote: Verifier, issuer: Issuer, mint: Mint) -> None:
    open_ = threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        open_.wait(5)
        issuer.publish(handler)

    issuer.reply = slow

    async def scenario() -> None:
        waiting = asyncio.create_task(remote.averify(mint()))
        impatient = asyncio.create_task(remote.averify(mint()))
        for _ in range(20):
            await asyncio.sleep(0.005)
        assert not waiting.done()
        impatient.cancel()
        open_.set()
        assert (await waiting).subject

    asyncio.run(scenario())
    assert issuer.downloads == 1


def test_one_verifier_serves_one_event_loop_after_another(
    remote: Verifier, issuer: Issuer, mint: Mint, clock: Clock
) -> None:
    for _ in range(3):
        assert asyncio.run(remote.averify(mint())).subject
        clock.advance(400)
    assert issuer.downloads == 3


def test_a_new_key_is_found_when_its_first_token_comes(
    remote: Verifier, issuer: Issuer, mint: Mint, clock: Clock, signing_keys: list[SigningKey]
) -> None:
    remote.verify(mint())
    issuer.keys = signing_keys[:2]
    clock.advance(31)
    assert remote.verify(mint(by=signing_keys[1])).subject
    assert remote.verify(mint()).subject
    assert issuer.downloads == 2


def test_one_rotation_after_the_other_is_followed_at_once(
    remote: Verifier, issuer: Issuer, mint: Mint, clock: Clock, signing_keys: list[SigningKey]
) -> None:
    for number, key in enumerate(signing_keys):
        issuer.keys = [key]
        assert remote.verify(mint(by=key)).subject
        assert issuer.downloads == 1 + number
        clock.advance(1)
    # A fetch that brings nothing is paid for by waiting, and the wait does not begin anew.
    for _ in range(29):
        with pytest.raises(errors.UnknownKeyError):
            remote.verify(forge.renamed(mint(by=key), "unheard-of"))
        assert issuer.downloads == len(signing_keys) + 1
        clock.advance(1)


def test_a_flood_of_unknown_keys_costs_one_fetch_in_thirty_seconds(
    remote: Verifier, issuer: Issuer, mint: Mint, clock: Clock, key: SigningKey
) -> None:
    remote.verify(mint())
    clock.advance(30)
    for round_ in range(1, 4):
        for number in range(300):
            stranger = (
                SigningKey.from_der(key.to_der(), kid=f"{round_}-{number}", trusted=True)
                if number < 3
                else None
            )
            with pytest.raises(errors.UnknownKeyError):
                remote.verify(mint(by=stranger) if stranger else forge.renamed(mint(), f"{round_}-{number}"))
            clock.advance(0.0999)
        # 300 attempts in just under 30 s: whoever keeps trying gets no second fetch and delays none.
        assert issuer.downloads == 1 + round_
        clock.advance(0.04)
        assert remote.verify(mint()).subject


def test_an_attempt_counts_even_when_it_fails(
    remote: Verifier, issuer: Issuer, mint: Mint, clock: Clock
) -> None:
    remote.verify(mint())
    clock.advance(31)
    issuer.reply = lambda handler: answer(handler, b"", {}, 500)
    for number in range(50):
        with pytest.raises(errors.UnknownKeyError):
            remote.verify(forge.renamed(mint(), str(number)))
    assert issuer.downloads == 2


def test_a_revoked_key_is_refused_within_300_seconds(
    remote: Verifier, issuer: Issuer, mint: Mint, clock: Clock, signing_keys: list[SigningKey]
) -> None:
    text = mint(exp=clock.now + 3_600)
    remote.verify(text)
    issuer.keys = signing_keys[1:]
    clock.advance(300)
    with pytest.raises(errors.UnknownKeyError):
        remote.verify(text)
    assert remote.verify(mint(by=signing_keys[1])).subject


def test_keys_are_renewed_in_the_background_before_they_get_old(
    remote: Verifier, issuer: Issuer, mint: Mint, clock: Clock
) -> None:
    text = mint(exp=clock.now + 3_600)
    remote.verify(text)
    open_ = threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        open_.wait(5)
        issuer.publish(handler)

    issuer.reply = slow
    for _ in range(10):
        clock.advance(239 if issuer.downloads == 1 and clock.now < 1_800_000_200 else 1)
        began = time.monotonic()
        assert remote.verify(text).subject
        assert time.monotonic() - began < 1
    open_.set()
    settle()
    assert issuer.downloads == 2


@pytest.mark.parametrize(
    ("cache_control", "fresh"),
    [
        ("public, max-age=300", 300), ("max-age=86400", 300), ("", 300), ("max-age=120", 120),
        ('max-age="120"', 120), ("max-age=x", 300),
        ("max-age=0", 60), ("no-store", 60), ("private, no-cache", 60), ("max-age=-5", 300),
        ("s-maxage=5, MAX-AGE=100", 100), ("max-age=9999999999999999999999", 300),
    ],
)  # fmt: skip
def test_freshness_follows_cache_control_within_bounds(
    remote: Verifier, issuer: Issuer, mint: Mint, clock: Clock, cache_control: str, fresh: float
) -> None:
    issuer.cache_control = cache_control
    text = mint(exp=clock.now + 3_600)
    remote.verify(text)
    clock.advance(fresh * 0.8 - 0.5)
    remote.verify(text)
    settle()
    assert issuer.downloads == 1
    clock.advance(1)
    remote.verify(text)
    settle()
    assert issuer.downloads == 2


def test_the_age_of_a_cached_answer_counts(
    remote: Verifier, issuer: Issuer, mint: Mint, clock: Clock
) -> None:
    issuer.reply = lambda handler: answer(
        handler, jwks.encode(jwks.document(issuer.keys)), {"Cache-Control": "max-age=300", "Age": "200"}
    )
    text = mint(exp=clock.now + 3_600)
    remote.verify(text)
    clock.advance(81)
    remote.verify(text)
    settle()
    assert issuer.downloads == 2


def test_a_clock_set_back_does_not_freeze_the_keys(
    remote: Verifier, issuer: Issuer, mint: Mint, clock: Clock, signing_keys: list[SigningKey]
) -> None:
    remote.verify(mint())
    clock.advance(-86_400)
    issuer.keys = signing_keys[1:]
    with pytest.raises(errors.UnknownKeyError):
        remote.verify(mint())
    assert remote.verify(mint(by=signing_keys[1])).subject
    assert issuer.downloads == 3  # the last for the id of the old key

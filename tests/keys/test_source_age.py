"""How long the last good key set is relied on while nobody can fetch a newer one."""

import asyncio
import logging

import pytest

from keys import errors, source
from keys.signing import SigningKey
from keys.verifier import Verifier

from .conftest import AUDIENCE, Clock, Mint
from .issuer import Issuer, answer, settle

DAY = source.MAX_STALE_SECONDS


@pytest.fixture
def mint(issuer: Issuer, mint: Mint) -> Mint:
    """Tokens of the running issuer."""
    return lambda **changes: mint(**{"iss": issuer.url, **changes})


def made(issuer: Issuer, clock: Clock, max_stale_seconds: float = DAY) -> Verifier:
    return Verifier(
        issuer.url, AUDIENCE, jwks_url=issuer.jwks_url, clock=clock, max_stale_seconds=max_stale_seconds
    )


def cut_off(issuer: Issuer) -> None:
    """As by someone on the way to the issuer."""
    issuer.reply = lambda handler: answer(handler, b"", {}, 503)


def unavailable(verifier: Verifier, token: str) -> errors.KeySetUnavailableError:
    with pytest.raises(errors.KeySetUnavailableError) as caught:
        verifier.verify(token)
    return caught.value


@pytest.mark.parametrize("limit", [DAY, 3_600, 300])
def test_who_blocks_the_issuer_cannot_keep_a_revoked_key_alive(
    issuer: Issuer, mint: Mint, clock: Clock, signing_keys: list[SigningKey], limit: float
) -> None:
    remote = made(issuer, clock, limit)
    assert remote.verify(mint()).subject
    issuer.keys = signing_keys[1:]
    cut_off(issuer)
    clock.advance(limit - 1)
    remembered = mint()
    assert remote.verify(remembered).subject
    settle()
    clock.advance(1)
    for token in (remembered, mint(), mint(by=signing_keys[1])):
        error = unavailable(remote, token)
        assert "too old" in error.detail
        assert 0 < error.retry_after_seconds <= source.COOL_DOWN_SECONDS
    issuer.reply = None
    clock.advance(30)
    with pytest.raises(errors.UnknownKeyError):
        remote.verify(remembered)
    assert remote.verify(mint(by=signing_keys[1])).subject


def test_tokens_are_good_again_when_the_same_key_is_found_again(
    issuer: Issuer, mint: Mint, clock: Clock
) -> None:
    remote = made(issuer, clock)
    token = mint(exp=clock.now + 3_600)
    assert remote.verify(token).subject
    cut_off(issuer)
    clock.advance(DAY)
    unavailable(remote, mint())
    issuer.reply = None
    clock.advance(30)
    assert remote.verify(mint()).subject


def test_an_idle_api_fetches_before_it_answers(
    issuer: Issuer, mint: Mint, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    remote = made(issuer, clock)
    for days in (1, 2, 30):
        clock.advance(days * DAY)
        assert remote.verify(mint()).subject
        clock.advance(days * DAY)
        assert asyncio.run(remote.averify(mint())).subject
    assert [record for record in caplog.records if record.levelno > logging.WARNING] == []


def test_an_api_with_keys_too_old_is_not_ready(issuer: Issuer, clock: Clock) -> None:
    remote = made(issuer, clock)
    remote.ready()
    cut_off(issuer)
    clock.advance(DAY - 1)
    asyncio.run(remote.aready())
    settle()
    clock.advance(1)
    for ready in (remote.ready, lambda: asyncio.run(remote.aready())):
        with pytest.raises(errors.KeySetUnavailableError):
            ready()
    issuer.reply = None
    clock.advance(30)
    asyncio.run(remote.aready())
    clock.advance(DAY)
    remote.ready()


def test_an_issuer_away_for_weeks_is_asked_every_thirty_seconds_and_found_again(
    issuer: Issuer, mint: Mint, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote = made(issuer, clock)
    held = remote._source
    assert isinstance(held, source.Remote)
    cut_off(issuer)
    assert unavailable(remote, mint()).retry_after_seconds == 1
    # Thousands of attempts take too long to make; what they leave is their number.
    monkeypatch.setattr(held, "_failures", 50_000)
    assert unavailable(remote, mint()).retry_after_seconds == source.COOL_DOWN_SECONDS
    issuer.reply = None
    clock.advance(30)
    assert remote.verify(mint()).subject


@pytest.mark.parametrize("seconds", [0, -1, 299, float("nan")])
def test_a_set_never_ends_while_it_is_fresh(issuer: Issuer, clock: Clock, seconds: float) -> None:
    with pytest.raises(ValueError, match="max_stale_seconds"):
        made(issuer, clock, seconds)
    assert made(issuer, clock, float("inf")).issuer == issuer.url

"""One verifier for everybody: what it returns, what it remembers, and who may share it."""

import asyncio
import dataclasses
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from joserfc.jwk import RSAKey

from keys import errors, jwks, source
from keys.signing import SigningKey
from keys.verifier import Verifier

from . import forge
from .conftest import AUDIENCE, ISSUER, Clock, Mint


class Counted(jwks.PublicKey):
    """A key that counts how often a signature was really computed."""

    __slots__ = ("count",)

    def __init__(self, kid: str, key: Any, algorithms: list[str]) -> None:
        super().__init__(kid, key, algorithms)
        self.count = 0

    def verify(self, alg: str, signed: bytes, signature: bytes) -> bool:
        self.count += 1
        return super().verify(alg, signed, signature)


def counted(key: SigningKey) -> Counted:
    return Counted(key.kid, RSAKey.import_key(dict(key.public_jwk())), ["RS256"])


@pytest.fixture
def public(key: SigningKey) -> Counted:
    return counted(key)


@pytest.fixture
def fixed(public: Counted) -> source.Fixed:
    return source.Fixed({public.kid: public})


@pytest.fixture
def verifier(fixed: source.Fixed, clock: Clock) -> Verifier:
    return Verifier(ISSUER, AUDIENCE, source=fixed, clock=clock)


def test_a_verified_token_says_everything(verifier: Verifier, mint: Mint, clock: Clock) -> None:
    text = mint(
        grant_id="grant-1",
        auth_time=clock.now - 60,
        acr="1",
        amr=["pwd", "otp"],
        sid="s-1",
        nbf=clock.now,
        extra={"a": [1]},
    )
    token = verifier.verify(text)
    assert (token.issuer, token.audience, token.client_id) == (ISSUER, AUDIENCE, "app_gallery")
    assert token.subject == "5f0c1f7e-5f0e-4a0b-9d0e-0a2d6c1b7e11"
    assert token.scopes == {"images:read", "images:write"}
    assert (token.issued_at, token.expires_at, token.not_before) == (clock.now, clock.now + 300, clock.now)
    assert (token.grant_id, token.auth_time, token.acr, token.sid) == ("grant-1", clock.now - 60, "1", "s-1")
    assert token.amr == ("pwd", "otp")
    assert token.claims["extra"]["a"] == (1,)


def test_a_token_needs_no_optional_claim(verifier: Verifier, mint: Mint) -> None:
    token = verifier.verify(mint(scope=...))
    assert (token.grant_id, token.auth_time, token.acr, token.amr, token.sid, token.not_before) == (
        None,
        None,
        None,
        (),
        None,
        None,
    )


def test_a_verified_token_cannot_be_changed(verifier: Verifier, mint: Mint) -> None:
    token = verifier.verify(mint(extra={"a": [1]}))
    with pytest.raises(dataclasses.FrozenInstanceError):
        token.subject = "someone else"  # type: ignore[misc]  # the very thing that must fail
    with pytest.raises(TypeError):
        token.claims["sub"] = "someone else"  # type: ignore[index]  # the very thing that must fail
    with pytest.raises(TypeError):
        token.claims["extra"]["a"] = []
    assert hash(token) == hash(token) and "claims" not in repr(token)


def test_a_token_is_verified_once_and_then_remembered(
    verifier: Verifier, mint: Mint, public: Counted
) -> None:
    text = mint()
    first = verifier.verify(text)
    assert all(verifier.verify(text) is first for _ in range(10))
    assert public.count == 1


def test_a_remembered_token_expires_all_the_same(
    verifier: Verifier, mint: Mint, clock: Clock, public: Counted
) -> None:
    text = mint()
    verifier.verify(text)
    clock.advance(309)
    assert verifier.verify(text).subject
    assert public.count == 1
    clock.advance(1)
    with pytest.raises(errors.ExpiredTokenError):
        verifier.verify(text)


def test_a_remembered_token_is_not_valid_before_its_time(
    verifier: Verifier, mint: Mint, clock: Clock
) -> None:
    text = mint(nbf=clock.now + 5)
    verifier.verify(text)
    clock.advance(-30)
    with pytest.raises(errors.NotYetValidError):
        verifier.verify(text)
    clock.advance(30)
    assert verifier.verify(text).subject


def test_a_remembered_token_dies_with_its_key(
    verifier: Verifier, mint: Mint, fixed: source.Fixed, public: Counted, signing_keys: list[SigningKey]
) -> None:
    text = mint()
    verifier.verify(text)
    other = counted(signing_keys[1])
    fixed.keys = {public.kid: public, other.kid: other}
    assert verifier.verify(text).subject
    assert public.count == 1
    fixed.keys = {other.kid: other}
    with pytest.raises(errors.UnknownKeyError):
        verifier.verify(text)


def test_a_remembered_token_dies_when_its_kid_gets_another_key(
    verifier: Verifier, mint: Mint, fixed: source.Fixed, public: Counted, signing_keys: list[SigningKey]
) -> None:
    text = mint()
    verifier.verify(text)
    impostor = SigningKey.from_der(signing_keys[1].to_der(), kid=public.kid)
    fixed.keys = jwks.of([impostor])
    with pytest.raises(errors.BadSignatureError):
        verifier.verify(text)


def test_a_refused_token_is_not_remembered(verifier: Verifier, mint: Mint, clock: Clock) -> None:
    text = mint(nbf=clock.now + 60)
    with pytest.raises(errors.NotYetValidError):
        verifier.verify(text)
    clock.advance(60)
    assert verifier.verify(text).subject


def test_only_so_many_tokens_are_remembered_and_the_idle_ones_go_first(
    fixed: source.Fixed, clock: Clock, mint: Mint, public: Counted
) -> None:
    small = Verifier(ISSUER, AUDIENCE, source=fixed, clock=clock, remember=3)
    tokens = [mint() for _ in range(4)]
    for text in tokens[:3]:
        small.verify(text)
    small.verify(tokens[0])
    small.verify(tokens[3])
    assert public.count == 4
    small.verify(tokens[0])
    assert public.count == 4
    small.verify(tokens[1])
    assert public.count == 5


def test_a_verifier_can_be_told_to_remember_nothing(
    fixed: source.Fixed, clock: Clock, mint: Mint, public: Counted
) -> None:
    forgetful = Verifier(ISSUER, AUDIENCE, source=fixed, clock=clock, remember=0)
    text = mint()
    assert forgetful.verify(text) == forgetful.verify(text)
    assert public.count == 2


def test_nobody_gets_in_on_anothers_remembered_token(
    verifier: Verifier, key: SigningKey, claims: Callable[..., dict[str, Any]]
) -> None:
    good = {f"person-{n}": key.sign(claims(sub=f"person-{n}", jti="the-same")) for n in range(20)}
    attempts: list[tuple[str | None, str]] = []
    for person, text in good.items():
        header, payload, signature = text.split(".")
        stolen = good["person-0" if person != "person-0" else "person-1"].split(".")
        changed = forge.b64(forge.unb64(payload).replace(person.encode(), b"person-x"))
        attempts += [(person, text)] * 30
        attempts += [
            (None, f"{header}.{payload}.{stolen[2]}"),
            (None, f"{header}.{stolen[1]}.{signature}"),
            (None, f"{header}.{changed}.{signature}"),
            (None, text[:-1]),
            (None, f"{header}.{payload}."),
        ] * 4
    random.Random(7).shuffle(attempts)

    def attempt(case: tuple[str | None, str]) -> bool:
        person, text = case
        try:
            return verifier.verify(text).subject == person
        except errors.InvalidTokenError:
            return person is None

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(attempt, attempts))
    assert len(attempts) == 1_000


def test_threads_may_share_a_small_memory(fixed: source.Fixed, clock: Clock, mint: Mint) -> None:
    shared = Verifier(ISSUER, AUDIENCE, source=fixed, clock=clock, remember=2)
    tokens = [mint() for _ in range(6)]
    wanted = [shared.verify(text).jti for text in tokens]

    def hammer(_: int) -> bool:
        return all([shared.verify(text).jti for text in tokens] == wanted for _ in range(200))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(hammer, range(4)))


def test_synchronous_and_asynchronous_code_see_the_same(
    verifier: Verifier, mint: Mint, public: Counted
) -> None:
    text = mint()
    first = asyncio.run(verifier.averify(text))
    assert verifier.verify(text) is first
    assert asyncio.run(verifier.averify(text)) is first
    assert public.count == 1

    async def bad() -> None:
        await verifier.averify(text[:-1])

    with pytest.raises(errors.InvalidTokenError):
        asyncio.run(bad())


@pytest.mark.parametrize("leeway", [-1, 61, float("nan")])
def test_a_leeway_beyond_a_minute_is_refused(leeway: float) -> None:
    with pytest.raises(ValueError, match="leeway"):
        Verifier(ISSUER, AUDIENCE, leeway=leeway)


def test_the_leeway_and_the_longest_life_are_settings(fixed: source.Fixed, clock: Clock, mint: Mint) -> None:
    strict = Verifier(ISSUER, AUDIENCE, source=fixed, clock=clock, leeway=0)
    assert strict.verify(mint(iat=clock.now, exp=clock.now + 1)).subject
    with pytest.raises(errors.ExpiredTokenError):
        strict.verify(mint(iat=clock.now - 300, exp=clock.now))
    patient = Verifier(ISSUER, AUDIENCE, source=fixed, clock=clock, max_lifetime_seconds=None)
    assert patient.verify(mint(exp=clock.now + 365 * 86_400)).subject

"""Claims that are missing, of the wrong type, for someone else, or out of time; all of them truly signed."""

from collections.abc import Callable
from typing import Any

import pytest

from keys import errors, jwks, source
from keys.signing import SigningKey
from keys.verifier import ANY_AUDIENCE, Verifier

from . import forgeries
from .conftest import AUDIENCE, ISSUER, Clock, Mint
from .forge import Forger, refused

Claims = Callable[..., dict[str, Any]]


REQUIRED = ["iss", "sub", "aud", "exp", "iat", "jti", "client_id"]


@pytest.mark.parametrize("name", REQUIRED)
def test_a_token_without_a_required_claim_is_refused(verifier: Verifier, forger: Forger, name: str) -> None:
    error = refused(verifier, forger.with_claims(**{name: ...}))
    assert isinstance(error, errors.InvalidClaimError) and name in error.detail


@pytest.mark.parametrize("name", ["sub", "jti", "client_id", "grant_id", "acr", "sid", "iss"])
@pytest.mark.parametrize("value", [None, 1, True, [], ["a"], {}, "", "a\x00b", "a\nb", "\ud800"])
def test_a_text_claim_of_another_kind_is_refused(
    verifier: Verifier, forger: Forger, name: str, value: object
) -> None:
    assert isinstance(refused(verifier, forger.with_claims(**{name: value})), errors.InvalidClaimError)


@pytest.mark.parametrize("amr", ["pwd", [1], [None], {}, None, ["\ud800"]])
def test_authentication_methods_are_a_list_of_texts(verifier: Verifier, forger: Forger, amr: object) -> None:
    assert isinstance(refused(verifier, forger.with_claims(amr=amr)), errors.InvalidClaimError)
    assert verifier.verify(forger.with_claims(amr=["pwd", "otp"])).amr == ("pwd", "otp")


@pytest.mark.parametrize("name", ["exp", "iat", "nbf", "auth_time"])
@pytest.mark.parametrize("text", forgeries.MOMENTS)
def test_a_moment_that_is_no_number_of_seconds_is_refused(
    verifier: Verifier, forger: Forger, name: str, text: str
) -> None:
    refused(verifier, forger.with_claims_text(name, text))


def test_a_moment_may_have_a_fraction(verifier: Verifier, forger: Forger, clock: Clock) -> None:
    token = verifier.verify(forger.with_claims(exp=clock.now + 12.5, nbf=clock.now - 0.5, auth_time=1.5))
    assert (token.expires_at, token.not_before, token.auth_time) == (clock.now + 12.5, clock.now - 0.5, 1.5)


def test_times_are_judged_with_ten_seconds_of_leeway(
    verifier: Verifier, forger: Forger, clock: Clock
) -> None:
    now = clock.now
    assert verifier.verify(forger.with_claims(iat=now - 300, exp=now - 9)).subject
    assert verifier.verify(forger.with_claims(iat=now + 10)).subject
    assert verifier.verify(forger.with_claims(nbf=now + 10)).subject
    expired = refused(verifier, forger.with_claims(iat=now - 300, exp=now - 10))
    assert isinstance(expired, errors.ExpiredTokenError) and "10 s ago" in expired.description
    assert isinstance(refused(verifier, forger.with_claims(iat=now + 11)), errors.NotYetValidError)
    assert isinstance(refused(verifier, forger.with_claims(nbf=now + 11)), errors.NotYetValidError)


def test_a_token_made_to_live_long_is_refused(verifier: Verifier, forger: Forger, clock: Clock) -> None:
    now = clock.now
    assert verifier.verify(forger.with_claims(iat=now, exp=now + 3_600)).subject
    assert isinstance(
        refused(verifier, forger.with_claims(iat=now, exp=now + 3_601)), errors.InvalidClaimError
    )
    assert isinstance(
        refused(verifier, forger.with_claims(iat=now + 9, exp=now + 8)), errors.InvalidClaimError
    )


@pytest.mark.parametrize("aud", forgeries.audiences(AUDIENCE))
def test_a_token_for_another_audience_is_refused(verifier: Verifier, forger: Forger, aud: object) -> None:
    error = refused(verifier, forger.with_claims(aud=aud))
    assert isinstance(error, errors.WrongAudienceError | errors.InvalidClaimError)


@pytest.mark.parametrize("iss", forgeries.issuers(ISSUER))
def test_a_token_of_another_issuer_is_refused(verifier: Verifier, forger: Forger, iss: object) -> None:
    error = refused(verifier, forger.with_claims(iss=iss))
    assert isinstance(error, errors.WrongIssuerError | errors.InvalidClaimError)


@pytest.mark.parametrize("scope", forgeries.SCOPES)
def test_a_malformed_scope_is_refused(verifier: Verifier, forger: Forger, scope: object) -> None:
    assert isinstance(refused(verifier, forger.with_claims(scope=scope)), errors.InvalidClaimError)


def test_scopes_are_compared_whole_and_exactly(verifier: Verifier, forger: Forger) -> None:
    token = verifier.verify(forger.with_claims(scope="images:readX IMAGES:READ gallery:read"))
    assert token.has("gallery:read") and not token.has("images:read")
    assert token.has() and not token.has("gallery:read", "images:read")
    with pytest.raises(errors.InsufficientScopeError, match="images:read and images:write"):
        token.require("images:read", "images:write")
    assert verifier.verify(forger.with_claims(scope=...)).scopes == frozenset()


def test_an_issuer_may_judge_tokens_of_every_audience_when_it_says_so(
    key: SigningKey, clock: Clock, mint: Mint
) -> None:
    fixed = source.Fixed(jwks.of([key]))
    own = Verifier(ISSUER, ANY_AUDIENCE, source=fixed, clock=clock)
    assert own.verify(mint(aud="https://other.test")).audience == "https://other.test"
    with pytest.raises(errors.WrongAudienceError):
        own.verify(mint(aud=["https://other.test"]))
    with pytest.raises(ValueError, match="empty"):
        Verifier(ISSUER, "", source=fixed)


def test_errors_never_repeat_the_token(verifier: Verifier, forger: Forger) -> None:
    header, payload, signature = forger.honest().split(".")
    for token in (
        f"{header}.{payload}.{signature[:-8]}AAAAAAAA",
        f"{header}.{payload}",
        forger.with_claims(aud="https://other.test"),
        forger.with_header(kid="nobody"),
    ):
        error = refused(verifier, token)
        for part in token.split("."):
            assert part[:24] not in f"{error}{error.detail}{error.__notes__}"


def test_descriptions_fit_a_challenge() -> None:
    kinds: list[type[errors.InvalidTokenError]] = [
        errors.InvalidTokenError,
        *errors.InvalidTokenError.__subclasses__(),
    ]
    assert len(kinds) == 10
    for text in (kind.description for kind in kinds):
        assert text.isascii() and text.isprintable() and not {'"', "\\"} & set(text)

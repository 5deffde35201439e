"""Forged algorithms, keys and header parameters, each with a positive control made the same way."""

from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from keys import errors, jwks, source
from keys.signing import SigningKey
from keys.verifier import Verifier

from . import forge, forgeries
from .conftest import AUDIENCE, ISSUER, Clock
from .forge import Forger, refused

Claims = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def other_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def test_the_forger_can_write_good_tokens_too(verifier: Verifier, forger: Forger) -> None:
    assert verifier.verify(forger.honest()).subject
    assert verifier.verify(forger.with_claims_text("exp", str(forger.claims()["exp"]))).subject


def test_an_unsigned_token_is_refused(verifier: Verifier, forger: Forger) -> None:
    for token in forgeries.unsigned(forger):
        refused(verifier, token)


def test_a_public_key_is_no_hmac_secret(verifier: Verifier, forger: Forger) -> None:
    for token in forgeries.keyed_by_what_is_public(forger):
        refused(verifier, token)


@pytest.mark.parametrize("alg", forgeries.ALGORITHMS)
def test_only_the_allowed_algorithm_counts(verifier: Verifier, forger: Forger, alg: object) -> None:
    assert isinstance(refused(verifier, forger.with_header(alg=alg)), errors.RefusedHeaderError)


def test_a_true_signature_by_another_algorithm_is_refused(verifier: Verifier, forger: Forger) -> None:
    for token in forgeries.signed_otherwise(forger):
        refused(verifier, token)


def test_another_algorithm_can_be_allowed_by_name(clock: Clock, claims: Claims) -> None:
    elliptic = SigningKey.generate("ES256")
    fixed = source.Fixed(jwks.of([elliptic], ["ES256"]))
    told = Verifier(ISSUER, AUDIENCE, algorithms=["ES256"], source=fixed, clock=clock)
    assert told.verify(elliptic.sign(claims())).subject
    with pytest.raises(errors.RefusedHeaderError):
        Verifier(ISSUER, AUDIENCE, source=fixed, clock=clock).verify(elliptic.sign(claims()))


def test_a_key_is_used_only_with_the_algorithm_it_was_published_for(
    key: SigningKey, clock: Clock, claims: Claims
) -> None:
    generous = Verifier(
        ISSUER,
        AUDIENCE,
        algorithms=["RS256", "PS256"],
        source=source.Fixed(jwks.of([key], ["RS256", "PS256"])),
        clock=clock,
    )
    other = SigningKey.from_der(key.to_der(), alg="PS256")
    assert generous.verify(key.sign(claims())).subject
    with pytest.raises(errors.RefusedHeaderError, match="header"):
        generous.verify(other.sign(claims()))


@pytest.mark.parametrize("algorithms", [[], ["none"], ["HS256"], ["RS256", "HS256"], ["dir"], ["EdDSA"]])
def test_a_verifier_cannot_be_told_to_take_weak_algorithms(algorithms: list[str]) -> None:
    with pytest.raises(ValueError, match="algorithms"):
        Verifier(ISSUER, AUDIENCE, algorithms=algorithms)


def test_a_key_inside_the_token_is_never_used(
    verifier: Verifier, forger: Forger, other_key: rsa.RSAPrivateKey
) -> None:
    attacker = SigningKey.from_der(
        other_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), kid=forger.key.kid
    )
    for sign in (forge.rs256(other_key), forger.sign):
        for extra in (
            {"jwk": attacker.public_jwk()},
            {"jku": "http://127.0.0.1:9/jwks.json"},
            {"x5u": "http://127.0.0.1:9/cert.pem"},
            {"x5c": ["MIIB"]},
            {"jwk": None},
        ):
            token = forge.token(forger.header(**extra), forger.claims(), sign)
            assert isinstance(refused(verifier, token), errors.RefusedHeaderError)
    stolen_kid = forge.token(forger.header(), forger.claims(), forge.rs256(other_key))
    assert isinstance(refused(verifier, stolen_kid), errors.BadSignatureError)


@pytest.mark.parametrize("kid", forgeries.KIDS)
def test_a_strange_kid_finds_no_key(verifier: Verifier, forger: Forger, kid: object) -> None:
    error = refused(verifier, forger.with_header(kid=kid))
    assert isinstance(error, errors.UnknownKeyError | errors.RefusedHeaderError)
    assert len(error.detail) < 300 and error.detail.isascii() and error.detail.isprintable()


@pytest.mark.parametrize("extra", forgeries.EXTENSIONS)
def test_extensions_are_refused_whatever_they_hold(
    verifier: Verifier, forger: Forger, extra: dict[str, Any]
) -> None:
    assert isinstance(refused(verifier, forger.with_header(**extra)), errors.RefusedHeaderError)


@pytest.mark.parametrize("typ", forgeries.TYPES)
def test_a_token_of_another_type_is_refused(verifier: Verifier, forger: Forger, typ: object) -> None:
    assert isinstance(refused(verifier, forger.with_header(typ=typ)), errors.RefusedHeaderError)


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"])
def test_the_type_of_an_access_token_may_be_written_in_any_case(
    verifier: Verifier, forger: Forger, typ: str
) -> None:
    assert verifier.verify(forger.with_header(typ=typ)).subject


def test_harmless_header_parameters_are_ignored(verifier: Verifier, forger: Forger) -> None:
    assert verifier.verify(
        forger.with_header(cty="", **{"x5t#S256": "abc", "https://example.org/note": [1]})
    ).subject

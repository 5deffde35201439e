"""Every other way to write down a token: spellings, serializations, sizes, ambiguous JSON."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keys import errors
from keys.verifier import Verifier

from . import forge, forgeries
from .forge import Forger, refused

Claims = Callable[..., dict[str, Any]]


def test_every_other_spelling_of_a_good_token_is_refused(verifier: Verifier, forger: Forger) -> None:
    good = forger.honest()
    assert verifier.verify(good).subject
    for text in forgeries.spellings(good):
        refused(verifier, text)


def test_the_json_serializations_are_refused(verifier: Verifier, forger: Forger) -> None:
    for text in forgeries.json_serializations(forger.honest(), forger.key.kid):
        refused(verifier, text)


def test_an_encrypted_token_costs_nothing(verifier: Verifier) -> None:
    for text in forgeries.encrypted():
        began = time.process_time()
        refused(verifier, text)
        assert time.process_time() - began < 0.05


@pytest.mark.parametrize("member", forgeries.REPEATED)
def test_a_repeated_member_is_refused(verifier: Verifier, forger: Forger, member: str) -> None:
    body = json.dumps(forger.claims(sub=...))[:-1]
    honest = forge.token(forger.header(), f'{body}, "sub": "a", "x": {{"y": 1, "z": 1}}}}', forger.sign)
    assert verifier.verify(honest).subject == "a"
    error = refused(verifier, forgeries.repeated(forger, member))
    assert isinstance(error, errors.MalformedTokenError)


def test_a_repeated_header_member_is_refused(verifier: Verifier, forger: Forger) -> None:
    text = json.dumps(forger.header())[:-1]
    assert isinstance(
        refused(verifier, forge.token(f'{text}, "alg": "RS256"}}', forger.claims(), forger.sign)),
        errors.MalformedTokenError,
    )


@pytest.mark.parametrize("payload", forgeries.PAYLOADS)
def test_a_payload_that_is_no_object_is_refused(verifier: Verifier, forger: Forger, payload: str) -> None:
    error = refused(verifier, forge.token(forger.header(), payload, forger.sign))
    assert isinstance(error, errors.MalformedTokenError)
    assert isinstance(
        refused(verifier, forge.token(payload, forger.claims(), forger.sign)), errors.MalformedTokenError
    )


def test_bytes_that_are_not_utf8_are_refused(verifier: Verifier, forger: Forger) -> None:
    payload = json.dumps(forger.claims(padding="é"), ensure_ascii=False).encode("latin-1")
    signed = f"{forge.b64(json.dumps(forger.header()))}.{forge.b64(payload)}"
    refused(verifier, f"{signed}.{forge.b64(forger.sign(signed.encode()))}")


def test_a_token_in_a_token_is_refused(verifier: Verifier, forger: Forger) -> None:
    refused(verifier, forge.token(forger.header(cty="JWT"), forger.honest(), forger.sign))


def test_a_long_token_is_refused_unread(verifier: Verifier, forger: Forger) -> None:
    assert verifier.verify(forger.with_claims(padding="x" * 4_000)).subject
    for token in (forger.with_claims(padding="x" * 8_000), "a" * 8_193, "." * 1_000_000, "é" * 1_000_000):
        began = time.process_time()
        assert isinstance(refused(verifier, token), errors.MalformedTokenError)
        assert time.process_time() - began < 0.05


@given(
    text=st.text(alphabet=st.characters(codec="utf-8") | st.sampled_from(".-_="))
    | st.text(alphabet="AQeyJhbG.-_=", max_size=60)
)
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_gets_a_clear_refusal(verifier: Verifier, text: str) -> None:
    assert refused(verifier, text).description


@given(position=st.integers(0, 10_000), bit=st.integers(0, 6))
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_flipped_bit_anywhere_is_refused(
    verifier: Verifier, forger: Forger, position: int, bit: int
) -> None:
    good = forger.honest()
    at = position % len(good)
    refused(verifier, good[:at] + chr(ord(good[at]) ^ (1 << bit)) + good[at + 1 :])

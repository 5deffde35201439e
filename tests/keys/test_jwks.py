"""Publishing keys without their private half, and reading key sets of others with suspicion."""

import json
from typing import Any

import pytest
from joserfc.jwk import KeyParameters, RSAKey

from keys import errors, jwks
from keys.signing import SigningKey

PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def test_a_published_key_has_no_private_member(signing_keys: list[SigningKey]) -> None:
    for key in (*signing_keys, SigningKey.generate("ES256")):
        jwk = key.public_jwk()
        assert not PRIVATE_MEMBERS & jwk.keys()
        assert {"kty", "use", "alg", "kid"} <= jwk.keys()
        assert jwk["use"] == "sig"


def test_equal_sets_are_equal_bytes_with_equal_tags(signing_keys: list[SigningKey]) -> None:
    body = jwks.encode(jwks.document(signing_keys))
    copies = [SigningKey.from_der(key.to_der()) for key in signing_keys]
    assert jwks.encode(jwks.document(copies)) == body
    assert jwks.etag(body) != jwks.etag(jwks.encode(jwks.document(signing_keys[:2])))
    assert jwks.etag(body).startswith('"') and jwks.etag(body).endswith('"')


def test_what_is_published_can_be_read(signing_keys: list[SigningKey]) -> None:
    found = jwks.parse(jwks.encode(jwks.document(signing_keys)), ["RS256"])
    assert list(found) == [key.kid for key in signing_keys]
    assert found == jwks.of(signing_keys)
    assert found[signing_keys[0].kid] != found[signing_keys[1].kid]


def usable(*entries: object) -> list[str]:
    return list(jwks.parse(json.dumps({"keys": entries}), ["RS256"]))


@pytest.fixture(scope="module")
def short_key() -> dict[str, Any]:
    with pytest.warns(match="2048"):
        return {**RSAKey.generate_key(1024).as_dict(private=False), "kid": "short"}


@pytest.mark.filterwarnings("ignore:Key size")
def test_keys_for_something_else_are_passed_over(key: SigningKey, short_key: dict[str, Any]) -> None:
    good = key.public_jwk()
    strangers: list[object] = [
        short_key,
        {**good, "kid": "encrypts", "use": "enc"},
        {**good, "kid": "another-algorithm", "alg": "RS512"},
        {**good, "kid": "signs-only", "key_ops": ["sign"]},
        {**good, "kid": "published-by-mistake", "d": "AQAB"},
        {**good, "kid": ""},
        {**good, "kid": 7},
        {name: value for name, value in good.items() if name != "kid"},
        {**good, "kid": "no-type", "kty": None},
        {**good, "kid": "list-type", "kty": ["RSA"]},
        {**good, "kid": "even-exponent", "e": "BA"},
        {**good, "kid": "no-exponent", "e": None},
        {**good, "kid": "not-base64", "n": "é"},
        {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"},
        {"kty": "EC", "kid": "curve", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "future", "kid": "unknown"},
        "text",
        None,
        [],
    ]
    assert usable(*strangers, good) == [key.kid]
    for stranger in strangers:
        with pytest.raises(errors.InvalidKeyError):
            usable(stranger)


def test_a_key_may_leave_out_what_is_optional(key: SigningKey) -> None:
    good = key.public_jwk()
    assert usable({name: good[name] for name in ("kty", "kid", "n", "e")}) == [key.kid]
    assert usable({**good, "key_ops": ["verify"], "x5t": "AA", "anything": {}}) == [key.kid]


def test_an_id_that_stands_for_two_keys_stands_for_none(signing_keys: list[SigningKey]) -> None:
    first, second, third = (key.public_jwk() for key in signing_keys)
    assert usable(first, {**second, "kid": first["kid"]}, third) == [third["kid"]]
    assert usable(first, first) == [first["kid"]]


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", "{}", '{"keys": {}}', '{"keys": null}', '{"keys": []}', "<html>", "[" * 100_000],
)
def test_what_is_no_key_set_is_refused(text: str) -> None:
    with pytest.raises(errors.InvalidKeyError):
        jwks.parse(text, ["RS256"])


def test_a_set_of_too_many_keys_is_refused(key: SigningKey) -> None:
    with pytest.raises(errors.InvalidKeyError, match="100"):
        usable(*[key.public_jwk()] * 101)


def test_the_id_of_a_new_key_can_be_typed_after_a_command() -> None:
    """It never begins with a dash, as one thumbprint in 64 would."""
    assert not any(SigningKey.generate("ES256").kid.startswith("-") for _ in range(600))


@pytest.mark.parametrize("bits", [1024, 2047, 2049, 8200, 0, -1])
def test_weak_and_absurd_sizes_are_not_generated(bits: int) -> None:
    with pytest.raises(errors.InvalidKeyError):
        SigningKey.generate(bits=bits)


@pytest.mark.filterwarnings("ignore:Key size")
def test_a_weak_key_does_not_sign() -> None:
    with pytest.raises(errors.InvalidKeyError, match="1024"):
        SigningKey.from_der(RSAKey.generate_key(1024).as_der(private=True))


def test_a_key_comes_back_from_its_encoding(key: SigningKey) -> None:
    again = SigningKey.from_der(key.to_der())
    trusted = SigningKey.from_der(key.to_der(), trusted=True)
    assert again.kid == trusted.kid == key.kid
    assert again.sign({"a": 1}) == trusted.sign({"a": 1}) == key.sign({"a": 1})
    assert SigningKey.from_der(key.to_der(), kid="2026-11-a").kid == "2026-11-a"


@pytest.mark.parametrize("alg", ["none", "HS256", "ES256", "EdDSA", ""])
def test_a_key_signs_only_with_its_own_kind_of_algorithm(key: SigningKey, alg: str) -> None:
    with pytest.raises(errors.InvalidKeyError):
        SigningKey.from_der(key.to_der(), alg=alg)
    if alg != "ES256":
        with pytest.raises(errors.InvalidKeyError):
            SigningKey.generate(alg)


def test_an_unreadable_key_is_refused_without_being_described(key: SigningKey) -> None:
    jwk: dict[str, str | list[str]] = {**key.public_jwk()}
    for der in (b"", b"junk", key.to_der()[:-1], RSAKey.import_key(jwk).as_der()):
        with pytest.raises(errors.InvalidKeyError, match="not an unencrypted private key") as caught:
            SigningKey.from_der(der)
        assert caught.value.__cause__ is None


def test_a_public_key_does_not_sign(key: SigningKey) -> None:
    with pytest.raises(errors.InvalidKeyError, match="public"):
        SigningKey(RSAKey.import_key(dict(key.public_jwk())), alg="RS256")


@pytest.mark.parametrize("own", [{"use": "enc"}, {"alg": "PS256"}, {"key_ops": ["verify"]}])
def test_a_key_that_is_for_something_else_does_not_sign(own: KeyParameters) -> None:
    with pytest.raises(errors.InvalidKeyError, match="own"):
        SigningKey(RSAKey.generate_key(2048, own), alg="RS256")
    right = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"})
    assert SigningKey(right, alg="RS256").sign({})


def test_a_key_does_not_show_itself(key: SigningKey) -> None:
    assert repr(key) == f"SigningKey(kid='{key.kid}', alg='RS256')"


def test_claims_that_are_not_json_are_not_signed(key: SigningKey) -> None:
    with pytest.raises(ValueError, match="JSON"):
        key.sign({"exp": float("nan")})
    with pytest.raises(TypeError):
        key.sign({"exp": object()})

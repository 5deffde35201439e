"""Writes tokens no honest issuer would: any header, any payload, any signature, byte by byte."""

import base64
import functools
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_private_key

from keys import errors
from keys.signing import SigningKey
from keys.verifier import Verifier

Sign = Callable[[bytes], bytes]


def b64(data: bytes | str) -> str:
    raw = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@functools.cache
def private(key: SigningKey) -> rsa.RSAPrivateKey:
    found = load_der_private_key(key.to_der(), None)
    assert isinstance(found, rsa.RSAPrivateKey)
    return found


def rs256(key: rsa.RSAPrivateKey) -> Sign:
    return lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def token(header: dict[str, Any] | str, payload: dict[str, Any] | str, sign: Sign) -> str:
    """A compact JWS. Header and payload may be JSON text, so that it can hold what a dict can't."""
    texts = [part if isinstance(part, str) else json.dumps(part) for part in (header, payload)]
    signed = ".".join(b64(text) for text in texts)
    return f"{signed}.{b64(sign(signed.encode()))}"


class Forger:
    """Knows the real key, to sign what the issuer never would."""

    def __init__(self, key: SigningKey, claims: Callable[..., dict[str, Any]]) -> None:
        self.key = key
        self.claims = claims
        self.private = private(key)
        self.sign = rs256(self.private)

    def header(self, **changes: Any) -> dict[str, Any]:
        good = {"alg": "RS256", "typ": "at+jwt", "kid": self.key.kid}
        return {name: value for name, value in (good | changes).items() if value is not ...}

    def with_header(self, **changes: Any) -> str:
        return token(self.header(**changes), self.claims(), self.sign)

    def with_claims(self, **changes: Any) -> str:
        return token(self.header(), self.claims(**changes), self.sign)

    def with_claims_text(self, name: str, text: str) -> str:
        """A claim whose value is this JSON text."""
        body = json.dumps(self.claims(**{name: ...}))
        return token(self.header(), f'{body[:-1]}, "{name}": {text}}}', self.sign)

    def honest(self) -> str:
        return self.with_header()


def refused(verifier: Verifier, token: str) -> errors.InvalidTokenError:
    with pytest.raises(errors.InvalidTokenError) as caught:
        verifier.verify(token)
    return caught.value


def renamed(token: str, kid: str) -> str:
    """The same token under another kid."""
    _, payload, signature = token.split(".")
    return f"{b64(json.dumps({'alg': 'RS256', 'typ': 'at+jwt', 'kid': kid}))}.{payload}.{signature}"

"""A private key that signs access tokens, and the algorithms this package knows.

A key is imported once and then signs inline: an RSA-2048 signature costs about 250 µs, importing the key a
hundred times that. Which key signs when is the business of `ring`; what is published, of `jwks`.
"""

import functools
import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import urlsafe_b64encode

from . import errors


class Algorithm(NamedTuple):
    """What a JWS algorithm (RFC 7518 §3.1) asks of its key."""

    key_type: type[RSAKey] | type[ECKey]
    curve: str | None


# Asymmetric signatures only: "none" and the HMAC family are absent, so nobody can allow them.
ALGORITHMS: Mapping[str, Algorithm] = {
    "RS256": Algorithm(RSAKey, None),
    "RS384": Algorithm(RSAKey, None),
    "RS512": Algorithm(RSAKey, None),
    "PS256": Algorithm(RSAKey, None),
    "PS384": Algorithm(RSAKey, None),
    "PS512": Algorithm(RSAKey, None),
    "ES256": Algorithm(ECKey, "P-256"),
    "ES384": Algorithm(ECKey, "P-384"),
    "ES512": Algorithm(ECKey, "P-521"),
}

# Made once: `json.dumps` with anything but its defaults makes one each time.
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)

# RFC 7518 §3.3 asks for 2048 at least; beyond 8192 a single verification takes long enough to be a nuisance.
RSA_BITS = range(2048, 8193)


def check(key: RSAKey | ECKey, alg: str) -> None:
    """Return when `key` may be used with `alg`, else raise InvalidKeyError."""
    algorithm = ALGORITHMS.get(alg)
    if algorithm is None:
        raise errors.InvalidKeyError(f"{alg!r} is not an algorithm this package signs or verifies with.")
    if not isinstance(key, algorithm.key_type):
        raise errors.InvalidKeyError(f"{alg} needs a key of type {algorithm.key_type.key_type}.")
    if isinstance(key, ECKey):
        if key.curve_name != algorithm.curve:
            raise errors.InvalidKeyError(f"{alg} needs a key on {algorithm.curve}, not on {key.curve_name}.")
    elif key.public_key.key_size not in RSA_BITS:
        raise errors.InvalidKeyError(
            f"An RSA key has {RSA_BITS.start} to {RSA_BITS.stop - 1} bits, not {key.public_key.key_size}."
        )


class SigningKey:
    """One private key, its id and its one algorithm. Its representation shows neither.

    The id is the key's own thumbprint (RFC 7638) unless another is given, so two keys never share one.
    """

    __slots__ = ("_algorithm", "_key", "_signer", "alg", "kid")

    def __init__(self, key: RSAKey | ECKey, *, alg: str, kid: str | None = None) -> None:
        """Raise InvalidKeyError when the key is not a private one that fits `alg`."""
        check(key, alg)
        if not key.is_private:
            raise errors.InvalidKeyError("A public key can't sign.")
        self.alg = alg
        self.kid = kid or key.thumbprint()
        self._key = key
        self._algorithm = jws.JWSRegistry(algorithms=[alg]).get_alg(alg)
        try:
            self._algorithm.check_key(key)
            self._signer: Any = _Signer(key)
        except JoseError:
            raise errors.InvalidKeyError(
                f"Its own `use`, `key_ops` or `alg` keeps this key from signing {alg}."
            ) from None

    def __repr__(self) -> str:
        return f"SigningKey(kid={self.kid!r}, alg={self.alg!r})"

    @classmethod
    def generate(cls, alg: str = "RS256", bits: int = 2048) -> Self:
        """Make a new key; `bits` is for RSA. This takes 0.1 to several seconds: keep it off an event loop.

        Raise InvalidKeyError for an unknown `alg` or a size outside 2048..8192.
        """
        algorithm = ALGORITHMS.get(alg)
        if algorithm is None:
            raise errors.InvalidKeyError(f"{alg!r} is not an algorithm this package signs with.")
        if algorithm.curve is None and (bits not in RSA_BITS or bits % 8):
            raise errors.InvalidKeyError(
                f"An RSA key has {RSA_BITS.start} to {RSA_BITS.stop - 1} bits, in steps of 8, not {bits}."
            )
        while True:
            made = (
                RSAKey.generate_key(bits) if algorithm.curve is None else ECKey.generate_key(algorithm.curve)
            )
            key = cls(made, alg=alg)
            # One thumbprint in 64 begins with a dash, and a command would take it for an option.
            if not key.kid.startswith("-"):
                return key

    @classmethod
    def from_der(
        cls, der: bytes, *, kid: str | None = None, alg: str = "RS256", trusted: bool = False
    ) -> Self:
        """Import what `to_der` wrote. Raise InvalidKeyError when it is unreadable or doesn't fit `alg`.

        `trusted` skips the test that the numbers of an RSA key belong together (16 µs instead of 40 ms). It
        is for keys that we made ourselves and that were authenticated on the way back, such as by AES-GCM.
        """
        algorithm = ALGORITHMS.get(alg)
        if algorithm is None:
            raise errors.InvalidKeyError(f"{alg!r} is not an algorithm this package signs with.")
        try:
            private = load_der_private_key(der, None, unsafe_skip_rsa_key_validation=trusted)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            # The library's message might describe the bytes, and those of a private key are nobody's news.
            raise errors.InvalidKeyError("This is not an unencrypted private key in DER form.") from None
        if isinstance(private, RSAPrivateKey):
            return cls(RSAKey.import_key(private), alg=alg, kid=kid)
        if isinstance(private, EllipticCurvePrivateKey):
            return cls(ECKey.import_key(private), alg=alg, kid=kid)
        raise errors.InvalidKeyError(f"{alg} needs a key of type {algorithm.key_type.key_type}.")

    def to_der(self) -> bytes:
        """Return the private key as unencrypted PKCS #8. Encrypt it before it is kept anywhere."""
        return self._key.as_der(private=True)

    def public_jwk(self) -> dict[str, str]:
        """Return the JWK to publish (RFC 7517 §4). Its members are picked, so no private one can slip in."""
        members = ("crv", "x", "y") if isinstance(self._key, ECKey) else ("n", "e")
        own = self._key.as_dict(private=False)
        return {
            "kty": self._key.key_type,
            "use": "sig",
            "alg": self.alg,
            "kid": self.kid,
            **{name: str(own[name]) for name in members},
        }

    def sign(self, claims: Mapping[str, Any], typ: str = "at+jwt") -> str:
        """Return `claims` as a signed compact JWT (RFC 7519; `typ` as RFC 9068 §2.1 asks).

        Raise ValueError for NaN or infinity and TypeError for what JSON can't hold.
        """
        # RFC 7515 §7.1. joserfc's `serialize_compact` tests key and header at each call; here they are always the
        # same, and were tested when this key was made.
        signed = _header(self.alg, self.kid, typ) + b"." + urlsafe_b64encode(_ENCODER.encode(claims).encode())
        signature = self._algorithm.sign(signed, self._signer)
        return (signed + b"." + urlsafe_b64encode(signature)).decode()


class _Signer:
    """A private key as joserfc's algorithms ask for it at each signature, so that they need not look for it again."""

    __slots__ = ("_native", "curve_key_size")

    def __init__(self, key: RSAKey | ECKey) -> None:
        self._native = key.get_op_key("sign")
        self.curve_key_size = key.curve_key_size if isinstance(key, ECKey) else None

    def get_op_key(self, _operation: str) -> object:
        return self._native


@functools.lru_cache(maxsize=64)
def _header(alg: str, kid: str, typ: str) -> bytes:
    return urlsafe_b64encode(_ENCODER.encode({"alg": alg, "kid": kid, "typ": typ}).encode())

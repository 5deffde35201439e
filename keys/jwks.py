"""The key set a server publishes and a verifier reads (RFC 7517 §5).

Writing: `document` of the keys the ring publishes, `encode` and `etag` for its HTTP answer. Reading: `parse`
turns the text of somebody's answer into the keys we can verify with. Fetching and caching it is `source`'s.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from . import errors, signing

MEDIA_TYPE = "application/jwk-set+json"
MAX_AGE_SECONDS = 300
CACHE_CONTROL = f"public, max-age={MAX_AGE_SECONDS}"
# A key set longer than this is refused unread by verifiers (the largest honest ones have a few kilobytes).
MAX_BYTES = 256 * 1024
MAX_KEYS = 100


class Publishable(Protocol):
    """What the writer needs of a key: `signing.SigningKey` and `ring.Record` have it."""

    def public_jwk(self) -> dict[str, str]: ...


def document(keys: Iterable[Publishable]) -> dict[str, list[dict[str, str]]]:
    """Return the JWK set of `keys`, in their order. Pass `Ring.published(now)`: nothing is chosen here."""
    return {"keys": [key.public_jwk() for key in keys]}


def encode(document: Mapping[str, Any]) -> bytes:
    """Return the document as the bytes to send; equal sets give equal bytes on every node."""
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode("ascii")


def etag(body: bytes) -> str:
    """Return the strong entity tag of these bytes, quotes included (RFC 9110 §8.8.3)."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


class PublicKey:
    """A key to verify with. Two are equal when their material and their terms of use are."""

    __slots__ = ("_key", "_models", "_terms", "kid")

    def __init__(self, kid: str, key: RSAKey | ECKey, algorithms: Collection[str]) -> None:
        registry = jws.JWSRegistry(algorithms=list(algorithms))
        self.kid = kid
        self._key = key
        self._models = {alg: registry.get_alg(alg) for alg in algorithms}
        self._terms = (kid, key.thumbprint(), frozenset(algorithms))

    def __repr__(self) -> str:
        return f"PublicKey(kid={self.kid!r}, algorithms={sorted(self._models)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and self._terms == other._terms

    def __hash__(self) -> int:
        return hash(self._terms)

    def allows(self, alg: str) -> bool:
        """Whether this key may verify signatures of this algorithm."""
        return alg in self._models

    def verify(self, alg: str, signed: bytes, signature: bytes) -> bool:
        """Whether `signature` over `signed` was made by this key. KeyError if `alg` is not allowed."""
        return self._models[alg].verify(signed, signature, self._key)


def parse(text: bytes | str, algorithms: Collection[str]) -> dict[str, PublicKey]:
    """Return the keys of a JWK set that can verify one of `algorithms`, by their id.

    Keys meant for something else are passed over, as RFC 7517 §5 asks. Passed over too, because trusting them
    would be worse than missing them: keys without `kid`, RSA keys under 2048 bits, keys whose private half
    was published, and ids that stand for two different keys. Raise InvalidKeyError when the text is no JWK
    set or nothing is left.
    """
    try:
        found = json.loads(text)
        entries = found["keys"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise errors.InvalidKeyError("The answer is not a JSON Web Key Set.") from None
    if not isinstance(entries, list) or len(entries) > MAX_KEYS:
        raise errors.InvalidKeyError(f"The member 'keys' is not a list of at most {MAX_KEYS} keys.")
    keys: dict[str, PublicKey] = {}
    ambiguous: set[str] = set()
    for entry in entries:
        key = _read(entry, algorithms)
        if key is not None and keys.setdefault(key.kid, key) != key:
            ambiguous.add(key.kid)
    usable = {kid: key for kid, key in keys.items() if kid not in ambiguous}
    if not usable:
        raise errors.InvalidKeyError(f"None of its {len(entries)} keys can verify {', '.join(algorithms)}.")
    return usable


def of(keys: Iterable[Publishable], algorithms: Collection[str] = ("RS256",)) -> dict[str, PublicKey]:
    """Return the verification keys of a ring we hold ourselves, without a detour over HTTP."""
    return parse(encode(document(keys)), algorithms)


_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_KEY_TYPES: Mapping[str, type[RSAKey] | type[ECKey]] = {"RSA": RSAKey, "EC": ECKey}


def _read(entry: object, algorithms: Collection[str]) -> PublicKey | None:
    """The key of one JWK, or None when it is not one for us."""
    if not isinstance(entry, dict) or _PRIVATE_MEMBERS & entry.keys():
        return None
    kid, kind = entry.get("kid"), entry.get("kty")
    key_type = _KEY_TYPES.get(kind) if isinstance(kind, str) else None
    if not isinstance(kid, str) or not kid or key_type is None:
        return None
    if entry.get("use", "sig") != "sig":
        return None
    operations = entry.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    members = {name: entry[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in entry}
    try:
        key = key_type.import_key(members)
    except (ValueError, TypeError, KeyError, JoseError):
        return None
    wanted = algorithms if "alg" not in entry else [alg for alg in algorithms if alg == entry["alg"]]
    fitting = [alg for alg in wanted if _fits(key, alg)]
    return PublicKey(kid, key, fitting) if fitting else None


def _fits(key: RSAKey | ECKey, alg: str) -> bool:
    try:
        signing.check(key, alg)
    except errors.InvalidKeyError:
        return False
    return True

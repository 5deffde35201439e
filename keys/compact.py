"""The strict reading of a JWS in compact form (RFC 7515 §3.1): text in, parts out, nothing believed yet.

There is exactly one way to write a given token. Padding, line breaks, the other base64 alphabet, loose last
bits, repeated JSON members and the JSON serialization are all refused: no two texts mean the same token.
"""

import functools
import json
from typing import Any, NamedTuple, NoReturn

from joserfc.util import urlsafe_b64decode

from . import errors

# Refused before anything is parsed. A real access token has well under 2 KiB.
MAX_BYTES = 8 * 1024
MAX_KID_LENGTH = 256
# RFC 9068 §4, with the media type written out or not (RFC 7515 §4.1.9); media types ignore case.
TYPES = frozenset({"at+jwt", "application/at+jwt"})
# Never accepted, whatever their value: extensions and encodings we don't do (crit, b64, zip, enc), and keys
# or addresses of keys that the token brings along itself (RFC 8725 §3.10).
REFUSED_PARAMETERS = frozenset({"crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c"})


class Compact(NamedTuple):
    """The parts of a token. `payload` is still text: it is parsed when the signature has proved good."""

    alg: str
    kid: str
    signed: bytes
    signature: bytes
    payload: str


def check_size(token: str) -> bytes:
    """Return the token as bytes. Raise MalformedTokenError when it is too long or not ASCII."""
    if len(token) > MAX_BYTES:
        raise errors.MalformedTokenError(f"The token has {len(token)} characters, more than {MAX_BYTES}.")
    try:
        return token.encode("ascii")
    except UnicodeEncodeError:
        raise errors.MalformedTokenError("The token holds characters outside ASCII.") from None


def read(token: str, algorithms: tuple[str, ...]) -> Compact:
    """Return the parts of a token with an acceptable header. Raise MalformedTokenError, RefusedHeaderError."""
    parts = token.split(".", 5)
    if len(parts) != 3:
        raise errors.MalformedTokenError("The token does not have three parts.")
    header_text, payload, signature_text = parts
    alg, kid = _header(header_text, algorithms)
    signed = f"{header_text}.{payload}".encode("ascii")
    return Compact(alg, kid, signed, _decode(signature_text, "signature"), payload)


@functools.lru_cache(maxsize=64)
def _header(text: str, algorithms: tuple[str, ...]) -> tuple[str, str]:
    """The alg and kid of an acceptable header. Every token of a key has the same one, so it is parsed once.

    What is refused raises, and is thereby not kept.
    """
    header = json_object(text, "header")
    refused = REFUSED_PARAMETERS & header.keys()
    if refused:
        raise errors.RefusedHeaderError(f"Header parameters never accepted: {', '.join(sorted(refused))}.")
    alg, typ, kid = header.get("alg"), header.get("typ"), header.get("kid")
    if not isinstance(alg, str) or alg not in algorithms:
        raise errors.RefusedHeaderError(
            f"The alg is {errors.shown(alg)}, not one of {', '.join(algorithms)}."
        )
    if not isinstance(typ, str) or typ.lower() not in TYPES:
        raise errors.RefusedHeaderError(
            f"The typ is {errors.shown(typ)}, so this is no access token (RFC 9068)."
        )
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_LENGTH:
        raise errors.RefusedHeaderError(f"The kid is {errors.shown(kid)}, not a string of a sensible length.")
    return alg, kid


def json_object(text: str, part: str) -> dict[str, Any]:
    """Return the JSON object, with nothing around it, that `text` encodes. Raise MalformedTokenError."""
    try:
        content = _decode(text, part).decode("utf-8")
        found, end = _JSON.raw_decode(content)
    except (ValueError, RecursionError):
        raise errors.MalformedTokenError(f"The {part} is not strict JSON.") from None
    if not isinstance(found, dict) or end != len(content):
        raise errors.MalformedTokenError(f"The {part} is not a JSON object.")
    return found


def _decode(text: str, part: str) -> bytes:
    """Strict base64url (RFC 7515 §2): joserfc's refuses whatever encoding the result would not give again."""
    try:
        return urlsafe_b64decode(text.encode("ascii"))
    except ValueError:
        raise errors.MalformedTokenError(f"The {part} is not canonical base64url.") from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # RFC 7515 §4: names must be unique; two parsers could see two different tokens.
        raise ValueError("repeated member")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_JSON = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_no_constant)

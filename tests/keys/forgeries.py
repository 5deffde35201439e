"""What every door has to be tried with: the verifier in this folder, a whole API in `tests/attacks`.

Lists of what differs from a good token, and makers of whole forged ones; `forge` puts them into tokens.
"""

import base64
import functools
import hmac
import json
from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from keys import jwks

from . import forge
from .forge import Forger

UNSIGNED = ["none", "None", "nOnE", "NONE", ""]

ALGORITHMS: list[object] = [
    "RS384", "RS512", "PS256", "ES256", "EdDSA", "HS256", "rs256", "RS256 ", ["RS256"], None, 256, True, {}, ...,
]  # fmt: skip

KIDS: list[object] = [
    "../../dev/null", "' OR 1=1--", "a\x00b", "x" * 5_000, "x" * 257, "", "\ud800", 7, None, ["k"], True, ...,
]  # fmt: skip

EXTENSIONS: list[dict[str, Any]] = [
    {"crit": ["zz"]},
    {"crit": []},
    {"crit": ["alg"]},
    {"crit": None},
    {"b64": False},
    {"b64": True},
    {"crit": ["b64"], "b64": False},
    {"zip": "DEF"},
    {"enc": "A128GCM"},
]

TYPES: list[object] = [
    "JWT", "jwt", "logout+jwt", "dpop+jwt", "at+jwt ", "at+jwt;q=1", "text/at+jwt", "application/jwt",
    "application/application/at+jwt", "", None, 1, ["at+jwt"], ...,
]  # fmt: skip

# JSON texts, because a float can't hold some of them.
MOMENTS = [
    '"9999999999"', "true", "false", "null", "NaN", "Infinity", "-Infinity", "1e400", "-1e400", "-1", "[]", "{}",
    "9" * 400, "9" * 5_000, "1e300", "253402300800",
]  # fmt: skip

SCOPES: list[object] = [
    ["images:read"], "", " ", " images:read", "images:read ", "a  b", "a\tb", "a\nb", "a\u00a0b", 'a"b', "a\\b", "é",
    1, None, True, {},
]  # fmt: skip

PAYLOADS = [
    "[]", '"text"', "1", "null", "true", "{", "", "{}x", '{"a": NaN}', "[" * 3_000, '{"a":' * 1_000, "\ufeff{}",
]  # fmt: skip

REPEATED = [
    '"sub": "a", "sub": "b"',
    '"sub": "a", "s\\u0075b": "b"',
    '"x": {"y": 1, "y": 2}',
    '"x": [{"y": 1, "y": 2}]',
]


def audiences(own: str) -> list[object]:
    """Everything but this one."""
    return [
        "app_gallery", f"{own}/", f"{own}.evil.test", own.upper(), own[:-1], f" {own}", f"{own}\n",
        [own], [own, "https://evil.test"], {own: 1}, [], 1, None, ...,
    ]  # fmt: skip


def issuers(own: str) -> list[object]:
    """Everything but this one."""
    other = own.replace("http:", "https:") if own.startswith("http:") else own.replace("https:", "http:")
    return [f"{own}/", own.upper(), other, f"{own}.evil.test", "https://evil.test", [own], ...]


def unsigned(forger: Forger) -> Iterator[str]:
    """Without a signature, or with a true one that the header denies (RFC 8725 §3.1)."""
    for alg in UNSIGNED:
        parts = [forge.b64(json.dumps(part)) for part in (forger.header(alg=alg), forger.claims())]
        yield ".".join([*parts, ""])
        yield ".".join(parts)
        yield forger.with_header(alg=alg)


def keyed_by_what_is_public(forger: Forger) -> Iterator[str]:
    """With an HMAC under any text that everybody can know of the key."""
    public, jwk = forger.private.public_key(), forger.key.public_jwk()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    secrets = [
        pem,
        pem.rstrip(b"\n"),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.DER, PublicFormat.PKCS1),
        forge.unb64(jwk["n"]),
        jwk["n"].encode(),
        json.dumps(jwk).encode(),
        jwks.encode(jwks.document([forger.key])),
        b"",
    ]
    for secret in secrets:
        for alg in ("HS256", "RS256"):
            sign = functools.partial(hmac.digest, secret, digest="sha256")
            yield forge.token(forger.header(alg=alg), forger.claims(), sign)


def signed_otherwise(forger: Forger) -> Iterator[str]:
    """With the true key and another algorithm than the one it is for, admitted or not."""

    def rs384(data: bytes) -> bytes:
        return forger.private.sign(data, padding.PKCS1v15(), hashes.SHA384())

    def ps256(data: bytes) -> bytes:
        return forger.private.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())

    for alg, sign in (("RS384", rs384), ("RS256", rs384), ("PS256", ps256), ("RS256", ps256)):
        yield forge.token(forger.header(alg=alg), forger.claims(), sign)


def spellings(good: str) -> list[str]:
    """Other texts that a careless reader takes for the same token."""
    header, payload, signature = good.split(".")
    last = signature[-1]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    # 256 bytes end in a sextet of which only two bits count: 15 other characters decode to the same bytes.
    loose = [c for c in alphabet if c != last and forge.unb64(signature[:-1] + c) == forge.unb64(signature)]
    assert len(loose) == 15
    found = [
        *(f"{header}.{payload}.{signature[:-1]}{c}" for c in loose),
        f"{good}=", f"{good}==", f"{good}\n", f"{good}\r\n", f"\n{good}", f" {good}", f"{good} ",
        f"{header}=.{payload}.{signature}",
        f"{header}.{payload}\n.{signature}",
        f"{header}.{payload[:20]}\n{payload[20:]}.{signature}",
        f"{header}.{payload}.{signature[:20]}\n{signature[20:]}",
        f"{good}.", f".{good}", f"{good}.{signature}", f"{good}..", f"{header}.{payload}",
        header, "", ".", "..", "....",
        f"{header}.{payload}.", f".{payload}.{signature}", f"{header}..{signature}",
        good[:-4], good + "AAAA", good.replace(".", "．"), good + "é", good + "\x00", good + "\ud800",
    ]  # fmt: skip
    standard = base64.b64encode(forge.unb64(signature)).rstrip(b"=").decode()
    return [*found, f"{header}.{payload}.{standard}"] if standard != signature else found


def json_serializations(good: str, kid: str) -> Iterator[str]:
    """The token as RFC 7515 §7.2 would write it, with no, one and two signatures."""
    header, payload, signature = good.split(".")
    one = {"protected": header, "signature": signature}
    for document in (
        {"payload": payload, **one},
        {"payload": payload, **one, "header": {"alg": "none"}},
        {"payload": payload, "signatures": []},
        {"payload": payload, "signatures": [one]},
        {"payload": payload, "signatures": [one, {"header": {"alg": "none"}, "signature": ""}]},
        {"payload": payload, "header": {"alg": "RS256", "kid": kid, "crit": ["x"]}, "signature": signature},
    ):
        yield json.dumps(document)


def encrypted() -> Iterator[str]:
    """Tokens that would cost much to decrypt (RFC 7516)."""
    for header in (
        {"alg": "RSA1_5", "enc": "A128CBC-HS256"},
        {"alg": "dir", "enc": "A128GCM"},
        {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 1_000_000_000, "p2s": "c2FsdA"},
    ):
        yield ".".join([forge.b64(json.dumps(header)), "QUFB", "QUFB", "QUFB", "QUFB"])


def repeated(forger: Forger, member: str) -> str:
    """A truly signed token with this repeated member."""
    body = json.dumps(forger.claims(sub=...))[:-1]
    subject = '"sub": "a", ' if '"sub"' not in member else ""
    return forge.token(forger.header(), f"{body}, {subject}{member}}}", forger.sign)

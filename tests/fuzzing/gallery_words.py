"""Forms and tokens gone wrong: a good upload in its pieces, a good token in its pieces, and what can happen to each."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.resource_api.callers import png

Twist = Callable[[bytes], bytes]

# What can happen to any piece of a form.
PIECES: dict[str, Twist] = {
    "gone": lambda _: b"",
    "half": lambda piece: piece[: len(piece) // 2],
    "twice": lambda piece: piece * 2,
    "a hundred times": lambda piece: piece * 100,
    "bare line feeds": lambda piece: piece.replace(b"\r\n", b"\n"),
    "bare carriage returns": lambda piece: piece.replace(b"\r\n", b"\r"),
    "no line ends": lambda piece: piece.replace(b"\r\n", b""),
    "one more line end": lambda piece: piece + b"\r\n",
    "NUL": lambda piece: piece[: len(piece) // 2] + b"\0" + piece[len(piece) // 2 :],
    "no UTF-8": lambda piece: piece[: len(piece) // 2] + b"\xff\xfe" + piece[len(piece) // 2 :],
    "other case": bytes.swapcase,
    "no quotes": lambda piece: piece.replace(b'"', b""),
    "one quote less": lambda piece: piece.replace(b'"', b"", 1),
    "escaped quotes": lambda piece: piece.replace(b'"', b'\\"'),
    "no colon": lambda piece: piece.replace(b":", b""),
    "semicolons": lambda piece: piece.replace(b";", b";;;;"),
    "no dashes": lambda piece: piece.replace(b"-", b""),
    "spaces": lambda piece: piece.replace(b" ", b"\t \t"),
    "long": lambda piece: piece + b"x" * 20_000,
    "folded": lambda piece: piece.replace(b"; ", b";\r\n "),
    "another name": lambda piece: piece.replace(b'name="title"', b'name="owner"'),
    "the other name": lambda piece: piece.replace(b'name="title"', b'name="file"'),
    "an extended name": lambda piece: piece.replace(b"filename=", b"filename*=UTF-8''"),
    "the boundary inside": lambda piece: piece + b"\r\n--b\r\n" + piece,
    "almost the boundary": lambda piece: piece + b"\r\n--" + piece + b"\r\n--c\r\n",
}
CONTENT_TYPES = (
    *[b"multipart/form-data; boundary=b"] * 8,
    b'multipart/form-data; boundary="b"',
    b"multipart/form-data; boundary=b; charset=utf-8",
    b"multipart/form-data; charset=utf-7; boundary=b",
    b"multipart/form-data; boundary=b; boundary=c",
    b"multipart/form-data; boundary=",
    b"multipart/form-data; boundary=\xff",
    b"multipart/form-data; boundary=" + b"b" * 300,
    b"multipart/form-data; boundary*=utf-8''b",
    b"multipart/form-data;boundary=b;",
    b"MULTIPART/FORM-DATA; BOUNDARY=b",
    b"multipart/form-data",
    b"multipart/mixed; boundary=b",
    b"application/x-www-form-urlencoded",
    b"image/png",
    b"",
)
_TITLE = b'Content-Disposition: form-data; name="title"\r\n\r\n'
_FILE = b'Content-Disposition: form-data; name="file"; filename="x.png"\r\nContent-Type: image/png\r\n\r\n'
GOOD_FORM = (b"--b\r\n", _TITLE, b"a title\r\n", b"--b\r\n", _FILE, png(), b"\r\n", b"--b--\r\n")


@dataclass(frozen=True)
class Form:
    """An upload as its bytes, and in the words of what was done to it."""

    words: str
    content_type: bytes
    body: bytes

    def __repr__(self) -> str:
        return f"{self.content_type!r}: {self.words or 'nothing wrong'}"


@st.composite
def forms(draw: st.DrawFn) -> Form:
    """A good upload with up to four things wrong."""
    pieces, words = list(GOOD_FORM), []
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(pieces) - 1))
        kind = draw(st.sampled_from(["twist", "twist", "swap", "drop", "repeat", "bytes", "order"]))
        name = draw(st.sampled_from(sorted(PIECES))) if kind == "twist" else kind
        words.append(f"{name} at {at}")
        match kind:
            case "twist":
                pieces[at] = PIECES[name](pieces[at])[:200_000]
            case "swap":
                other = draw(st.integers(0, len(pieces) - 1))
                pieces[at], pieces[other] = pieces[other], pieces[at]
            case "drop":
                pieces[at] = b""
            case "repeat":
                pieces.insert(at, pieces[at])
            case "bytes":
                pieces.insert(at, draw(st.binary(max_size=40)))
            case "order":
                pieces.reverse()
    return Form(", ".join(words), draw(st.sampled_from(CONTENT_TYPES)), b"".join(pieces))


def _encode(value: Any) -> bytes:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=")


_ODD: tuple[Any, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1e308,
        2**63,
        10**400,
        "",
        "x",
        " ",
        "\0",
        "\ud800",
        "\u202e",
        "http://localhost:8001/",
    ),
    *([], [[]], {}, {"a": 1}, ["http://localhost:8001"], ["http://localhost:8001", "x"], "x" * 5000),
)
_NAMES = (
    *("alg", "typ", "kid", "crit", "zip", "b64", "cty", "jku", "jwk", "x5u", "x5c", "enc", "p2c"),
    *("iss", "sub", "aud", "client_id", "iat", "nbf", "exp", "jti", "scope", "cnf", "grant_id", "act"),
)
TEXTS: dict[str, Twist] = {
    **{name: PIECES[name] for name in ("gone", "half", "twice", "other case", "NUL", "no UTF-8", "long")},
    "padded": lambda text: text + b"=",
    "newline": lambda text: text + b"\n",
    "one character less": lambda text: text[:-1],
    "another last character": lambda text: text[:-1] + (b"A" if text[-1:] != b"A" else b"B"),
    "plus and slash": lambda text: text.replace(b"-", b"+").replace(b"_", b"/"),
    "junk inside": lambda text: text[:9] + b"!" + text[9:],
    "encoded again": _encode,
}


@dataclass(frozen=True)
class Token:
    """What to do to a good token: members changed before it is signed, its three parts twisted, moved, multiplied."""

    signed: tuple[tuple[str, str, Any], ...]
    """Part (`header` or `claims`), member, value; `...` leaves it out."""
    twists: tuple[tuple[int, str], ...]
    order: tuple[int, ...]
    scheme: bytes

    @property
    def is_good(self) -> bool:
        return not self.signed and self.scheme == b"Bearer "

    @property
    def is_foreign(self) -> bool:
        """Whether a member that says whose token this is, and what kind, has been changed: to nothing that is right."""
        changed = {(part, member) for part, member, _ in self.signed}
        return bool(changed & {("header", "alg"), ("header", "typ"), ("header", "kid"), ("claims", "iss")})

    def text(
        self, header: dict[str, Any], claims: dict[str, Any], sign: Callable[[bytes], bytes]
    ) -> tuple[bytes, bool]:
        """The header of a request that brings it, and whether the token is still as it was signed."""
        parts = {"header": dict(header), "claims": dict(claims)}
        for part, member, value in self.signed:
            if value is ...:
                parts[part].pop(member, None)
            else:
                parts[part][member] = value
        made = [_encode(parts["header"]), _encode(parts["claims"])]
        made.append(_encode(sign(b".".join(made))))
        whole = b".".join(made)
        for at, name in self.twists:
            made[at] = TEXTS[name](made[at])
        sent = b".".join(made[at] for at in self.order)
        return self.scheme + sent, sent == whole


_ORDERS = (
    *[(0, 1, 2)] * 9,
    (0, 1),
    (1, 0, 2),
    (0, 2, 1),
    (2, 1, 0),
    (0,) * 3,
    (0, 1, 2, 2),
    (0, 1, 2, 1, 2),
    (1,),
    (),
)
_SCHEMES = (
    *[b"Bearer "] * 9,
    *(b"bearer ", b"Bearer  ", b"Bearer\t", b"Bearer", b"", b"Basic ", b"DPoP ", b"Bearer Bearer ", b"\xff"),
)


def tokens() -> st.SearchStrategy[Token]:
    """A good token with a few things wrong."""
    change = st.tuples(
        st.sampled_from(["header", "claims"]), st.sampled_from(_NAMES), st.sampled_from([..., *_ODD])
    )
    twist = st.tuples(st.integers(0, 2), st.sampled_from(sorted(TEXTS)))
    return st.builds(
        Token,
        st.lists(change, max_size=2).map(tuple),
        st.lists(twist, max_size=2).map(tuple),
        st.sampled_from(_ORDERS),
        st.sampled_from(_SCHEMES),
    )

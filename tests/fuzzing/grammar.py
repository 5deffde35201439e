"""How a good request becomes a bad one: by a few faults, each of which is a word that says what it does.

Nothing here holds a value of a running server: requests name what they hold (`basic.code`), and the stage puts it in,
so that a failing example prints as what it is, and means the same in the next run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote_from_bytes, unquote_to_bytes

from hypothesis import strategies as st

from .stage import Sent

LONGEST_TARGET, LONGEST_HEAD = 8192, 16 * 1024 - 512
"""What uvicorn's protocol lets through to the application."""


def _middle(text: bytes) -> Callable[[bytes], bytes]:
    return lambda value: value[: len(value) // 2] + text + value[len(value) // 2 :]


def _full_width(value: bytes) -> bytes:
    text = "".join(
        chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in value.decode("latin-1")
    )
    return quote_from_bytes(text.encode()).encode()


# What can happen to a value that is already encoded for a form or a query.
TWISTS: dict[str, Callable[[bytes], bytes]] = {
    "half": lambda value: value[: len(value) // 2],
    "one less": lambda value: value[:-1],
    "one more": lambda value: value + b"A",
    "twice": lambda value: value + value,
    "twice, a space between": lambda value: value + b"+" + value,
    "other case": bytes.swapcase,
    "backwards": lambda value: value[::-1],
    "empty": lambda value: value[:0],
    "encoded again": lambda value: quote_from_bytes(value, safe="").encode(),
    "every byte encoded": lambda value: b"".join(b"%%%02x" % each for each in unquote_to_bytes(value)),
    "long": lambda value: value + b"x" * 3000,
    "full-width": _full_width,
    "NUL": _middle(b"%00"),
    "raw NUL": _middle(b"\0"),
    "surrogate": _middle(b"%ED%A0%80"),
    "no UTF-8": _middle(b"%FF%FE"),
    "raw high bytes": _middle(b"\xff\xc3"),
    "newline": _middle(b"%0D%0ASet-Cookie:%20x=y%0D%0A"),
    "percent": _middle(b"%"),
    "bad percent": _middle(b"%zz%u0041"),
    "plus": _middle(b"+"),
    "tab": _middle(b"%09"),
    "escape": _middle(b"%1b[2J%7f"),
    "quotes": _middle(b"%22%5C%27%60"),
    "markup": _middle(b"%3C/script%3E%3Cimg+src=x+onerror=alert(1)%3E%7B%7B7*7%7D%7D"),
    "statement": _middle(b"%27%3B+DROP+TABLE+people--"),
    "right to left": _middle(b"%E2%80%AE"),
    "line separator": _middle(b"%E2%80%A8"),
    "no character": _middle(b"%EF%BF%BF%F4%8F%BF%BF"),
    "combining": _middle(b"%CC%81" * 50),
    "foreign digits": _middle(b"%D9%A3"),
    "slashes": _middle(b"%2F..%2F..%5C"),
    "semicolon": _middle(b";"),
    "equals": _middle(b"=="),
    "fragment": lambda value: value + b"%23fragment",
    "userinfo": lambda value: value.replace(b"%3A%2F%2F", b"%3A%2F%2Fevil.test%40", 1),
    "sub-host": lambda value: value.replace(b".test", b".test.evil.test", 1),
    "more path": lambda value: value + b"%2F..%2Fevil",
    "brackets": lambda value: b"[" + value + b"]",
    "ampersand": _middle(b"%26scope=evil"),
}


@dataclass(frozen=True)
class Value:
    """What a field holds: something by its name in the stage's stock, or `=text` as it stands; then the twist."""

    of: str
    twist: str = ""

    def __repr__(self) -> str:
        return f"{self.of!r} {self.twist}" if self.twist else repr(self.of)


@dataclass(frozen=True)
class Request:
    """A request by the names of its parts. `place` says where the pairs go; `auth` is an app of the stage."""

    method: str
    path: str
    pairs: tuple[tuple[str, Value], ...] = ()
    place: str = "body"
    auth: Value | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    person: str = ""
    raw: bytes | None = None
    tail: bytes = b""


def request(
    method: str, path: str, place: str = "body", *, auth: str = "", person: str = "", **pairs: str
) -> Request:
    """A good request; a trailing underscore in a name makes room for a second field of that name."""
    return Request(
        method,
        path,
        tuple((name.rstrip("_"), Value(of)) for name, of in pairs.items()),
        place,
        Value(auth) if auth else None,
        person=person,
    )


_TAILS = ("%00", "%ff", "/", "%2f..%2f", ";x=y", "%0d%0a", "%ED%A0%80", "//", "%")
_METHODS = ("GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "PROPFIND")

Fault = Callable[[Request], Request]


@dataclass(frozen=True)
class Named:
    """A fault, and the words that print for it."""

    words: str
    fault: Fault

    def __repr__(self) -> str:
        return self.words


@dataclass(frozen=True)
class Words:
    """What faults are made of on one stage: names of values, of fields, and odd values of headers."""

    values: Sequence[str]
    fields: Sequence[str]
    headers: Sequence[tuple[str, bytes]]
    paths: Sequence[str]


def faults(words: Words) -> st.SearchStrategy[Named]:
    """One thing that can be wrong with a request."""
    at = st.integers(0, 11)
    value = st.builds(Value, st.sampled_from(words.values), st.sampled_from(["", "", *TWISTS]))
    twist = st.builds(_twist, at, st.sampled_from(list(TWISTS)))
    elsewhere = st.one_of(
        st.builds(_tail, st.sampled_from(_TAILS)),
        st.builds(_method, st.sampled_from(_METHODS)),
        st.builds(_path, st.sampled_from(words.paths)),
        st.builds(_raw, st.binary(max_size=40)),
    )
    return st.one_of(
        twist,
        twist,
        st.builds(_swap, at, value),
        st.builds(_drop, at),
        st.builds(_repeat, at, value),
        st.builds(_add, st.sampled_from(words.fields), value),
        st.builds(_header, st.sampled_from(words.headers)),
        st.builds(_header, st.sampled_from(words.headers)),
        st.builds(_auth, value),
        elsewhere,
    )


def requests(good: Sequence[Request], words: Words) -> st.SearchStrategy[tuple[Request, list[Named]]]:
    """A good request and up to four faults."""
    one = faults(words)
    wrong = st.one_of(st.lists(one, min_size=1, max_size=1), st.lists(one, max_size=4))
    return st.tuples(st.sampled_from(good), wrong)


def spoiled(chosen: tuple[Request, list[Named]]) -> Request:
    """The request with its faults."""
    made, wrong = chosen
    for each in wrong:
        made = each.fault(made)
    return made


def _twist(at: int, twist: str) -> Named:
    return Named(f"twist {at}: {twist}", lambda one: _put(one, at, lambda value: replace(value, twist=twist)))


def _swap(at: int, value: Value) -> Named:
    return Named(f"put {value!r} at {at}", lambda one: _put(one, at, lambda _: value))


def _put(one: Request, at: int, change: Callable[[Value], Value]) -> Request:
    if not one.pairs:
        return one
    at %= len(one.pairs)
    name, value = one.pairs[at]
    return replace(one, pairs=(*one.pairs[:at], (name, change(value)), *one.pairs[at + 1 :]))


def _drop(at: int) -> Named:
    def fault(one: Request) -> Request:
        kept = at % (len(one.pairs) or 1)
        return replace(one, pairs=(*one.pairs[:kept], *one.pairs[kept + 1 :]))

    return Named(f"drop {at}", fault)


def _repeat(at: int, value: Value) -> Named:
    def fault(one: Request) -> Request:
        if not one.pairs:
            return one
        return replace(one, pairs=(*one.pairs, (one.pairs[at % len(one.pairs)][0], value)))

    return Named(f"repeat {at} with {value!r}", fault)


def _add(name: str, value: Value) -> Named:
    return Named(f"add {name}={value!r}", lambda one: replace(one, pairs=(*one.pairs, (name, value))))


def _header(header: tuple[str, bytes]) -> Named:
    return Named(f"header {header!r}", lambda one: replace(one, headers=(*one.headers, header)))


def _auth(value: Value) -> Named:
    return Named(f"authenticate as {value!r}", lambda one: replace(one, auth=value))


def _tail(tail: str) -> Named:
    return Named(f"path and {tail}", lambda one: replace(one, tail=tail.encode()))


def _method(method: str) -> Named:
    return Named(method, lambda one: replace(one, method=method))


def _path(path: str) -> Named:
    return Named(f"to {path}", lambda one: replace(one, path=path))


def _raw(raw: bytes) -> Named:
    return Named(f"body {raw!r}", lambda one: replace(one, raw=raw))


async def wire(
    one: Request,
    stock: Callable[[str], Awaitable[str]],
    headers: Sequence[tuple[str, bytes]],
    address: str,
    content_type: bytes = b"application/x-www-form-urlencoded",
) -> Sent:
    """The bytes of a request: every name looked up in `stock`, every value encoded, then twisted."""
    parts = [name.encode() + b"=" + await encoded(value, stock) for name, value in one.pairs]
    text = b"&".join(parts)
    target = quote_from_bytes(one.path.encode(), safe="/").encode() + one.tail
    if one.place == "query":
        # A target holds neither spaces nor control bytes nor more than a protocol takes.
        visible = bytes(each for each in text if 0x20 < each < 0x7F)
        target, text = (target + b"?" + visible)[:LONGEST_TARGET], b""
    body = text if one.raw is None else one.raw
    given = {name for name, _ in one.headers}
    usual = [(name, value) for name, value in headers if name not in given]
    if body and "content-type" not in given:
        usual.append(("content-type", content_type))
    all_headers = [(name.encode(), value) for name, value in (*usual, *one.headers)]
    return Sent(one.method, target, tuple(all_headers), body, address)


async def encoded(value: Value, stock: Callable[[str], Awaitable[str]]) -> bytes:
    """A value as it goes into a form."""
    text = value.of[1:] if value.of.startswith("=") else await stock(value.of)
    plain = quote_from_bytes(text.encode(), safe="").encode()
    return TWISTS[value.twist](plain) if value.twist else plain


def described(chosen: Any) -> str:
    """A chosen request in words, for what a failed test prints."""
    made, wrong = chosen
    return f"{made.method} {made.path} with {', '.join(map(repr, wrong)) or 'nothing wrong'}"

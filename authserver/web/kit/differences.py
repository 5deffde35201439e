"""What differs between two addresses that were meant to be the same: the failure every OAuth developer meets.

Pure functions over text. The sentence names the first difference that explains the rest.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from ... import i18n


@dataclass(frozen=True)
class Piece:
    """A stretch of an address, `differs` when the other address has something else there."""

    text: str
    differs: bool


@dataclass(frozen=True)
class Comparison:
    """Two addresses side by side; the pieces of each join to exactly that address. `reason` is an English message."""

    sent: tuple[Piece, ...]
    registered: tuple[Piece, ...]
    reason: str


def nearest(sent: str, registered: tuple[str, ...]) -> str | None:
    """The registered address that `sent` was most likely meant to be."""
    return max(registered, key=lambda known: _likeness(sent, known), default=None)


def _likeness(one: str, other: str) -> tuple[float, float]:
    same_text = difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()
    same_host = float(_split(one).netloc.lower() == _split(other).netloc.lower())
    return (same_text + same_host, same_text)


def compare(sent: str, registered: str) -> Comparison:
    """The two addresses cut into equal and differing pieces, and the difference in words."""
    matcher = difflib.SequenceMatcher(None, sent, registered, autojunk=False)
    ours, theirs = [], []
    for kind, left, left_end, right, right_end in matcher.get_opcodes():
        ours.append(Piece(sent[left:left_end], kind != "equal"))
        theirs.append(Piece(registered[right:right_end], kind != "equal"))
    return Comparison(_kept(ours), _kept(theirs), reason(sent, registered))


def _kept(pieces: list[Piece]) -> tuple[Piece, ...]:
    return tuple(piece for piece in pieces if piece.text)


def reason(sent: str, registered: str) -> str:
    """One English sentence, a message of the catalogues, on what differs."""
    if sent == registered:
        return i18n.mark("Both addresses are the same.")
    if sent.strip() == registered.strip():
        return i18n.mark("One of them begins or ends with a space or a line break.")
    if sent == registered + "/":
        return i18n.mark("The address sent ends with a slash, the registered one does not.")
    if sent + "/" == registered:
        return i18n.mark("The registered address ends with a slash, the one sent does not.")
    if sent.lower() == registered.lower():
        return i18n.mark("They differ only in capital and small letters, which count.")
    one, other = _split(sent), _split(registered)
    if one.scheme.lower() != other.scheme.lower():
        return _scheme_reason(one, other)
    if one.netloc != other.netloc:
        return _host_reason(one, other)
    if one.path != other.path:
        return _path_reason(one.path, other.path)
    if one.query != other.query:
        return i18n.mark(
            "The part after the question mark differs; it belongs to the address and has to match too."
        )
    if one.fragment != other.fragment:
        return i18n.mark("One of them has a part after “#”, which a return address may not have.")
    return i18n.mark("They are written differently, and addresses are compared character by character.")


def _scheme_reason(one: SplitResult, other: SplitResult) -> str:
    if (one.scheme.lower(), other.scheme.lower()) == ("http", "https"):
        return i18n.mark("The address sent begins with http, the registered one with https.")
    if (one.scheme.lower(), other.scheme.lower()) == ("https", "http"):
        return i18n.mark("The address sent begins with https, the registered one with http.")
    return i18n.mark("They begin with different schemes.")


def _host_reason(one: SplitResult, other: SplitResult) -> str:
    here, there = (one.hostname or "").lower(), (other.hostname or "").lower()
    if here == there:
        if one.netloc.rpartition("@")[0] != other.netloc.rpartition("@")[0]:
            return i18n.mark("One of them has a user name before the host.")
        if one.netloc.rpartition("@")[2].lower() == other.netloc.rpartition("@")[2].lower():
            return i18n.mark("The host is written with other capital letters.")
        return i18n.mark("The port differs.")
    loopback = {"localhost", "127.0.0.1", "::1"}
    if {here, there} <= loopback:
        return i18n.mark("localhost and 127.0.0.1 are the same computer, but not the same address.")
    if here in loopback:
        return i18n.mark("The address sent is one of a developer’s own computer; the registered one is not.")
    if here.removeprefix("www.") == there.removeprefix("www."):
        return i18n.mark("One of them has “www.” before the host.")
    return i18n.mark("The host differs.")


def _path_reason(one: str, other: str) -> str:
    if one.rstrip("/") == other.rstrip("/"):
        return i18n.mark("One path ends with a slash, the other does not.")
    if one.lower() == other.lower():
        return i18n.mark("The path is written with other capital letters.")
    if one in ("", "/"):
        return i18n.mark("The address sent has no path after the host.")
    return i18n.mark("The path after the host differs.")


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.hostname
        return parts
    except ValueError:  # such as an unclosed bracket: then all of it is a path
        return SplitResult("", "", text, "", "")

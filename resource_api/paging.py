"""Pages of a list: what a caller may ask, how a cursor is written, what an answer looks like.

A cursor is where the last page ended, and a check over it, its list and its reader. It grants nothing: every list is
filtered by who asks, whatever it says. So the check needs no secret; it tells a mistake (a cursor that was cut, edited,
taken to another list or from another caller) from a page, which would otherwise begin somewhere without a word.
"""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar

import pydantic
from pydantic import Field

from . import inputs
from .problems import Problem

Item = TypeVar("Item")
_NUMBER_BYTES = 8
_CHECK_BYTES = 8


class Window(inputs.Query):
    """How much of a list, and from where."""

    limit: Annotated[inputs.Number, Field(ge=1, le=100, description="How many at most.")] = 20
    cursor: Annotated[
        str | None,
        Field(max_length=100, description="`next_cursor` of the previous page; absent: from the start."),
    ] = None


class Page(pydantic.BaseModel, Generic[Item]):
    """A part of a list. `next_cursor` is null on the last page."""

    items: list[Item]
    next_cursor: str | None


def cut(rows: Sequence[Item], limit: int) -> tuple[Sequence[Item], Item | None]:
    """The rows of this page and, when one more was read than fits, the last of them: the next page's cursor."""
    return (rows[:limit], rows[limit - 1]) if len(rows) > limit else (rows, None)


def write_id(object_id: str, *place: str) -> str:
    """A cursor after an object; `place` is whose list it is and which."""
    return _write(bytes.fromhex(object_id.replace("-", "")), place)


def read_id(cursor: str | None, *place: str) -> str | None:
    """The object id in a cursor, None without one. Raises `Problem` 400 for anything not written for this place."""
    if cursor is None:
        return None
    digits = _read(cursor, 16, place).hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def write_number(number: int, *place: str) -> str:
    """A cursor after a position or a numbered entry (0 to 2⁶³ - 1); `place` is whose list it is and which."""
    return _write(number.to_bytes(_NUMBER_BYTES, "big"), place)


def read_number(cursor: str | None, *place: str) -> int | None:
    """The number in a cursor, None without one. Raises `Problem` 400 for anything not written for this place."""
    if cursor is None:
        return None
    number = int.from_bytes(_read(cursor, _NUMBER_BYTES, place), "big")
    if number >= 2**63:
        raise _junk()
    return number


def _write(raw: bytes, place: tuple[str, ...]) -> str:
    check = hashlib.blake2b(raw + "\n".join(place).encode(), digest_size=_CHECK_BYTES).digest()
    return base64.urlsafe_b64encode(raw + check).rstrip(b"=").decode()


def _read(cursor: str, length: int, place: tuple[str, ...]) -> bytes:
    try:
        raw = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _junk() from None
    if len(raw) != length + _CHECK_BYTES or _write(raw[:length], place) != cursor:
        raise _junk()
    return raw[:length]


def _junk() -> Problem:
    return Problem("invalid_cursor", "Send next_cursor of the previous page exactly as it came.")

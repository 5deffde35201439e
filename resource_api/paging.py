"""Pages of a list: what a caller may ask, how a cursor is written, what an answer looks like.

A cursor is where the last page ended. It grants nothing: every list is filtered by who asks, whatever it says.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Generic, TypeVar

import pydantic
from pydantic import Field

from . import ids, inputs
from .problems import Problem

Item = TypeVar("Item")
_NUMBER_BYTES = 8


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


def write_id(object_id: str) -> str:
    """A cursor after an object."""
    return _write(bytes.fromhex(object_id.replace("-", "")))


def read_id(cursor: str | None) -> str | None:
    """The object id in a cursor, None without one. Raises `Problem` 400 for anything we have not written."""
    if cursor is None:
        return None
    digits = _read(cursor, 16).hex()
    object_id = "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
    if not ids.canonical(object_id):
        raise _junk()
    return object_id


def write_number(number: int) -> str:
    """A cursor after a position or a numbered entry (0 to 2⁶³ - 1)."""
    return _write(number.to_bytes(_NUMBER_BYTES, "big"))


def read_number(cursor: str | None) -> int | None:
    """The number in a cursor, None without one. Raises `Problem` 400 for anything we have not written."""
    if cursor is None:
        return None
    number = int.from_bytes(_read(cursor, _NUMBER_BYTES), "big")
    if number >= 2**63:
        raise _junk()
    return number


def _write(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _read(cursor: str, length: int) -> bytes:
    try:
        raw = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _junk() from None
    if len(raw) != length or _write(raw) != cursor:
        raise _junk()
    return raw


def _junk() -> Problem:
    return Problem("invalid_cursor", "Send next_cursor of the previous page exactly as it came.")

"""Ids of objects: UUIDv7 as text, in the one canonical form. Subjects of tokens are not made here."""

import re

import uuid_utils

_CANONICAL = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def new() -> str:
    """A fresh id; later ones sort after earlier ones."""
    return str(uuid_utils.uuid7())


def canonical(text: str) -> bool:
    """True when `text` could be one of our ids: lower case, hyphens, nothing around it."""
    return _CANONICAL.fullmatch(text) is not None

"""APIs that tokens are issued for, and the scopes each of them owns. A scope belongs to one API.

Who may ask for which scope is decided in `oauth`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.orm import Session

from . import audit, cache, credentials, database

# They belong to no API and go with any (OpenID Connect Core §5.4, §11).
RESERVED = frozenset({"openid", "profile", "email", "address", "phone", "offline_access"})
# Scope tokens are longer and wilder in RFC 6749 §3.3; these fit on a page and into a shell.
_SCOPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._/-]{0,99}")
_NAME_LENGTH, _SENTENCE_LENGTH, _IDENTIFIER_LENGTH = 100, 200, 500
_SECONDS = (60, 3600)

table = sa.Table(
    "apis",
    database.metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("identifier", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("access_token_seconds", sa.Integer),
    sa.Column("created_at", sa.Double, nullable=False),
)
scopes = sa.Table(
    "scopes",
    database.metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("api_id", sa.Text, sa.ForeignKey("apis.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("sentence_en", sa.Text, nullable=False),
    sa.Column("sentence_fr", sa.Text, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
)


class ApiError(ValueError):
    """An API or scope can't be made like this; the message says what to do."""


class TakenError(ApiError):
    """There is an API or a scope of this name already."""


class UnknownApiError(LookupError):
    """There is no such API."""


@dataclass(frozen=True)
class Scope:
    """One thing an app may be allowed to do; the sentences finish "This app may …" on the consent page."""

    name: str
    sentence_en: str
    sentence_fr: str


@dataclass(frozen=True)
class Api:
    """One resource server, known by its identifier: the `aud` of tokens for it."""

    id: str
    identifier: str
    name: str
    access_token_seconds: int | None = None
    scopes: tuple[Scope, ...] = ()


@dataclass(frozen=True)
class Catalogue:
    """All APIs at one moment."""

    apis: tuple[Api, ...]

    def find(self, identifier: str) -> Api | None:
        """The API with this very identifier."""
        return self._by_identifier.get(identifier)

    def api_of(self, scope: str) -> Api | None:
        """The API that owns the scope."""
        return self._by_scope.get(scope)

    @cached_property
    def _by_identifier(self) -> dict[str, Api]:
        return {api.identifier: api for api in self.apis}

    @cached_property
    def _by_scope(self) -> dict[str, Api]:
        return {scope.name: api for api in self.apis for scope in api.scopes}


def create(
    session: Session, identifier: str, name: str, now: float, *, access_token_seconds: int | None = None
) -> Api:
    """Register an API. Raises ApiError."""
    _check_identifier(identifier)
    name = _line(name, "name", _NAME_LENGTH)
    if access_token_seconds is not None and not _SECONDS[0] <= access_token_seconds <= _SECONDS[1]:
        raise ApiError(f"Access tokens live {_SECONDS[0]} to {_SECONDS[1]} seconds.")
    api = Api(credentials.new_id(), identifier, name, access_token_seconds)
    values = {
        "id": api.id,
        "identifier": identifier,
        "name": name,
        "access_token_seconds": access_token_seconds,
        "created_at": now,
    }
    _insert(session, table, values, f"There is an API {identifier} already. `authserver api list` shows all.")
    audit.record(session, "api_created", now=now, api=identifier)
    cache.changed(session, "apis", "all")
    return api


def rename(session: Session, identifier: str, new: str, *, now: float) -> None:
    """Give the API another identifier; its scopes stay. Tokens for the old one end with their time, and a client
    that introspects it by the old one must be told. Raises ApiError, UnknownApiError."""
    _check_identifier(new)
    if session.execute(sa.select(table.c.id).where(table.c.identifier == new)).first() is not None:
        raise TakenError(f"There is an API {new} already. `authserver api list` shows all.")
    renamed = session.execute(
        sa.update(table).where(table.c.identifier == identifier).values(identifier=new).returning(table.c.id)
    ).first()
    if renamed is None:
        raise UnknownApiError(f"There is no API {identifier[:200]!r}. `authserver api list` shows all.")
    audit.record(session, "api_renamed", now=now, api=new, formerly=identifier)
    cache.changed(session, "apis", "all")


def add_scope(
    session: Session, identifier: str, name: str, sentence_en: str, sentence_fr: str, now: float
) -> Scope:
    """Give the API a scope. Raises ApiError, UnknownApiError."""
    if not _SCOPE.fullmatch(name):
        raise ApiError(
            "A scope is 1 to 100 letters, digits and : . _ / - and begins with a letter or digit: photos:read."
        )
    if name in RESERVED:
        raise ApiError(f"{name} is a scope of OpenID Connect and belongs to no API.")
    query = sa.select(table.c.id).where(table.c.identifier == identifier)
    api_id = session.execute(query).scalar_one_or_none()
    if api_id is None:
        raise UnknownApiError(f"There is no API {identifier[:200]!r}. `authserver api list` shows all.")
    scope = Scope(
        name,
        _line(sentence_en, "English sentence", _SENTENCE_LENGTH),
        _line(sentence_fr, "French sentence", _SENTENCE_LENGTH),
    )
    values = {
        "name": name,
        "api_id": api_id,
        "sentence_en": scope.sentence_en,
        "sentence_fr": scope.sentence_fr,
        "created_at": now,
    }
    _insert(session, scopes, values, f"There is a scope {name} already. `authserver scope list` shows all.")
    audit.record(session, "scope_added", now=now, api=identifier, scope=name)
    cache.changed(session, "apis", "all")
    return scope


def list_apis(session: Session) -> list[Api]:
    """All APIs with their scopes, in the order they were made."""
    owned: dict[str, list[Scope]] = {}
    for row in session.execute(sa.select(scopes).order_by(scopes.c.created_at, scopes.c.name)):
        owned.setdefault(row.api_id, []).append(Scope(row.name, row.sentence_en, row.sentence_fr))
    return [
        Api(row.id, row.identifier, row.name, row.access_token_seconds, tuple(owned.get(row.id, ())))
        for row in session.execute(sa.select(table).order_by(table.c.created_at, table.c.id))
    ]


def catalogue(session: Session) -> Catalogue:
    """All APIs as the database has them now; requests find it in the cache under ("apis", "all")."""
    return Catalogue(tuple(list_apis(session)))


def _insert(session: Session, into: sa.Table, values: dict[str, Any], taken: str) -> None:
    try:
        with session.begin_nested():
            session.execute(sa.insert(into).values(values))
    except exc.IntegrityError:
        raise TakenError(taken) from None


def _check_identifier(identifier: str) -> None:
    """Absolute, without fragment (RFC 8707 §2), in characters that every header and claim can hold."""
    try:
        parts = urlsplit(identifier)
    except ValueError:
        parts = urlsplit("")
    sane = re.fullmatch(r"[!-~]+", identifier) is not None and len(identifier) <= _IDENTIFIER_LENGTH
    if not sane or not parts.scheme or not (parts.netloc or parts.path) or "#" in identifier:
        raise ApiError(
            "An API's identifier is an absolute URI without fragment, such as https://api.example.org; "
            f"at most {_IDENTIFIER_LENGTH} characters."
        )


def _line(text: str, what: str, limit: int) -> str:
    text = " ".join(text.split())
    if not text or len(text) > limit or not text.isprintable():
        raise ApiError(f"The {what} is one line of 1 to {limit} characters.")
    return text

"""Clients: the apps that may ask for tokens, and the rules they must meet to be registered.

Their secrets are in `client_secrets`. A `Client` is immutable and kept in the in-process cache, so that a
request finds it without touching the database.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from authlib.oauth2.rfc6749 import ClientMixin
from sqlalchemy.orm import Session

from .. import apis, audit, cache, credentials, database
from . import client_secrets, deny_list, redirect_uris

AUTH_METHODS = ("client_secret_basic", "client_secret_post", "none")
GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials", "password")
ACCESS_TOKEN_SECONDS = (60, 3600)
REFRESH_GRACE_SECONDS = (0, 120)

table = sa.Table(
    "clients",
    database.metadata,
    sa.Column("client_id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("homepage", sa.Text),
    sa.Column("auth_method", sa.Text, nullable=False),
    sa.Column("redirect_uris", sa.JSON, nullable=False),
    sa.Column("grant_types", sa.JSON, nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("origins", sa.JSON, nullable=False),
    # Identifiers of the APIs whose tokens this client may introspect (RFC 7662 §2.1).
    sa.Column("introspects", sa.JSON, nullable=False),
    sa.Column("first_party", sa.Boolean, nullable=False),
    sa.Column("require_pkce", sa.Boolean, nullable=False),
    sa.Column("access_token_seconds", sa.Integer),
    sa.Column("refresh_grace_seconds", sa.Integer),
    sa.Column("created_at", sa.Double, nullable=False),
    # When what a person agreed to last changed: the name or the redirect URIs.
    sa.Column("changed_at", sa.Double, nullable=False),
    sa.Column("disabled_at", sa.Double),
)


class ClientError(ValueError):
    """A client can't be registered or changed like this; the message says what to do."""


class UnknownClientError(LookupError):
    """No client has this id."""


@dataclass(frozen=True)
class Client(ClientMixin):
    """One registered client, as Authlib wants to question it."""

    client_id: str
    name: str
    homepage: str | None
    auth_method: str
    redirect_uris: tuple[str, ...]
    grant_types: tuple[str, ...]
    scopes: tuple[str, ...]
    origins: tuple[str, ...]
    introspects: tuple[str, ...]
    first_party: bool
    require_pkce: bool
    access_token_seconds: int | None
    refresh_grace_seconds: int | None
    created_at: float
    changed_at: float
    disabled_at: float | None
    secrets: tuple[client_secrets.ClientSecret, ...] = ()

    @property
    def confidential(self) -> bool:
        return self.auth_method != "none"

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """None: a request always says where its answer goes."""

    def get_allowed_scope(self, scope: str | None) -> str:
        """What was asked: `targets.resolve` judges scopes, it alone knows APIs and resources."""
        return scope or ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uris.match(self.redirect_uris, redirect_uri) is not None

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == self.auth_method

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and "authorization_code" in self.grant_types

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.grant_types


@dataclass(frozen=True)
class Created:
    """A new client and its secret's text, shown this once; None for a public client."""

    client: Client
    secret: str | None


def create(
    session: Session,
    *,
    name: str,
    now: float,
    redirect_uris: Iterable[str] = (),
    grant_types: Iterable[str] = ("authorization_code", "refresh_token"),
    auth_method: str = "client_secret_basic",
    scopes: Iterable[str] = (),
    homepage: str | None = None,
    origins: Iterable[str] = (),
    introspects: Iterable[str] = (),
    first_party: bool = False,
    require_pkce: bool = True,
    access_token_seconds: int | None = None,
    refresh_grace_seconds: int | None = None,
) -> Created:
    """Register a client and make its first secret. Raises ClientError, RedirectUriError."""
    client = _checked(
        session,
        Client(
            client_id=f"app_{credentials.base62(secrets.token_bytes(16))}",
            name=name,
            homepage=homepage,
            auth_method=auth_method,
            redirect_uris=tuple(redirect_uris),
            grant_types=tuple(grant_types),
            scopes=tuple(scopes),
            origins=tuple(origins),
            introspects=tuple(introspects),
            first_party=first_party,
            require_pkce=require_pkce,
            access_token_seconds=access_token_seconds,
            refresh_grace_seconds=refresh_grace_seconds,
            created_at=now,
            changed_at=now,
            disabled_at=None,
        ),
    )
    session.execute(sa.insert(table).values(_row(client)))
    secret = client_secrets.add(session, client.client_id, now=now) if client.confidential else None
    _tell(session, client)
    audit.record(session, "client_created", now=now, client_id=client.client_id)
    return Created(get(session, client.client_id), secret)


def find(shared: cache.Cache, session: Session, client_id: str) -> Client | None:
    """The client, disabled or not, from the cache: at most a second old."""
    return shared.get(session, "client", client_id, _load)


def _load(session: Session, client_id: str) -> Client | None:
    row = session.execute(sa.select(table).where(table.c.client_id == client_id)).mappings().one_or_none()
    return None if row is None else _client(row, client_secrets.of(session, client_id))


def get(session: Session, client_id: str) -> Client:
    """The client, disabled or not, as the database has it now. Raises UnknownClientError."""
    client = _load(session, client_id)
    if client is None:
        raise UnknownClientError(
            f"There is no client {client_id[:100]!r}. `authserver client list` shows all."
        )
    return client


def list_page(session: Session, *, after: str | None = None, limit: int = 100) -> list[Client]:
    """Clients in order of their creation, at most `limit`, beginning after the client id `after`."""
    query = sa.select(table).order_by(table.c.created_at, table.c.client_id).limit(limit)
    if after is not None:
        start = sa.select(table.c.created_at, table.c.client_id).where(table.c.client_id == after)
        query = query.where(sa.tuple_(table.c.created_at, table.c.client_id) > start.scalar_subquery())
    rows = session.execute(query).mappings().all()
    return [_client(row, client_secrets.of(session, row["client_id"])) for row in rows]


def update(session: Session, client_id: str, /, *, now: float, **changes: Any) -> Client:
    """Change what `create` takes, but not how the client authenticates. A new name or new redirect URIs make
    everyone be asked again. Raises UnknownClientError, ClientError, RedirectUriError."""
    before = get(session, client_id)
    fixed = set(changes) - set(_row(before)) | set(changes) & {"client_id", "auth_method", "created_at"}
    if fixed:
        raise ClientError(f"{min(fixed)} can't be changed. Create another client instead.")
    values: dict[str, Any] = {name: _kept(value) for name, value in changes.items()}
    after = _checked(session, replace(before, **values))
    if (after.name, after.redirect_uris) != (before.name, before.redirect_uris):
        after = replace(after, changed_at=now)
    session.execute(sa.update(table).where(table.c.client_id == client_id).values(_row(after)))
    _tell(session, before)
    _tell(session, after)
    audit.record(session, "client_changed", now=now, client_id=client_id, changed=sorted(changes))
    return after


def rotate_secret(session: Session, client_id: str, *, now: float, overlap_seconds: float = 0) -> str:
    """A new secret's text; the old one works for `overlap_seconds` more. Raises UnknownClientError, ClientError."""
    # One at a time: two at once would each leave a secret that never expires.
    session.execute(sa.select(table.c.client_id).where(table.c.client_id == client_id).with_for_update())
    client = get(session, client_id)
    if not client.confidential:
        raise ClientError("This is a public client: it has no secret to rotate.")
    secret = client_secrets.rotate(session, client_id, now=now, overlap_seconds=overlap_seconds)
    _tell(session, client)
    audit.record(session, "client_secret_rotated", now=now, client_id=client_id)
    return secret


def disable(session: Session, client_id: str, *, now: float) -> None:
    """Stop a client at once: it can't authenticate, and what it holds is refused. Raises UnknownClientError."""
    client = get(session, client_id)
    session.execute(sa.update(table).where(table.c.client_id == client_id).values(disabled_at=now))
    deny_list.deny(session, deny_list.CLIENT, client_id, now=now)
    _tell(session, client)
    audit.record(session, "client_disabled", now=now, client_id=client_id)


def enable(session: Session, client_id: str, *, now: float) -> None:
    """Let a client work again; access tokens from before stay refused, those included that a process issued which
    had not yet heard that the client was disabled. Raises UnknownClientError."""
    client = get(session, client_id)
    if client.disabled_at is None:
        return
    session.execute(sa.update(table).where(table.c.client_id == client_id).values(disabled_at=None))
    deny_list.deny(session, deny_list.CLIENT, client_id, now=now)
    _tell(session, client)
    audit.record(session, "client_enabled", now=now, client_id=client_id)


def allows_origin(session: Session, origin: str) -> bool:
    """Whether some enabled client registered this web origin."""
    rows = session.execute(sa.select(table.c.origins).where(table.c.disabled_at.is_(None))).scalars()
    return any(origin in origins for origins in rows)


def _tell(session: Session, client: Client) -> None:
    cache.changed(session, "client", client.client_id)
    for origin in client.origins:
        cache.changed(session, "origin", origin)


def _row(client: Client) -> dict[str, Any]:
    values = {column.name: getattr(client, column.name) for column in table.c}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def _client(row: Any, its_secrets: tuple[client_secrets.ClientSecret, ...]) -> Client:
    values: dict[str, Any] = {name: _kept(value) for name, value in row.items()}
    return Client(secrets=its_secrets, **values)


def _kept(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _checked(session: Session, client: Client) -> Client:
    """The client as it may be stored; raises ClientError or RedirectUriError."""
    name = unicodedata.normalize("NFC", client.name).strip()
    if not 1 <= len(name) <= 80:
        raise ClientError("A client's name has 1 to 80 characters: people read it on the consent page.")
    if any(unicodedata.category(character)[0] == "C" or character in "\u2028\u2029" for character in name):
        raise ClientError("A client's name can't hold invisible or direction-changing characters.")
    if client.homepage is not None and not _is_web_address(client.homepage):
        raise ClientError("The homepage must be an https address (http only on this machine).")
    if client.auth_method not in AUTH_METHODS:
        raise ClientError(f"The authentication method must be one of: {', '.join(AUTH_METHODS)}.")
    uris = redirect_uris.check_all(client.redirect_uris)
    for origin in client.origins:
        redirect_uris.check_origin(origin)
    _check_grants(client)
    _check_scopes(session, client)
    for what, value, (low, high) in (
        ("access_token_seconds", client.access_token_seconds, ACCESS_TOKEN_SECONDS),
        ("refresh_grace_seconds", client.refresh_grace_seconds, REFRESH_GRACE_SECONDS),
    ):
        if value is not None and not low <= value <= high:
            raise ClientError(f"{what} is between {low} and {high}, not {value}.")
    return replace(client, name=name, redirect_uris=uris)


def _check_grants(client: Client) -> None:
    grants = set(client.grant_types)
    unknown = sorted(grants - set(GRANT_TYPES))
    if unknown or not grants:
        raise ClientError(f"Grant types are one or more of: {', '.join(GRANT_TYPES)}.")
    if "authorization_code" in grants and not client.redirect_uris:
        raise ClientError("The authorization_code grant needs at least one redirect URI: where answers go.")
    if client.redirect_uris and "authorization_code" not in grants:
        raise ClientError(
            "Redirect URIs are for the authorization_code grant, which this client doesn't list."
        )
    if "client_credentials" in grants and not client.confidential:
        raise ClientError("The client_credentials grant needs a secret: a public client can't use it.")
    if "password" in grants and not client.first_party:
        raise ClientError(
            "The password grant is for first-party clients alone: other apps never see passwords."
        )
    if "refresh_token" in grants and not grants & {"authorization_code", "password"}:
        raise ClientError("Refresh tokens come with authorization_code or password; list one of them too.")
    if not client.require_pkce and not client.confidential:
        raise ClientError("A public client always needs PKCE: nothing else protects its codes.")


def _check_scopes(session: Session, client: Client) -> None:
    catalogue = apis.catalogue(session)
    for name in client.scopes:
        if name not in apis.RESERVED and catalogue.api_of(name) is None:
            raise ClientError(f"There is no scope {name[:100]!r}. `authserver scope list` shows all.")
    for identifier in client.introspects:
        if catalogue.find(identifier) is None:
            raise ClientError(f"There is no API {identifier[:100]!r}. `authserver api list` shows all.")
    if client.introspects and not client.confidential:
        raise ClientError("Introspection needs a secret: a public client can't use it.")
    for values, what in ((client.scopes, "scope"), (client.origins, "origin"), (client.introspects, "API")):
        if len(set(values)) != len(values):
            raise ClientError(f"The same {what} was given twice.")


def _is_web_address(value: str) -> bool:
    try:
        redirect_uris.check(value)
        return urlsplit(value).scheme in ("https", "http")
    except ValueError:
        return False

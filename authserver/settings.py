"""What an operator may set: read once from `AUTHSERVER_…` (or `.env`), checked, frozen.

Nothing here opens a file or a connection. `reference()` is the table printed in the documentation.
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import dotenv
import pydantic
import pydantic_settings
from pydantic import Field, SecretStr

PREFIX = "AUTHSERVER_"
MINUTE, HOUR, DAY = 60, 3600, 86400

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Written as `a, b` or as a JSON list, so the settings library must not decode it by itself.
Addresses = Annotated[tuple[str, ...], pydantic_settings.NoDecode]


class ConfigurationError(Exception):
    """The settings do not describe a server that can run. Its text is for the operator: one sentence a line."""


class Settings(pydantic_settings.BaseSettings):
    """Every field is a variable of the same name in capitals, with `AUTHSERVER_` before it."""

    model_config = pydantic_settings.SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    issuer: str = Field(
        default="",
        description="The public address of this server and the `iss` of its tokens: https, except on this "
        "machine; it may have a path. Not set: `http://localhost:` and the port.",
    )
    database_url: str = Field(
        default="sqlite:///var/authserver.db",
        description="`sqlite:///path` for one machine, `postgresql://user:password@host/name` for many nodes.",
        repr=False,
    )
    pool_size: int = Field(
        default=5,
        ge=1,
        le=100,
        description="Database connections a worker keeps; under load up to twice as many.",
    )
    valkey_url: str | None = Field(
        default=None,
        description="`redis://host:6379/0` of a Valkey that counts tries and tells nodes of changes at once. "
        "Without one the database does both.",
        repr=False,
    )
    secret_key: SecretStr | None = Field(
        default=None,
        description="Keys for what is stored encrypted: base64 of 32 random bytes each, separated by commas; "
        "the first encrypts, all decrypt. On SQLite a missing one is made beside the database.",
    )
    secret_key_file: Path | None = Field(
        default=None, description="A file with the same keys, one a line, instead of `AUTHSERVER_SECRET_KEY`."
    )
    host: str = Field(default="127.0.0.1", description="The address to listen on.")
    port: int = Field(default=8000, ge=1, le=65535, description="The port to listen on.")
    workers: int = Field(default=1, ge=1, le=64, description="Processes; one per core is right.")
    tls_cert: Path | None = Field(
        default=None, description="A PEM certificate chain, to serve https directly."
    )
    tls_key: Path | None = Field(default=None, description="The PEM private key of `AUTHSERVER_TLS_CERT`.")
    trusted_proxies: Addresses = Field(
        default=(),
        description="Addresses or networks whose `X-Forwarded-For` is believed, as `10.0.0.0/8, 192.0.2.1`.",
    )
    metrics_allow: Addresses = Field(
        default=("127.0.0.1", "::1"),
        description="Addresses or networks that may read `/metrics` and `/readyz?verbose`; others get 404.",
    )
    access_token_seconds: int = Field(
        default=300,
        ge=60,
        le=HOUR,
        description="How long an access token lives, unless its client says otherwise.",
    )
    code_seconds: int = Field(default=60, ge=10, le=600, description="How long an authorization code lives.")
    refresh_idle_seconds: int = Field(
        default=30 * DAY, ge=MINUTE, le=365 * DAY, description="A refresh token unused for so long ends."
    )
    refresh_absolute_seconds: int = Field(
        default=90 * DAY,
        ge=MINUTE,
        le=730 * DAY,
        description="So long after sign-in a refresh token ends anyhow.",
    )
    refresh_grace_seconds: int = Field(
        default=60,
        ge=0,
        le=120,
        description="For so long after its use a refresh token gets the same answer again, in case it was lost.",
    )
    session_idle_seconds: int = Field(
        default=12 * HOUR,
        ge=5 * MINUTE,
        le=90 * DAY,
        description="A browser session unused for so long ends.",
    )
    session_absolute_seconds: int = Field(
        default=30 * DAY,
        ge=5 * MINUTE,
        le=365 * DAY,
        description="So long after sign-in a session ends anyhow.",
    )
    authorization_request_seconds: int = Field(
        default=600, ge=MINUTE, le=HOUR, description="How long a person may take to sign in and consent."
    )
    authorization_requests_per_address: int = Field(
        default=3000,
        ge=1,
        description="How many authorization requests may begin to wait in "
        "`AUTHSERVER_AUTHORIZATION_REQUEST_SECONDS`, from one address while nobody is signed in, or from one "
        "signed-in person; more are answered 429.",
    )
    key_bits: Literal[2048, 3072, 4096] = Field(default=2048, description="The size of new RSA signing keys.")
    key_rotation_seconds: int = Field(
        default=90 * DAY, ge=7 * DAY, le=730 * DAY, description="How often the signing key changes by itself."
    )
    registration: Literal["open", "closed"] = Field(
        default="open", description="`closed`: accounts are made by `authserver user create` alone."
    )
    product_name: str = Field(
        default="authserver", min_length=1, max_length=60, description="What pages call this server."
    )
    default_locale: Literal["en", "fr"] = Field(
        default="en", description="The language of pages when neither app nor browser asks for one we have."
    )
    # OWASP's first Argon2id profile: m = 46 MiB, t = 1, p = 1. One lane hashes at a time, so more threads
    # inside it (RFC 9106 §4 has p = 4) would only take the cores that answer token requests.
    password_memory_kib: int = Field(
        default=46 * 1024,
        ge=8,
        le=4 * 1024 * 1024,
        description="Memory of one Argon2id password hash, in KiB.",
    )
    password_passes: int = Field(default=1, ge=1, le=100, description="Passes of Argon2id over that memory.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least serious line that is written."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="`auto` is JSON, except on a terminal."
    )

    @pydantic.model_validator(mode="before")
    @classmethod
    def _own_address(cls, values: dict[str, Any]) -> dict[str, Any]:
        if not values.get("issuer"):
            if values.get("host", "127.0.0.1") not in _LOOPBACK:
                raise ValueError(
                    f"{PREFIX}ISSUER must be set to the public address when the server listens beyond this machine"
                )
            values = {**values, "issuer": f"http://localhost:{values.get('port', 8000)}"}
        return values

    @pydantic.field_validator("issuer")
    @classmethod
    def _issuer(cls, value: str) -> str:
        _check_issuer(value)
        return value

    @pydantic.field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        if not value.startswith(("sqlite:///", "postgresql://")):
            raise ValueError("must begin with sqlite:/// or postgresql://")
        if value.startswith("sqlite:") and (value == "sqlite:///" or ":memory:" in value):
            raise ValueError(
                "must name a file: sqlite:///path for a relative one, sqlite:////path for an absolute one"
            )
        return value

    @pydantic.field_validator("valkey_url")
    @classmethod
    def _valkey(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must begin with redis://, rediss:// (TLS) or unix://")
        return value

    @pydantic.field_validator("trusted_proxies", "metrics_allow", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            return tuple(json.loads(value))
        return tuple(part for part in value.replace(",", " ").split() if part)

    @pydantic.field_validator("trusted_proxies", "metrics_allow")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for part in value:
            try:
                ipaddress.ip_network(part, strict=False)
            except ValueError:
                raise ValueError(
                    f"{part[:60]!r} is neither an IP address nor a network such as 10.0.0.0/8"
                ) from None
        return value

    @pydantic.model_validator(mode="after")
    def _go_together(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError(f"{PREFIX}TLS_CERT and {PREFIX}TLS_KEY go together: set both or neither")
        if self.secret_key is not None and self.secret_key_file is not None:
            raise ValueError(f"{PREFIX}SECRET_KEY and {PREFIX}SECRET_KEY_FILE exclude each other: set one")
        if self.refresh_idle_seconds > self.refresh_absolute_seconds:
            raise ValueError(f"{PREFIX}REFRESH_IDLE_SECONDS must not exceed {PREFIX}REFRESH_ABSOLUTE_SECONDS")
        if self.session_idle_seconds > self.session_absolute_seconds:
            raise ValueError(f"{PREFIX}SESSION_IDLE_SECONDS must not exceed {PREFIX}SESSION_ABSOLUTE_SECONDS")
        return self

    @property
    def secure(self) -> bool:
        """Whether people reach us by https."""
        return self.issuer.startswith("https://")

    @property
    def loopback(self) -> bool:
        """Whether the public address is this machine's own."""
        return urlsplit(self.issuer).hostname in _LOOPBACK

    @property
    def origin(self) -> str:
        """Scheme, host and port of the issuer, as browsers send it in `Origin`."""
        parts = urlsplit(self.issuer)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def path(self) -> str:
        """The path below which this server is published; empty for a bare origin."""
        return urlsplit(self.issuer).path

    @property
    def is_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite:")

    @property
    def sqlite_path(self) -> Path | None:
        """The database file, None on PostgreSQL."""
        return (
            Path(self.database_url.removeprefix("sqlite:///").partition("?")[0]) if self.is_sqlite else None
        )


def load(**overrides: Any) -> Settings:
    """The settings of this process; `overrides` (None: not given) win over the environment.

    Raises `ConfigurationError` naming every variable that is wrong.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    names = {*os.environ, *dotenv.dotenv_values(".env"), *(PREFIX + name.upper() for name in given)}
    unknown = [_unknown(name) for name in sorted(names) if name.startswith(PREFIX) and not _known(name)]
    if unknown:
        raise ConfigurationError("\n".join(unknown))
    try:
        return Settings(**given)
    except pydantic.ValidationError as error:
        raise ConfigurationError("\n".join(_sentence(each) for each in error.errors())) from None


def reference() -> str:
    """A Markdown table of every setting, its default and what it means."""
    lines = ["| variable | default | what it is |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        lines.append(f"| `{PREFIX}{name.upper()}` | {_shown(field.default)} | {field.description} |")
    return "\n".join(lines) + "\n"


def _shown(default: Any) -> str:
    if default in (None, (), ""):
        return "not set"
    return f"`{', '.join(default)}`" if isinstance(default, tuple) else f"`{default}`"


def _check_issuer(value: str) -> None:
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise ValueError("is not an address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an absolute https address, such as https://id.example.org")
    if parts.query or parts.fragment or "?" in value or "#" in value or parts.username or parts.password:
        raise ValueError("must have no query, fragment, user or password (RFC 8414 §2)")
    if value.endswith("/"):
        raise ValueError("must not end with a slash")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("must be https, except on this machine (localhost, 127.0.0.1, [::1])")
    if parts.netloc != parts.netloc.lower():
        raise ValueError("must have its host in lower case, as browsers send it")


def _known(variable: str) -> bool:
    return variable.removeprefix(PREFIX).lower() in Settings.model_fields


def _unknown(variable: str) -> str:
    close = difflib.get_close_matches(
        variable, [PREFIX + name.upper() for name in Settings.model_fields], n=1
    )
    return f"{variable} is not a setting." + (f" Did you mean {close[0]}?" if close else "")


def _sentence(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"][:1])
    what = error["msg"].removeprefix("Value error, ").rstrip(".")
    return f"{PREFIX}{where.upper()}: {what}." if where else f"{what}."

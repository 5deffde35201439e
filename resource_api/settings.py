"""What an operator may set: read once from `RESOURCE_API_…` (or `.env`), checked, frozen.

Nothing here opens a file or a connection. `reference()` is the table printed in the documentation.
"""

import difflib
import ipaddress
import json
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import dotenv
import pydantic
import pydantic_settings
from pydantic import Field

PREFIX = "RESOURCE_API_"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Written as `a, b` or as a JSON list, so the settings library must not decode it by itself.
Addresses = Annotated[tuple[str, ...], pydantic_settings.NoDecode]


class ConfigurationError(Exception):
    """The settings do not describe a service that can run. Its text is for the operator: one sentence a line."""


class Settings(pydantic_settings.BaseSettings):
    """Every field is a variable of the same name in capitals, with `RESOURCE_API_` before it."""

    model_config = pydantic_settings.SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    issuer: str = Field(
        default="http://localhost:8000",
        description="Whose access tokens count: the authorization server's issuer, exactly as its tokens say it.",
    )
    resource: str = Field(
        default="",
        description="This API's public address and identifier, the `aud` of every token it accepts. Not set: "
        "`http://localhost:` and the port.",
    )
    jwks_url: str | None = Field(
        default=None,
        description="Where to fetch the signing keys when that is an inner address; else they are discovered "
        "from the issuer.",
    )
    database_url: str = Field(
        default="sqlite:///var/resource-api.db",
        description="`sqlite:///path` for one machine, `postgresql://user:password@host/name` for many nodes.",
        repr=False,
    )
    files: Path = Field(
        default=Path("var/files"), description="The folder that holds the pictures themselves."
    )
    welcome_credits: int = Field(
        default=100, ge=0, le=1_000_000, description="Credits a person finds in a new balance."
    )
    storage_bytes: int = Field(
        default=1024**3, ge=1024**2, description="How many bytes of images one owner may keep (1 GiB)."
    )
    image_price: int = Field(default=5, ge=1, le=1_000_000, description="Credits one generated image costs.")
    host: str = Field(default="127.0.0.1", description="The address to listen on.")
    port: int = Field(default=8001, ge=1, le=65535, description="The port to listen on.")
    workers: int = Field(default=1, ge=1, le=64, description="Processes; one per core is right.")
    tls_cert: Path | None = Field(
        default=None, description="A PEM certificate chain, to serve https directly."
    )
    tls_key: Path | None = Field(default=None, description="The PEM private key of `RESOURCE_API_TLS_CERT`.")
    trusted_proxies: Addresses = Field(
        default=(),
        description="Addresses or networks whose `X-Forwarded-For` is believed, as `10.0.0.0/8, 192.0.2.1`.",
    )
    metrics_allow: Addresses = Field(
        default=("127.0.0.1", "::1"),
        description="Addresses or networks that may read `/metrics` and `/readyz?verbose`; others get 404.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least serious line that is written."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="`auto` is JSON, except on a terminal."
    )

    @pydantic.model_validator(mode="before")
    @classmethod
    def _own_address(cls, values: dict[str, Any]) -> dict[str, Any]:
        if values.get("resource"):
            return values
        if values.get("host", "127.0.0.1") not in _LOOPBACK:
            raise ValueError(
                f"{PREFIX}RESOURCE must be set to the public address when the server listens beyond this machine"
            )
        return {**values, "resource": f"http://localhost:{values.get('port', 8001)}"}

    @pydantic.field_validator("issuer", "resource", "jwks_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None:
            _check_address(value)
        return value

    @pydantic.field_validator("issuer", "resource")
    @classmethod
    def _identifier(cls, value: str) -> str:
        if value.endswith("/"):
            raise ValueError("must not end with a slash")
        parts = urlsplit(value)
        if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise ValueError("must be https, except on this machine (localhost, 127.0.0.1, [::1])")
        return value

    @pydantic.field_validator("database_url")
    @classmethod
    def _database(cls, value: str) -> str:
        if not value.startswith(("sqlite:///", "postgresql://")):
            raise ValueError("must begin with sqlite:/// or postgresql://")
        try:
            _ = urlsplit(value).port
        except ValueError:
            raise ValueError("is not the address of a database") from None
        if value == "sqlite:///" or ":memory:" in value:
            raise ValueError(
                "must name a file: sqlite:///path for a relative one, sqlite:////path for an absolute one"
            )
        return value

    @pydantic.field_validator("trusted_proxies", "metrics_allow", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if value.lstrip().startswith("["):
            return json.loads(value)  # what is wrong with it is a ValueError too
        return tuple(value.replace(",", " ").split())

    @pydantic.field_validator("trusted_proxies", "metrics_allow")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        networks(value)
        return value

    @pydantic.model_validator(mode="after")
    def _both_halves_of_tls(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError(f"{PREFIX}TLS_CERT and {PREFIX}TLS_KEY go together: set both or neither")
        return self

    @property
    def secure(self) -> bool:
        """True when the public address is https."""
        return self.resource.startswith("https://")

    @property
    def is_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite:")

    @property
    def sqlite_path(self) -> Path | None:
        """The database file, None on PostgreSQL."""
        return (
            Path(self.database_url.removeprefix("sqlite:///").partition("?")[0]) if self.is_sqlite else None
        )

    @property
    def path(self) -> str:
        """The path below which this API is published; empty for a bare origin."""
        return urlsplit(self.resource).path

    @property
    def metadata_url(self) -> str:
        """Where our RFC 9728 document lives: the well-known part goes between host and path (§3.1)."""
        parts = urlsplit(self.resource)
        return f"{parts.scheme}://{parts.netloc}/.well-known/oauth-protected-resource{parts.path}"


def load(**overrides: Any) -> Settings:
    """The settings of this process; `overrides` win over the environment.

    Raises `ConfigurationError` naming every variable that is wrong.
    """
    given = {*os.environ, *dotenv.dotenv_values(".env"), *(PREFIX + name.upper() for name in overrides)}
    unknown = [_unknown(name) for name in sorted(given) if name.startswith(PREFIX) and not _known(name)]
    if unknown:
        raise ConfigurationError("\n".join(unknown))
    try:
        return Settings(**overrides)
    except pydantic.ValidationError as error:
        raise ConfigurationError("\n".join(_sentence(each) for each in error.errors())) from None


def reference() -> str:
    """A Markdown table of every setting, its default and what it means."""
    lines = ["| variable | default | what it is |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = field.default
        if default in (None, (), ""):
            shown = "not set"
        elif isinstance(default, tuple):
            shown = "`" + ", ".join(default) + "`"
        else:
            shown = f"`{default}`"
        lines.append(f"| `{PREFIX}{name.upper()}` | {shown} | {field.description} |")
    return "\n".join(lines) + "\n"


def shown(settings: Settings) -> dict[str, str | int | list[str] | None]:
    """Every variable with its value in plain JSON types; the passwords in addresses are masked."""
    return {PREFIX + name.upper(): _plain(getattr(settings, name)) for name in Settings.model_fields}


def networks(addresses: tuple[str, ...]) -> tuple[Network, ...]:
    """Addresses and networks, parsed. Raises `ValueError` for anything else."""
    return tuple(ipaddress.ip_network(address, strict=False) for address in addresses)


def _check_address(value: str) -> None:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an absolute http or https address")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise ValueError("must have no query, fragment, user or password")


def _plain(value: Any) -> str | int | list[str] | None:
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, int) or value is None:
        return value
    # To the last @: a password may hold one, and even a slash, when nobody encoded it.
    return re.sub(r"(?<=://)([^/@:]*):.*@", r"\1:********@", str(value))


def _known(variable: str) -> bool:
    return variable.removeprefix(PREFIX).lower() in Settings.model_fields


def _unknown(variable: str) -> str:
    names = [PREFIX + name.upper() for name in Settings.model_fields]
    close = difflib.get_close_matches(variable, names, n=1)
    return f"{variable} is not a setting." + (f" Did you mean {close[0]}?" if close else "")


def _sentence(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"][:1])
    what = error["msg"].removeprefix("Value error, ")
    return f"{PREFIX}{where.upper()}: {what}." if where else f"{what}."

"""Which API a token is for and what it may do there: `resource` and `scope` made into one audience.

A token has exactly one audience (RFC 8707, RFC 9068 §3). Pure rules; APIs and scopes come in as a catalogue.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from authlib.oauth2.rfc6749 import InvalidScopeError

from .. import apis
from . import errors

MAX_SCOPES = 100
_SCOPE_NAME = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}\Z")  # RFC 6749 §3.3


@dataclass(frozen=True)
class Target:
    """One audience, and the scopes a token carries there, in the order they were asked."""

    audience: str
    scopes: tuple[str, ...]

    @property
    def scope(self) -> str:
        return " ".join(self.scopes)


def split_scope(scope: str) -> tuple[str, ...]:
    """The names in a `scope` parameter. Raises InvalidScopeError unless RFC 6749 §3.3 is met to the letter."""
    names = tuple(scope.split(" ")) if len(scope) <= 10_000 else ()
    if not names or len(names) > MAX_SCOPES:
        raise InvalidScopeError(f"At most {MAX_SCOPES} scopes may be asked for at once.")
    if not all(_SCOPE_NAME.match(name) for name in names):
        raise InvalidScopeError(
            "Scope names are separated by exactly one space and hold no quotes or controls."
        )
    if len(set(names)) != len(names):
        raise InvalidScopeError("The scope parameter names the same scope twice.")
    return names


def resolve(
    catalogue: apis.Catalogue,
    issuer: str,
    registered: Collection[str],
    scope: str | None,
    resources: Sequence[str],
    *,
    person: bool = True,
) -> Target:
    """What a request asks for, from the client's `registered` scopes.

    `resource` chooses the API; without it the one that owns the scopes. Without `scope` the client gets all
    it registered for that API. Without a person (client credentials) the reserved scopes mean nothing.
    Raises InvalidTargetError, InvalidScopeError.
    """
    names = split_scope(scope) if scope else None
    for name in names or ():
        if name not in registered:
            raise InvalidScopeError(f"The client isn't registered for the scope {errors.plain(name)}.")
        if not person and name in apis.RESERVED:
            raise InvalidScopeError(f"{errors.plain(name)} tells about a person; this grant has none.")
    wanted = names if names is not None else registered
    owners: dict[str, str] = {}
    for name in wanted:
        if name not in apis.RESERVED:
            owner = catalogue.api_of(name)
            if owner is not None:
                owners[name] = owner.identifier
            elif names is not None:
                raise InvalidScopeError(f"The scope {errors.plain(name)} belongs to no API any more.")

    audience = _chosen(catalogue, issuer, resources)
    if audience is None:
        audiences = set(owners.values())
        if len(audiences) > 1:
            raise InvalidScopeError(
                "These scopes belong to several APIs and a token is for one. Ask for the scopes of one, or "
                "name it with the resource parameter."
            )
        audience = audiences.pop() if audiences else issuer
    if names is None:
        names = tuple(name for name in registered if owners.get(name) == audience)
        if not names and person and audience == issuer:
            names = tuple(name for name in registered if name in apis.RESERVED)
        if not names:
            raise InvalidScopeError("The client is registered for no scope of this API; name one in scope.")
    for name in names:
        if owners.get(name, audience) != audience:
            raise InvalidScopeError(
                f"The scope {errors.plain(name)} belongs to another API than the resource."
            )
    return Target(audience, names)


def narrow(
    catalogue: apis.Catalogue, issuer: str, target: Target, scope: str | None, resources: Sequence[str]
) -> Target:
    """`target` as a later request (code exchange, refresh) asks for it: never more (RFC 6749 §6, RFC 8707 §2.2)."""
    chosen = _chosen(catalogue, issuer, resources)
    if chosen is not None and chosen != target.audience:
        raise errors.InvalidTargetError("The grant is for another resource than the one asked for.")
    if not scope:
        return target
    names = split_scope(scope)
    if not set(names) <= set(target.scopes):
        raise InvalidScopeError("The scope asked for exceeds what was granted.")
    return Target(target.audience, names)


def _chosen(catalogue: apis.Catalogue, issuer: str, resources: Sequence[str]) -> str | None:
    """The audience that `resource` names, as registered; None when none was sent (RFC 8707 §2)."""
    if not resources:
        return None
    if len(set(resources)) > 1:
        raise errors.InvalidTargetError(
            "A token is for one resource; ask for each with a request of its own."
        )
    sent = resources[0]
    for spelling in (sent, *_other_slash(sent)):
        api: apis.Api | None = catalogue.find(spelling)
        if api is not None:
            return api.identifier
        if spelling == issuer:
            return issuer
    raise errors.InvalidTargetError("No API with this identifier is known here.")


def _other_slash(resource: str) -> tuple[str, ...]:
    """A bare origin with its slash taken off or put on: https://api.example and https://api.example/ are one."""
    try:
        parts = urlsplit(resource)
    except ValueError:
        return ()
    if not parts.netloc or parts.query or parts.path not in ("", "/") or "?" in resource or "#" in resource:
        return ()
    return (resource.removesuffix("/"),) if parts.path else (resource + "/",)

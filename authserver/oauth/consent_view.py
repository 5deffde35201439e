"""What a person is asked before a client gets anything, and what their answer amounts to."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from .. import apis
from . import authorization_parameters, clients, consents, redirect_uris
from .authorization_requests import AuthorizationRequest


@dataclass(frozen=True)
class ConsentScope:
    """One scope on the page. Reserved scopes have no sentences here: the page has its own for them.

    `granted`: allowed earlier and not asked again. `optional`: may be unticked.
    """

    name: str
    api: str | None
    sentence_en: str | None
    sentence_fr: str | None
    granted: bool
    optional: bool


@dataclass(frozen=True)
class ConsentView:
    """Everything the consent page says. `redirect_host` is the private scheme where there is no host."""

    request_id: str
    client_id: str
    client_name: str
    homepage: str | None
    first_party: bool
    redirect_uri: str
    redirect_host: str
    loopback: bool
    private_scheme: bool
    scopes: tuple[ConsentScope, ...]

    def decided(self, ticked: Collection[str], offered: Collection[str] = ()) -> tuple[str, ...]:
        """The scopes an answer amounts to, in the order asked; none when nothing that matters was left.

        What the page `offered` and the person left unticked is not allowed, though they may have allowed it in
        another window since.
        """
        kept = [
            scope
            for scope in self.scopes
            if scope.name in ticked or (scope.name not in offered and (scope.granted or not scope.optional))
        ]
        matter = [scope for scope in kept if scope.api is not None]
        asked_for_api = any(scope.api is not None for scope in self.scopes)
        return tuple(scope.name for scope in kept) if matter or not asked_for_api else ()


def must_ask(session: Session, client: clients.Client, asked: AuthorizationRequest, user_id: str) -> bool:
    """Whether this person has to be asked: something is new, or someone could pose as the client."""
    return _asks_anew(client, asked) or not set(asked.scopes) <= consents.granted(session, user_id, client)


def view(
    session: Session,
    catalogue: apis.Catalogue,
    client: clients.Client,
    asked: AuthorizationRequest,
    user_id: str,
) -> ConsentView:
    """The page for this request and person."""
    granted = frozenset() if _asks_anew(client, asked) else consents.granted(session, user_id, client)
    of_api = [name for name in asked.scopes if name not in apis.RESERVED]
    scopes = []
    for name in asked.scopes:
        api = catalogue.api_of(name)
        scope = next((one for one in api.scopes if one.name == name), None) if api is not None else None
        scopes.append(
            ConsentScope(
                name,
                api.name if api is not None else None,
                scope.sentence_en if scope is not None else None,
                scope.sentence_fr if scope is not None else None,
                granted=name in granted,
                # Unticking the only thing asked for is what the refuse button is for.
                optional=api is not None and len(of_api) > 1 and name not in granted,
            )
        )
    uri = asked.redirect_uri
    private = redirect_uris.is_private_scheme(uri)
    return ConsentView(
        request_id=asked.id,
        client_id=client.client_id,
        client_name=client.name,
        homepage=client.homepage,
        first_party=client.first_party,
        redirect_uri=uri,
        redirect_host=uri.partition(":")[0] if private else urlsplit(uri).netloc,
        loopback=redirect_uris.is_loopback(uri),
        private_scheme=private,
        scopes=tuple(scopes),
    )


def _asks_anew(client: clients.Client, asked: AuthorizationRequest) -> bool:
    return "consent" in asked.prompts or authorization_parameters.asks_every_time(client, asked.redirect_uri)

"""What an authorization request asks: its parameters checked, in the order that decides who hears of a mistake.

Until client and redirect URI are known to belong together, a mistake is shown to the person; after that it
is sent to the client (RFC 6749 §4.1.2.1). OpenID Connect's parameters are honoured though ID tokens come
later (Core §3.1.2.1).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error, UnsupportedResponseTypeError

from . import authorization_requests, clients, errors, messages, redirect_uris
from .authorization_server import AuthorizationServer
from .grants.authorization_code import AuthorizationCodeGrant

PROMPTS = frozenset({"none", "login", "consent", "select_account"})
RESPONSE_MODES = ("query",)
MAX_STATE = 4096
_MAX_HINT = 320
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_MAX_AGE = re.compile(r"[0-9]{1,9}\Z")


class UnsafeError(Exception):
    """The mistake may not be sent to the redirect URI. `facts` let a page explain it."""

    def __init__(self, error: str, description: str, **facts: Any) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.facts = facts


@dataclass(frozen=True)
class Addressee:
    """The client that asks and where its answer goes: they belong together, so mistakes may be sent there."""

    client: clients.Client
    redirect_uri: str
    state: str | None


@dataclass(frozen=True)
class Checked:
    """A request with nothing wrong, and the grant that will answer it."""

    addressee: Addressee
    sent: messages.ProtocolRequest
    grant: AuthorizationCodeGrant
    asked: authorization_requests.AuthorizationRequest = field(repr=False)


def addressee(
    server: AuthorizationServer, sent: messages.ProtocolRequest, items: messages.Items
) -> Addressee:
    """Client and redirect URI. Raises UnsafeError."""
    twice = messages.repeated(items)
    for name in ("client_id", "redirect_uri"):
        if name in twice:
            raise UnsafeError("invalid_request", f"The parameter {name} was sent more than once.")
    client_id, uri = sent.payload.client_id, sent.payload.redirect_uri
    if client_id is None:
        raise UnsafeError("invalid_request", "The parameter client_id is missing.")
    client = server.query_client(client_id)
    if client is None:
        raise UnsafeError("invalid_client", "No app is registered here under this client_id.")
    known = {"client_id": client.client_id, "client_name": client.name, "registered": client.redirect_uris}
    if uri is None:
        raise UnsafeError("invalid_request", "The parameter redirect_uri is missing.", **known)
    if not client.check_redirect_uri(uri):
        raise UnsafeError(
            "redirect_uri_mismatch",
            "The redirect_uri isn't one of those registered for this app.",
            sent=uri,
            **known,
        )
    if sent.state_sent is not None and len(sent.state_sent) > MAX_STATE:
        raise UnsafeError(
            "invalid_request", f"The parameter state has more than {MAX_STATE} characters.", **known
        )
    return Addressee(client, uri, None if "state" in twice else sent.state_sent)


def check(
    server: AuthorizationServer,
    sent: messages.ProtocolRequest,
    items: messages.Items,
    to: Addressee,
    *,
    session_id: str | None,
) -> Checked:
    """Everything else. Raises OAuth2Error, which may be sent to the addressee."""
    twice = messages.repeated(items)
    if twice:
        raise InvalidRequestError(f"Sent more than once: {errors.plain(min(twice))}.")
    parameters = sent.payload.data
    if to.state is not None and _CONTROL.search(to.state):
        raise InvalidRequestError("The state holds control characters.")
    _refuse_unsupported(parameters)
    prompt = _prompt(parameters)
    grant = server.get_consent_grant(sent, None)
    assert isinstance(grant, AuthorizationCodeGrant)  # the only one with an authorization endpoint
    settings = server.oauth.settings
    asked = authorization_requests.AuthorizationRequest(
        id="",
        client_id=to.client.client_id,
        redirect_uri=to.redirect_uri,
        state=to.state,
        audience=grant.target.audience,
        scope=grant.target.scope,
        code_challenge=parameters.get("code_challenge"),
        prompt=prompt,
        max_age=_max_age(parameters),
        login_hint=_hint(parameters.get("login_hint")),
        ui_locales=_hint(parameters.get("ui_locales")),
        session_id=session_id,
        created_at=server.now,
        expires_at=server.now + settings.authorization_request_seconds,
    )
    return Checked(to, sent, grant, asked)


def again(asked: authorization_requests.AuthorizationRequest, scopes: tuple[str, ...]) -> messages.Items:
    """The parameters of a request that was checked before, for the scopes it comes down to."""
    items = {
        "response_type": "code",
        "client_id": asked.client_id,
        "redirect_uri": asked.redirect_uri,
        "scope": " ".join(scopes),
        "resource": asked.audience,
    }
    if asked.code_challenge is not None:
        items |= {"code_challenge": asked.code_challenge, "code_challenge_method": "S256"}
    return [*items.items(), *([] if asked.state is None else [("state", asked.state)])]


def asks_every_time(client: clients.Client, redirect_uri: str) -> bool:
    """Whether another program could pose as this client, so that consent is never silent (RFC 8252 §8.6)."""
    registered = redirect_uris.match(client.redirect_uris, redirect_uri)
    return redirect_uris.is_private_scheme(redirect_uri) or (
        registered is not None and redirect_uris.takes_any_port(registered)
    )


def _refuse_unsupported(parameters: dict[str, str]) -> None:
    if "request" in parameters:
        raise errors.RequestNotSupportedError
    if "request_uri" in parameters:
        raise errors.RequestUriNotSupportedError
    if "registration" in parameters:
        raise errors.RegistrationNotSupportedError
    # Authlib would repeat a bad response type inside the description, whatever characters it has.
    response_type = parameters.get("response_type")
    if response_type is None:
        raise InvalidRequestError("Missing 'response_type': it must be code.")
    if response_type != "code":
        error: OAuth2Error = UnsupportedResponseTypeError("")
        error.description = "The only response_type is code."
        raise error
    if parameters.get("response_mode", "query") not in RESPONSE_MODES:
        raise InvalidRequestError("The only response_mode is query.")


def _prompt(parameters: dict[str, str]) -> str:
    prompts = parameters.get("prompt", "").split()
    if not set(prompts) <= PROMPTS:
        raise InvalidRequestError("'prompt' may hold none, login, consent, select_account.")
    if "none" in prompts and len(prompts) > 1:
        raise InvalidRequestError("'prompt' can't hold none together with something else.")
    # We have issued no ID tokens yet, so a hint names nobody we could find without asking.
    if "none" in prompts and "id_token_hint" in parameters:
        raise errors.LoginRequiredError
    return " ".join(prompts)


def _max_age(parameters: dict[str, str]) -> int | None:
    text = parameters.get("max_age")
    if text is None:
        return None
    if not _MAX_AGE.match(text):
        raise InvalidRequestError("'max_age' must be a whole number of seconds, 0 or more.")
    return int(text)


def _hint(text: str | None) -> str | None:
    """A hint only helps, so one that isn't plausible counts as not given."""
    return None if text is None or len(text) > _MAX_HINT or _CONTROL.search(text) else text

"""The protocol's front door for browsers: an authorization request from its arrival to its answer.

`begin` checks the request and answers at once when nobody needs asking; else the request becomes a row, and
sign-in and consent lead through `proceed`, `consent_view`, `allow` and `deny`. Each ends in an `Outcome`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal

from authlib.oauth2.rfc6749 import AccessDeniedError, OAuth2Error
from sqlalchemy.orm import Session

from .. import audit
from . import (
    access_tokens,
    authorization_parameters,
    authorization_requests,
    clients,
    consents,
    context,
    errors,
    messages,
    redirects,
    server,
)
from . import consent_view as consent
from .authorization_requests import AuthorizationRequest
from .authorization_server import AuthorizationServer

PATH = "/oauth/authorize"


@dataclass(frozen=True)
class SignedIn:
    """Who sits in front of the browser, and how and when they proved it. `session_id` isn't the cookie."""

    user_id: str
    auth_time: float
    amr: tuple[str, ...]
    acr: str | None
    session_id: str


@dataclass(frozen=True)
class Redirect:
    """Send the browser back to the client with a 303."""

    location: str


@dataclass(frozen=True)
class Ask:
    """Send the browser to our page `next` with a 303."""

    request_id: str
    next: Literal["login", "consent"]


@dataclass(frozen=True)
class ErrorPage:
    """Show this to the person: redirecting would not be safe. `facts` are for explaining it."""

    error: str
    description: str
    status: int = 400
    facts: dict[str, Any] = field(default_factory=dict)


Outcome = Redirect | Ask | ErrorPage


def begin(
    oauth: context.OAuth,
    session: Session,
    request: messages.Request,
    who: SignedIn | None,
    browser: str | None,
) -> Outcome:
    """Check a request that just arrived (RFC 6749 §4.1.1) and say what happens next."""
    protocol = server.make(oauth, session)
    items = request.form if request.method == "POST" else request.query
    checked = _checked(protocol, request.method, items, who)
    if not isinstance(checked, authorization_parameters.Checked):
        return checked
    asked = checked.asked
    if _must_login(asked, who, protocol.now):
        return _ask(protocol, checked, browser, "login", errors.LoginRequiredError)
    assert who is not None
    if consent.must_ask(session, checked.addressee.client, asked, who.user_id):
        return _ask(protocol, checked, browser, "consent", errors.ConsentRequiredError)
    return _finish(protocol, checked, who)


def find(oauth: context.OAuth, session: Session, request_id: str, browser: str) -> AuthorizationRequest:
    """The waiting request, bound to this browser from now on. Raises RequestGone."""
    return authorization_requests.find(session, request_id, browser, now=oauth.clock())


def proceed(
    oauth: context.OAuth, session: Session, request_id: str, browser: str, who: SignedIn | None
) -> Outcome:
    """Where a waiting request goes now that this person sits there. Raises RequestGone."""
    protocol = server.make(oauth, session)
    asked = authorization_requests.find(session, request_id, browser, now=protocol.now)
    if who is None or _must_login(asked, who, protocol.now):
        return Ask(request_id, "login")
    checked = _checked_again(protocol, asked, asked.scopes)
    if not isinstance(checked, authorization_parameters.Checked):
        return checked
    _refuse_if_changed(checked.addressee.client, asked)
    if consent.must_ask(session, checked.addressee.client, asked, who.user_id):
        return Ask(request_id, "consent")
    authorization_requests.claim(session, request_id, browser, now=protocol.now)
    return _finish(protocol, checked, who)


def consent_view(
    oauth: context.OAuth, session: Session, request_id: str, browser: str, who: SignedIn
) -> consent.ConsentView | Outcome:
    """What the consent page shows; an outcome when it needn't be shown. Raises RequestGone."""
    outcome = proceed(oauth, session, request_id, browser, who)
    if outcome != Ask(request_id, "consent"):
        return outcome
    protocol = server.make(oauth, session)
    asked = authorization_requests.find(session, request_id, browser, now=protocol.now)
    client = protocol.query_client(asked.client_id)
    assert client is not None  # `proceed` has just seen it
    return consent.view(session, protocol.catalogue(), client, asked, who.user_id)


def allow(
    oauth: context.OAuth,
    session: Session,
    request_id: str,
    browser: str,
    who: SignedIn,
    scopes: Collection[str],
    offered: Collection[str] = (),
) -> Outcome:
    """The person allows `scopes` of those asked; required and earlier allowed ones come along by themselves, except
    those that were `offered` for ticking.

    The request is over with it. None of the optional ones is a refusal. Raises RequestGone.
    """
    protocol = server.make(oauth, session)
    asked = authorization_requests.find(session, request_id, browser, now=protocol.now)
    if _must_login(asked, who, protocol.now):
        return Ask(request_id, "login")
    client = protocol.query_client(asked.client_id)
    if client is None:
        return ErrorPage("invalid_client", "No app is registered here under this client_id.")
    _refuse_if_changed(client, asked)
    if not set(scopes) <= set(asked.scopes):
        return ErrorPage("invalid_request", "Something was allowed that the app hadn't asked for.")
    shown = consent.view(session, protocol.catalogue(), client, asked, who.user_id)
    allowed = shown.decided(scopes, offered)
    if not allowed:
        return deny(oauth, session, request_id, browser, who)
    checked = _checked_again(protocol, asked, allowed)
    if not isinstance(checked, authorization_parameters.Checked):
        return checked
    authorization_requests.claim(session, request_id, browser, now=protocol.now)
    consents.grant(session, who.user_id, client.client_id, allowed, now=protocol.now)
    audit.record(
        session,
        "consent_granted",
        now=protocol.now,
        user_id=who.user_id,
        client_id=client.client_id,
        scope=" ".join(allowed),
    )
    return _finish(protocol, checked, who)


def deny(oauth: context.OAuth, session: Session, request_id: str, browser: str, who: SignedIn) -> Outcome:
    """The person refuses; the client hears `access_denied` (RFC 6749 §4.1.2.1). Raises RequestGone."""
    protocol = server.make(oauth, session)
    asked = authorization_requests.claim(session, request_id, browser, now=protocol.now)
    checked = _checked_again(protocol, asked, asked.scopes)
    if not isinstance(checked, authorization_parameters.Checked):
        return checked
    audit.record(session, "consent_denied", now=protocol.now, user_id=who.user_id, client_id=asked.client_id)
    return _refuse(protocol, checked.addressee, AccessDeniedError())


def _refuse_if_changed(client: clients.Client, asked: AuthorizationRequest) -> None:
    """Raises RequestGone when the client's name or addresses were others when this request came, and perhaps shown."""
    if client.changed_at > asked.created_at:
        raise authorization_requests.RequestGone


def _must_login(asked: AuthorizationRequest, who: SignedIn | None, now: float) -> bool:
    """Whether the person has to sign in (again) before this request goes on (OpenID Connect Core §3.1.2.3)."""
    if who is None:
        return True
    if who.auth_time >= asked.created_at and who.session_id != asked.session_id:
        return False  # They signed in for this very request.
    if asked.prompts & {"login", "select_account"}:
        return True
    return asked.max_age is not None and (asked.max_age == 0 or now - who.auth_time > asked.max_age)


def _checked(
    protocol: AuthorizationServer, method: str, items: messages.Items, who: SignedIn | None
) -> authorization_parameters.Checked | Outcome:
    request = messages.Request(method, PATH, {}, *((items, []) if method != "POST" else ([], items)), "")
    sent = messages.ProtocolRequest(request, protocol.oauth.settings.issuer)
    try:
        to = authorization_parameters.addressee(protocol, sent, items)
    except authorization_parameters.UnsafeError as unsafe:
        return ErrorPage(unsafe.error, unsafe.description, 400, unsafe.facts)
    try:
        return authorization_parameters.check(
            protocol, sent, items, to, session_id=None if who is None else who.session_id
        )
    except OAuth2Error as error:
        return _refuse(protocol, to, error)


def _checked_again(
    protocol: AuthorizationServer, asked: AuthorizationRequest, scopes: tuple[str, ...]
) -> authorization_parameters.Checked | Outcome:
    """A stored request checked anew, since its client may have changed meanwhile."""
    return _checked(protocol, "GET", authorization_parameters.again(asked, scopes), None)


def _ask(
    protocol: AuthorizationServer,
    checked: authorization_parameters.Checked,
    browser: str | None,
    page: Literal["login", "consent"],
    forbidden: type[OAuth2Error],
) -> Outcome:
    if "none" in checked.asked.prompts:
        return _refuse(protocol, checked.addressee, forbidden())
    return Ask(authorization_requests.add(protocol.session, checked.asked, browser), page)


def _finish(
    protocol: AuthorizationServer, checked: authorization_parameters.Checked, who: SignedIn
) -> Outcome:
    person = access_tokens.Grant(who.user_id, None, who.auth_time, who.amr, who.acr, who.session_id)
    answer = protocol.create_authorization_response(checked.sent, grant_user=person, grant=checked.grant)
    return Redirect(answer.headers["Location"])


def _refuse(
    protocol: AuthorizationServer, to: authorization_parameters.Addressee, error: OAuth2Error
) -> Redirect:
    parameters: dict[str, str] = {"error": error.error}
    if error.description:
        parameters["error_description"] = error.description
    parameters["error_uri"] = f"{protocol.oauth.settings.issuer}/docs/errors/{error.error}"
    return Redirect(redirects.answer(to.redirect_uri, protocol.oauth.settings.issuer, to.state, **parameters))

"""The page for an authorization request that may not be answered by a redirect: what is wrong, whose fault, what to do.

It never links or redirects to an address that isn't registered; what was sent is shown as text.
"""

from __future__ import annotations

import shlex
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from ... import i18n
from ...oauth import authorize, redirect_uris
from . import differences, language, pages

SHOWN = 500

TITLES = {
    "redirect_uri_mismatch": i18n.mark("This application sends you back to an address we don’t know"),
    "invalid_client": i18n.mark("We don’t know this application"),
    "invalid_request": i18n.mark("This application’s request is not complete"),
    "invalid_scope": i18n.mark("This application asks for something it may not ask"),
    "invalid_target": i18n.mark("This application asks for an API we don’t know"),
    "unsupported_response_type": i18n.mark("This application asks in a way we don’t support"),
    "unauthorized_client": i18n.mark("This application may not sign people in"),
}
OTHER = i18n.mark("This application’s request can’t be answered")


def page(request: Request, error: authorize.ErrorPage) -> Response:
    """The error as a page for people, with what a developer needs below; problem details never replace it."""
    facts = error.facts
    language.prefer(request, "", request.query_params.get("ui_locales"))
    registered = tuple(str(uri) for uri in facts.get("registered", ()))
    sent = str(facts["sent"])[:SHOWN] if "sent" in facts else None
    nearest = differences.nearest(sent, registered) if sent is not None else None
    if sent is not None and nearest is not None:
        nearest = redirect_uris.at_port_of(sent, nearest)
    return pages.render(
        request,
        "authorization_error.html",
        status=error.status,
        title=TITLES.get(error.error, OTHER),
        code=error.error,
        description=error.description,
        client_id=facts.get("client_id", ""),
        client_name=facts.get("client_name", ""),
        sent=sent,
        registered=registered,
        comparison=differences.compare(sent, nearest) if sent is not None and nearest is not None else None,
        command=_command(facts, sent),
    )


def _command(facts: dict[str, Any], sent: str | None) -> str:
    """What an administrator types to look at the application, or to register the address that was sent."""
    client_id = facts.get("client_id")
    if not client_id:
        return "authserver client list"
    if sent is None:
        return f"authserver client show {shlex.quote(str(client_id))}"
    return (
        f"authserver client update {shlex.quote(str(client_id))} \\\n  --add-redirect-uri {shlex.quote(sent)}"
    )

"""Renders a page with what every page needs: language, links below the issuer, form tokens, security headers."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse

from ...oauth import redirect_uris
from . import cookies, csrf, language, state

CSP = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"


def render(
    request: Request,
    template: str,
    *,
    status: int = 200,
    form_action: str | None = None,
    **context: Any,
) -> HTMLResponse:
    """The page as a response that is never cached.

    `form_action` is the redirect URI of the authorization request this page belongs to: Chromium applies `form-action`
    to the redirect after the POST, so that URI's origin (or private scheme) is allowed besides our own, nothing wider.
    """
    here = state.of(request)
    tongue = language.of(request)
    path = here.settings.path
    body = here.templates.render(
        template,
        {
            "_": tongue.gettext,
            "gettext": tongue.gettext,
            "ngettext": tongue.ngettext,
            "lang": tongue.code,
            "language": tongue,
            "languages": here.translations.codes,
            "product_name": here.settings.product_name,
            "link": lambda target: path + target,
            "asset": lambda name: path + here.assets.path(name),
            "form_token": lambda name: csrf.token(request, name),
            "now": here.clock(),
            "request_id": getattr(request.state, "request_id", ""),
            "switch": _switch(request, str(context.get("authorization_request", ""))),
            **context,
        },
    )
    response = HTMLResponse(body, status_code=status)
    response.headers["Content-Security-Policy"] = f"{CSP}; form-action {_form_action(form_action)}"
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Language"] = tongue.code
    response.headers["Vary"] = "Accept-Language, Cookie"
    cookies.set_browser(request, response)
    language.remember(request, response)
    return response


def _switch(request: Request, authorization_request: str) -> str:
    """The query of this page without its language, for the footer's links; after a POST, what GET needs to show it."""
    if request.method == "GET":
        kept = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
    else:
        kept = [("request", authorization_request)] if authorization_request else []
    return urlencode([*kept, ("lang", "")])


def _form_action(redirect_uri: str | None) -> str:
    if redirect_uri is None:
        return "'self'"
    origin = redirect_uris.origin(redirect_uri)
    if "[" in origin:  # CSP has no way to write an IPv6 host (CSP3 §2.3.1 host-part), only its scheme
        origin = origin.partition("//")[0]
    return f"'self' {origin}"

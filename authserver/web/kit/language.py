"""The language of one request: the app's `ui_locales`, the reader's own choice, the browser's, the instance's.

A choice made on a page of a running authorization request holds against that request's `ui_locales`, and only there:
the cookie says `fr`, or `fr.MARK` with a mark of the request it was made in.
"""

from __future__ import annotations

import hashlib
import re

from starlette.requests import Request
from starlette.responses import Response

from ... import i18n
from . import cookies, state

PARAMETER = "lang"


def of(request: Request) -> i18n.Language:
    """The language to answer in."""
    here = state.of(request)
    chosen, mark = _cookie(request)
    ours = chosen if mark and mark == _mark(request) else []
    return here.translations.choose(
        _asked(request),
        ours,
        getattr(request.state, "ui_locales", ()),
        chosen,
        i18n.accepted(request.headers.get("accept-language", "")),
        (here.settings.default_locale,),
    )


def prefer(request: Request, authorization_request: str, ui_locales: str | None) -> None:
    """Puts an authorization request's `ui_locales` first (OIDC Core §3.1.2.1)."""
    request.state.language_of = authorization_request
    request.state.ui_locales = tuple((ui_locales or "").split()[:10])


def remember(request: Request, response: Response) -> None:
    """Keeps the choice made by the footer's links."""
    asked = _asked(request)
    if asked and asked[0] in state.of(request).translations.codes:
        mark = _mark(request)
        cookies.set_language(request, response, f"{asked[0]}.{mark}" if mark else asked[0])


def _asked(request: Request) -> list[str]:
    value = request.query_params.get(PARAMETER, "")
    return [value] if re.fullmatch(r"[a-z]{2,3}", value) else []


def _cookie(request: Request) -> tuple[list[str], str]:
    match = re.fullmatch(r"([a-z]{2,3})(?:\.([0-9a-f]{12}))?", request.cookies.get(cookies.LANGUAGE, ""))
    return ([match[1]], match[2] or "") if match else ([], "")


def _mark(request: Request) -> str:
    identifier = getattr(request.state, "language_of", "")
    return hashlib.sha256(identifier.encode()).hexdigest()[:12] if identifier else ""

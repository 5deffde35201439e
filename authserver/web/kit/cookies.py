"""The four cookies we set: the session, the browser that authorization requests are bound to, whom that browser knows,
and the language.

Under https the first three carry the `__Host-` prefix and Secure; on an http loopback issuer they can't, and have other
names, so that one kind is never taken for the other (design: Python clients and Safari drop Secure cookies there).
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from ... import credentials
from . import state

BROWSER_SECONDS = 30 * 24 * 3600
LANGUAGE_SECONDS = 365 * 24 * 3600
LANGUAGE = "lang"
_LONGEST = 512


def session_name(request: Request) -> str:
    """The session cookie's name under this issuer."""
    return "__Host-authserver" if state.of(request).settings.secure else "authserver_local"


def browser_name(request: Request) -> str:
    """The browser cookie's name under this issuer."""
    return "__Host-authserver-browser" if state.of(request).settings.secure else "authserver_local_browser"


def known_name(request: Request) -> str:
    """The name, under this issuer, of the cookie that `known_browsers` signs."""
    return "__Host-authserver-known" if state.of(request).settings.secure else "authserver_local_known"


def session(request: Request) -> str | None:
    """The session token the browser sent, if it is one of ours by form; doubled cookies count as none."""
    return _ours(_read(request, session_name(request)), "se")


def browser(request: Request) -> str | None:
    """The browser's binding token, if it is one of ours by form."""
    return _ours(_read(request, browser_name(request)), "br")


def known(request: Request) -> str:
    """The signature that `known_browsers` left; empty when there is none."""
    return _read(request, known_name(request)) or ""


def _ours(value: str | None, prefix: str) -> str | None:
    return value if value is not None and credentials.well_formed(value, prefix) else None


def _read(request: Request, name: str) -> str | None:
    values = []
    for header in request.headers.getlist("cookie"):
        for part in header.split(";"):
            key, _, value = part.strip().partition("=")
            if key == name:
                values.append(value)
    return values[0] if len(values) == 1 and len(values[0]) <= _LONGEST else None


def ensure_browser(request: Request) -> str:
    """The browser's binding token, made now when it has none; hand it to `set_browser` with the response."""
    known = browser(request)
    if known is None:
        known = getattr(request.state, "browser", None) or credentials.new_token("br")
        request.state.browser = known
    return known


def set_browser(request: Request, response: Response) -> None:
    """Sends the binding token that `ensure_browser` made, once; nothing when the browser had one, or may have."""
    made = getattr(request.state, "browser", None)
    if (
        made is not None
        and not getattr(request.state, "browser_sent", False)
        and not _posted_elsewhere(request)
    ):
        _set(request, response, browser_name(request), made, max_age=BROWSER_SECONDS)
        request.state.browser_sent = True


def _posted_elsewhere(request: Request) -> bool:
    """Whether another site's page sent this form: SameSite kept our cookies back, and a new one would replace them."""
    if request.method != "POST":
        return False
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site is not None:
        return site not in ("same-origin", "none")
    return origin is not None and origin != state.of(request).settings.origin


def set_session(request: Request, response: Response, token: str) -> None:
    """Sends a new session token; it lives as long as the browser stays open or the session's own limits say."""
    _set(request, response, session_name(request), token, max_age=None)


def clear_session(request: Request, response: Response) -> None:
    """Makes the browser forget the session token."""
    _set(request, response, session_name(request), "", max_age=0)


def set_known(request: Request, response: Response, signature: str) -> None:
    """Keeps a signature of `known_browsers` as long as the browser's token."""
    _set(request, response, known_name(request), signature, max_age=BROWSER_SECONDS)


def set_language(request: Request, response: Response, value: str) -> None:
    """Remembers the language somebody chose; see `kit.language` for the value's form."""
    _set(request, response, LANGUAGE, value, max_age=LANGUAGE_SECONDS)


def _set(request: Request, response: Response, name: str, value: str, *, max_age: int | None) -> None:
    response.set_cookie(
        name,
        value,
        max_age=max_age,
        path="/",
        secure=state.of(request).settings.secure,
        httponly=True,
        samesite="lax",
    )

"""Browsers that somebody has signed in on before: there, strangers' wrong guesses don't keep them out.

A cookie holds our signature over the browser's token and the address that was signed in with. It opens nothing: tries
from such a browser are merely counted apart from everybody else's, up to the same limit.
"""

from __future__ import annotations

import hashlib
import hmac

from starlette.requests import Request
from starlette.responses import Response

from . import cookies, state

PURPOSE = "known-browser"


def of(request: Request, email_key: str) -> str:
    """What names this browser among the counters when the person has signed in on it before, else nothing."""
    browser, shown = cookies.browser(request), cookies.known(request).encode()
    if browser is None:
        return ""
    keys = state.of(request).secret_keys.subkeys(PURPOSE)
    return browser if any(hmac.compare_digest(shown, _sign(key, browser, email_key)) for key in keys) else ""


def remember(request: Request, response: Response, email_key: str) -> None:
    """Notes that this person has just signed in on this browser; one browser knows one person, the last."""
    key = state.of(request).secret_keys.subkeys(PURPOSE)[0]
    signature = _sign(key, cookies.ensure_browser(request), email_key)
    cookies.set_browser(request, response)
    cookies.set_known(request, response, signature.decode())


def _sign(key: bytes, browser: str, email_key: str) -> bytes:
    text = b"\0".join((browser.encode(), email_key.encode("utf-8", "surrogatepass")))
    return hmac.new(key, text, hashlib.sha256).hexdigest().encode()

"""Refuses forms that other sites made the browser send.

`Sec-Fetch-Site` decides alone when it is sent: `same-origin` and `none` pass; `same-site` does not, since sister
subdomains and other ports of localhost are strangers. Else `Origin` must be the issuer's. Else the form must carry a
token signed for this browser and this form.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct

from starlette.requests import Request

from . import cookies, state

FIELD = "form_token"
SECONDS = 12 * 3600


class ForgeryError(Exception):
    """The form came from elsewhere or was open for too long; nothing was changed."""


def check(request: Request, form: dict[str, str], name: str) -> None:
    """Returns when the form `name` was sent from one of our own pages. Raises ForgeryError otherwise."""
    site = request.headers.getlist("sec-fetch-site")
    if site:
        if site not in (["same-origin"], ["none"]):
            raise ForgeryError(f"Sec-Fetch-Site: {site[0][:40]}")
        return
    origin = request.headers.getlist("origin")
    if origin:
        if origin != [state.of(request).settings.origin]:
            raise ForgeryError(f"Origin: {origin[0][:200]}")
        return
    if not _signed(request, form.get(FIELD, ""), name):
        raise ForgeryError("no valid form token")


def token(request: Request, name: str) -> str:
    """A token for the form `name` on this browser, good for 12 hours; makes the browser cookie when there is none."""
    here = state.of(request)
    issued = struct.pack(">Q", int(here.clock()))
    key = here.secret_keys.subkeys("form-token")[0]
    mac = _mac(key, cookies.ensure_browser(request), name, issued)
    return base64.urlsafe_b64encode(issued + mac).decode()


def _signed(request: Request, text: str, name: str) -> bool:
    browser = cookies.browser(request)
    try:
        raw = base64.b64decode(text, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return False
    if browser is None or len(raw) != 40:
        return False
    here = state.of(request)
    issued, mac = raw[:8], raw[8:]
    age = here.clock() - struct.unpack(">Q", issued)[0]
    keys = here.secret_keys.subkeys("form-token")
    genuine = any(hmac.compare_digest(mac, _mac(key, browser, name, issued)) for key in keys)
    return genuine and -60 <= age <= SECONDS


def _mac(key: bytes, browser: str, name: str, issued: bytes) -> bytes:
    return hmac.new(key, b"\0".join((browser.encode(), name.encode(), issued)), hashlib.sha256).digest()

"""Reads and sends our pages as a browser without script does."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

PASSWORD = "correct horse battery staple"
EMAIL = "ana@example.org"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
HERE = {"Sec-Fetch-Site": "same-origin"}


@dataclass
class Form:
    """One form: where it goes and what a browser would send with it; buttons are not pressed yet."""

    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            assert given["method"] == "post"
            self.forms.append(Form(given["action"]))
        elif tag == "input" and "name" in given:
            form = self.forms[-1]
            form.names.append(given["name"])
            if given.get("type") != "checkbox" or "checked" in given:
                form.fields.append((given["name"], given.get("value", "")))


def form(page: Any, action: str) -> Form:
    """The form of `page` that goes to `action`."""
    reader = _Reader()
    reader.feed(page.text)
    return next(one for one in reader.forms if urlsplit(one.action).path == action)


def problem(page: Any) -> str:
    """The sentence above the form, without markup; empty when there is none."""
    found = re.search(r'data-test="problem">(.*?)</div>', page.text, re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split()) if found else ""


async def send(
    client: Any,
    page: Any,
    action: str,
    *,
    headers: dict[str, str] | None = None,
    untick: str = "",
    **filled: str,
) -> Any:
    """Fills in the form of `page` that goes to `action` and sends it."""
    shown = form(page, action)
    body = [
        (name, filled.pop(name, value)) for name, value in shown.fields if value != untick or name != "scope"
    ]
    body += list(filled.items())
    return await client.post(
        shown.action, content=_encode(body), headers={**_FORM, **(HERE if headers is None else headers)}
    )


_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def _encode(body: list[tuple[str, str]]) -> bytes:
    return urlencode(body).encode()


async def sign_up(client: Any, email: str = EMAIL, **filled: str) -> Any:
    """Creates an account through the page; the browser is signed in afterwards."""
    page = await client.get("/register")
    filled.setdefault("password", PASSWORD)
    return await send(client, page, "/register", headers=None, untick="", email=email, **filled)


async def sign_in(client: Any, email: str = EMAIL, password: str = PASSWORD) -> Any:
    """Signs in through the page."""
    return await send(client, await client.get("/login"), "/login", email=email, password=password)


def parameters(response: Any) -> dict[str, str]:
    """The query of a redirect."""
    return {
        name: values[0] for name, values in parse_qs(urlsplit(response.headers["location"]).query).items()
    }


def asks(app: Any, **changed: str | None) -> dict[str, str]:
    """The parameters of an authorization request of `app`; None leaves one out."""
    usual: dict[str, str | None] = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": app.redirect_uris[0],
        "scope": "images:read images:write",
        "state": "s-1",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return {name: value for name, value in (usual | changed).items() if value is not None}

"""Every page and state worth looking at, and what to do with a browser to see it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from . import pages
from .served import Served

Visit = Callable[[Any, Served], None]

_numbers = itertools.count()


def authorize(served: Served, app: Any, **changed: str | None) -> str:
    """The address that begins an authorization request."""
    return f"{served.issuer}/oauth/authorize?{urlencode(pages.asks(app, **changed))}"


def sign_up(page: Any, served: Served) -> None:
    """A new person with a long address, signed in."""
    page.goto(f"{served.issuer}/register")
    page.fill(
        "#email", f"anastasia.papadopoulou-montgomery{next(_numbers)}@a-rather-long-company.example.org"
    )
    page.fill("#password", pages.PASSWORD)
    page.click("main button")
    page.wait_for_url(f"{served.issuer}/")


def _at(path: str) -> Visit:
    return lambda page, served: page.goto(served.issuer + path)


def _signed_in(path: str) -> Visit:
    def visit(page: Any, served: Served) -> None:
        sign_up(page, served)
        page.goto(served.issuer + path)

    return visit


def _failed_login(page: Any, served: Served) -> None:
    page.goto(authorize(served, served.long))
    page.fill("#email", "anastasia.papadopoulou-montgomery@a-rather-long-company.example.org")
    page.fill("#password", "wrong")
    page.click("main button")


def _failed_register(page: Any, served: Served) -> None:
    page.goto(f"{served.issuer}/register")
    page.fill("#email", "ana@example.org")
    page.fill("#password", "short")
    page.click("main button")


def _consent(page: Any, served: Served) -> None:
    sign_up(page, served)
    page.goto(authorize(served, served.long, scope=None))


def _consent_again(page: Any, served: Served) -> None:
    sign_up(page, served)
    page.goto(authorize(served, served.web, scope="images:read"))
    page.click("button[value=allow]")
    page.goto(authorize(served, served.web, scope=None))


def _consent_on_this_computer(page: Any, served: Served) -> None:
    sign_up(page, served)
    page.goto(authorize(served, served.local, redirect_uri="http://127.0.0.1:50123/callback"))


def _signed_out(page: Any, served: Served) -> None:
    sign_up(page, served)
    page.goto(f"{served.issuer}/logout")
    page.click("main button")


def _mismatch(page: Any, served: Served) -> None:
    page.goto(authorize(served, served.web, redirect_uri=f"{served.callback}/{'x' * 60}"))


def _unknown_app(page: Any, served: Served) -> None:
    page.goto(authorize(served, served.web, client_id="app_nobody"))


VISITS: dict[str, Visit] = {
    "home": _at("/"),
    "home-signed-in": _signed_in("/"),
    "login": _at("/login"),
    "login-failed": _failed_login,
    "register": _at("/register"),
    "register-failed": _failed_register,
    "consent": _consent,
    "consent-again": _consent_again,
    "consent-on-this-computer": _consent_on_this_computer,
    "logout": _signed_in("/logout"),
    "signed-out": _signed_out,
    "mismatch": _mismatch,
    "unknown-app": _unknown_app,
    "not-found": _at("/nothing"),
    "request-over": _at("/login?request=ar_nonsense"),
    "docs": _at("/docs"),
    "errors": _at("/docs/errors"),
    "one-error": _at("/docs/errors/redirect_uri_mismatch"),
}

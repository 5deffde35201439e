"""Every page and state worth looking at, and what to do with a browser to see it."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

from . import pages
from .served import Served

Visit = Callable[[Any, Served], Awaitable[None]]

_numbers = itertools.count()


def authorize(served: Served, app: Any, **changed: str | None) -> str:
    """The address that begins an authorization request."""
    return f"{served.issuer}/oauth/authorize?{urlencode(pages.asks(app, **changed))}"


async def sign_up(page: Any, served: Served) -> None:
    """A new person with a long address, signed in."""
    await page.goto(f"{served.issuer}/register")
    await page.fill(
        "#email", f"anastasia.papadopoulou-montgomery{next(_numbers)}@a-rather-long-company.example.org"
    )
    await page.fill("#password", pages.PASSWORD)
    await page.click("main button")
    await page.wait_for_url(f"{served.issuer}/")


def _at(path: str) -> Visit:
    async def visit(page: Any, served: Served) -> None:
        await page.goto(served.issuer + path)

    return visit


def _signed_in(path: str) -> Visit:
    async def visit(page: Any, served: Served) -> None:
        await sign_up(page, served)
        await page.goto(served.issuer + path)

    return visit


async def _failed_login(page: Any, served: Served) -> None:
    await page.goto(authorize(served, served.long))
    await page.fill("#email", "anastasia.papadopoulou-montgomery@a-rather-long-company.example.org")
    await page.fill("#password", "wrong")
    await page.click("main button")


async def _failed_register(page: Any, served: Served) -> None:
    await page.goto(f"{served.issuer}/register")
    await page.fill("#email", "ana@example.org")
    await page.fill("#password", "short")
    await page.click("main button")


async def _consent(page: Any, served: Served) -> None:
    await sign_up(page, served)
    await page.goto(authorize(served, served.long, scope=None))


async def _consent_again(page: Any, served: Served) -> None:
    await sign_up(page, served)
    await page.goto(authorize(served, served.web, scope="images:read"))
    await page.click("button[value=allow]")
    await page.goto(authorize(served, served.web, scope=None))


async def _consent_on_this_computer(page: Any, served: Served) -> None:
    await sign_up(page, served)
    await page.goto(authorize(served, served.local, redirect_uri="http://127.0.0.1:50123/callback"))


async def _signed_out(page: Any, served: Served) -> None:
    await sign_up(page, served)
    await page.goto(f"{served.issuer}/logout")
    await page.click("main button")


async def _mismatch(page: Any, served: Served) -> None:
    await page.goto(authorize(served, served.web, redirect_uri=f"{served.callback}/{'x' * 60}"))


async def _unknown_app(page: Any, served: Served) -> None:
    await page.goto(authorize(served, served.web, client_id="app_nobody"))


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

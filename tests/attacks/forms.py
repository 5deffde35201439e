"""Our pages and their forms, as whoever attacks them or is attacked has them in a browser."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa

from tests.authserver.protocol.flows import App, Browser, World
from tests.authserver.sign_in import pages

ANA, MALLORY = "ana@example.test", "mallory@example.test"
ISSUER = "http://localhost:8000"

# What browsers say of a form that another site made them send, and of one of ours.
FOREIGN: list[dict[str, str]] = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": "nonsense"},
    {"sec-fetch-site": "cross-site", "origin": ISSUER},
    {"origin": "https://evil.test"},
    {"origin": "null"},
    {"origin": "http://localhost:8001"},
    {"origin": f"{ISSUER}.evil.test"},
    {},
]
OURS: list[dict[str, str]] = [
    {"sec-fetch-site": "same-origin"},
    {"sec-fetch-site": "none"},
    {"origin": ISSUER},
    {},
]


class Form:
    """One of our forms as somebody's browser shows it."""

    def __init__(self, browser: Browser, page: Any, action: str) -> None:
        self.browser, self.action = browser, action
        self.fields = pages.form(page, action).fields

    async def send(self, headers: dict[str, str], *, by: Browser | None = None, **changed: Any) -> Any:
        """Submits it with exactly these headers about where it comes from; a list sends a field several times."""
        fields = [(name, value) for name, value in self.fields if name not in changed]
        for name, value in changed.items():
            fields += [(name, one) for one in (value if isinstance(value, list) else [value])]
        browser = by or self.browser
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        sent = {"cookie": cookie, "content-type": "application/x-www-form-urlencoded", **headers}
        response = await browser.world.client.post(self.action, content=urlencode(fields), headers=sent)
        browser.world.client.cookies.clear()
        return response


async def consent_form(browser: Browser, app: App, **parameters: Any) -> Form:
    """The consent page that an authorization request of this browser leads to."""
    location = (await browser.authorize(app, **parameters)).headers["location"]
    return Form(browser, await browser.get(location), "/consent")


async def signed_in(world: World, email: str = ANA) -> Browser:
    if email not in world.people:
        await world.add_person(email)
    browser = world.browser()
    assert (await browser.sign_in(email)).status_code == 303
    return browser


async def count(world: World, *tables: sa.Table) -> list[int]:
    """How many rows there are of each."""

    def work(session: Any) -> list[int]:
        return [
            session.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() for table in tables
        ]

    found: list[int] = await world.server.state.database.read(work)
    return found


async def is_signed_in(browser: Browser) -> bool:
    return 'data-test="signed-in"' in (await browser.get("/")).text

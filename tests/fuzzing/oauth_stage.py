"""The authorization server as a stage: apps of each kind, two people, and what good requests to it hold."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import sqlalchemy as sa

from authserver.people import users
from tests.authserver.protocol import flows
from tests.support.authserver import SECRET_KEY

from . import grammar, oauth_words, stage

ANA, BRUNO = "ana@example.test", "bruno@example.test"
LOOPBACK, PRIVATE = "http://127.0.0.1/cb", "test.client.app:/cb"
REDIRECTS = (flows.CB, LOOPBACK, PRIVATE)
BATCH = 50
"""After so many requests the bystander signs in and gets tokens as if nothing had happened."""

JSON_ENDPOINTS = ("/oauth/token", "/oauth/revoke", "/oauth/introspect")
PAGES = ("/oauth/authorize", "/login", "/register", "/consent", "/logout", "/")

_FIXED = {
    "cb": flows.CB,
    "loopback": "http://127.0.0.1:51234/cb",
    "private": PRIVATE,
    "scope": "images:read images:write",
    "resource": flows.RESOURCE,
    "challenge": flows.CHALLENGE,
    "verifier": flows.VERIFIER,
    "email": ANA,
    "password": flows.PASSWORD,
}


class OAuthStage:
    """One server, and what its good requests hold. Ana and her apps are fuzzed; Bruno and his are the bystanders."""

    def __init__(self, loop: stage.Loop, server: Any) -> None:
        self.loop = loop
        self.world = flows.World(server)
        self.apps: dict[str, flows.App] = {}
        self.ana, self.elsewhere, self.bruno = (self.world.browser() for _ in range(3))
        self.secrets: set[str] = {SECRET_KEY, flows.PASSWORD, flows.VERIFIER}
        self._made: dict[str, str] = {}
        self._numbers = itertools.count()
        self._makers: dict[str, Callable[[], Awaitable[str]]] = {
            "basic.code": lambda: self._code("basic"),
            "public.code": lambda: self._code("public"),
            "basic.refresh": lambda: self._token("basic", "refresh_token"),
            "public.refresh": lambda: self._token("public", "refresh_token"),
            "access": lambda: self._token("basic", "access_token"),
            "request": self._request,
        }
        loop.run(self._build())

    async def _build(self) -> None:
        world = self.world
        await world.add_apis()
        for email in (ANA, BRUNO):
            await world.add_person(email)
        both = ["authorization_code", "refresh_token"]
        self.apps = {
            "basic": await world.add_app(),
            "post": await world.add_app(
                "client_secret_post",
                grant_types=[*both, "password"],
                redirect_uris=[flows.CB],
                first_party=True,
            ),
            "public": await world.add_app("none", redirect_uris=list(REDIRECTS), origins=[oauth_words.SPA]),
            "machine": await world.add_machine(introspects=[flows.RESOURCE]),
            "bystander": await world.add_app(),
        }
        self.secrets |= {app.secret for app in self.apps.values() if app.secret}
        await self._rest()

    async def _rest(self) -> None:
        """Time goes by, so that nobody is locked out; then the bystander does what a person does."""
        world = self.world
        world.server.clock.advance(901)
        # Ana's first browser is fuzzed, which may sign it out; codes are made on her other one.
        self.ana, self.elsewhere, self.bruno = (world.browser() for _ in range(3))
        for email, browser in ((ANA, self.ana), (ANA, self.elsewhere), (BRUNO, self.bruno)):
            assert (await browser.sign_in(email)).status_code == 303, "everyone can still sign in"
        app = self.apps["bystander"]
        code = (await self.bruno.allow(app))["code"]
        first = await world.redeem(app, code)
        assert first.status_code == 200, first.text
        second = await world.refresh(app, first.json()["refresh_token"])
        assert second.status_code == 200, second.text
        said = await world.introspect(app, second.json()["access_token"])
        assert said["active"] is True
        assert (await world.client.get("/.well-known/jwks.json")).status_code == 200
        digests = await world.server.state.database.read(
            lambda session: session.execute(sa.select(users.table.c.password_digest)).scalars().all()
        )
        self.secrets |= {second.json()["refresh_token"], *self.bruno.cookies.values(), *digests}

    def send(self, chosen: tuple[grammar.Request, list[grammar.Named]]) -> tuple[stage.Sent, stage.Answer]:
        """Sends the spoiled request; what it was in bytes, and its answer."""
        return self.loop.run(self._send(grammar.spoiled(chosen)))

    def send_bytes(self, sent: stage.Sent) -> stage.Answer:
        return self.loop.run(stage.exchange(self.world.server.app, sent))

    async def _send(self, one: grammar.Request) -> tuple[stage.Sent, stage.Answer]:
        number = next(self._numbers)
        if number % BATCH == BATCH - 1:
            await self._rest()
        self._made = {}
        headers: list[tuple[str, bytes]] = [(name, value.encode()) for name, value in flows.BROWSER.items()]
        headers.append(("host", b"localhost:8000"))
        if one.auth is not None:
            headers.append(("authorization", await self._basic(one.auth)))
        if one.person:
            cookies = "; ".join(f"{name}={value}" for name, value in self.ana.cookies.items())
            headers.append(("cookie", cookies.encode()))
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        sent = await grammar.wire(one, self.stock, headers, address)
        return sent, await stage.exchange(self.world.server.app, sent)

    async def _basic(self, value: grammar.Value) -> bytes:
        app = self.apps.get(value.of)
        text = f"{app.client_id}:{app.secret}".encode() if app else await grammar.encoded(value, self.stock)
        return b"Basic " + base64.b64encode(text)

    async def stock(self, name: str) -> str:
        """The text that a request calls by this name; codes and tokens are made when first asked for."""
        if name in self._makers:
            if name not in self._made:
                self._made[name] = await self._makers[name]()
            return self._made[name]
        if name in _FIXED:
            return _FIXED[name]
        app, _, part = name.partition(".")
        return self.apps[app].client_id if part == "id" else str(self.apps[app].secret)

    async def _code(self, app: str) -> str:
        return (await self.elsewhere.allow(self.apps[app]))["code"]

    async def _token(self, app: str, member: str) -> str:
        response = await self.world.redeem(self.apps[app], await self._code(app))
        assert response.status_code == 200, response.text
        return str(response.json()[member])

    async def _request(self) -> str:
        response = await self.ana.authorize(self.apps["basic"], prompt="consent")
        return dict(parse_qsl(urlsplit(response.headers["location"]).query))["request"]

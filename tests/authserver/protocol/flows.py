"""What the protocol's tests do again and again: register apps and people, walk a browser through the code flow.

People and browsers act over HTTP. Apps, APIs and people are registered through the same verbs as the command line
uses, since there is no other way yet.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2

from authserver import apis
from authserver.oauth import clients
from authserver.people import passwords, users
from tests.support import authserver as support
from tests.support.clock import ManualClock

RESOURCE = "https://gallery.test"
OTHER = "https://other.test"
SCOPES = ("images:read", "images:write", "gallery:read")
CB = "https://client.test/cb"
PASSWORD = "correct horse battery staple 7"
VERIFIER = "a-verifier-of-at-least-forty-three-characters-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
BROWSER = {"sec-fetch-site": "same-origin", "accept": "text/html"}


@dataclass
class App:
    """A registered client and its secret's text."""

    client_id: str
    secret: str | None
    auth_method: str
    redirect_uri: str = CB

    def credentials(self) -> dict[str, Any]:
        """What to add to a request so that it is this client's: keyword arguments for `post`."""
        if self.auth_method == "client_secret_basic":
            text = base64.b64encode(f"{self.client_id}:{self.secret}".encode()).decode()
            return {"headers": {"authorization": f"Basic {text}"}}
        if self.auth_method == "client_secret_post":
            return {"data": {"client_id": self.client_id, "client_secret": self.secret}}
        return {"data": {"client_id": self.client_id}}


@dataclass
class World:
    """The running server and everything the tests made in it."""

    server: Any
    people: dict[str, str] = field(default_factory=dict)

    @property
    def client(self) -> httpx2.AsyncClient:
        client: httpx2.AsyncClient = self.server.client
        return client

    @property
    def oauth(self) -> Any:
        return self.server.state.oauth

    def now(self) -> float:
        now: float = self.server.state.clock()
        return now

    async def write(self, work: Any) -> Any:
        """Run a verb in a transaction, as the command line does."""
        result = await self.server.state.database.transaction(work)
        await self.server.state.cache.refresh()
        return result

    async def add_apis(self) -> None:
        """The gallery with its scopes, and another API with one."""

        def work(session: Any) -> None:
            apis.create(session, RESOURCE, "Gallery", self.now())
            for name in SCOPES:
                apis.add_scope(session, RESOURCE, name, f"do {name}", f"faire {name}", self.now())
            apis.create(session, OTHER, "Other", self.now())
            apis.add_scope(session, OTHER, "other:read", "read other", "lire autre", self.now())

        await self.write(work)

    async def add_app(self, auth_method: str = "client_secret_basic", **more: Any) -> App:
        """A client for the code flow unless `more` says otherwise."""
        values: dict[str, Any] = {
            "name": "Photo print",
            "auth_method": auth_method,
            "scopes": SCOPES,
            "redirect_uris": [CB] if "grant_types" not in more else [],
            **more,
        }
        created = await self.write(lambda session: clients.create(session, now=self.now(), **values))
        uris = created.client.redirect_uris
        return App(created.client.client_id, created.secret, auth_method, uris[0] if uris else CB)

    async def add_machine(self, **more: Any) -> App:
        """A client for client credentials."""
        return await self.add_app(grant_types=["client_credentials"], **more)

    async def add_person(self, email: str = "ana@example.test") -> str:
        """A person with PASSWORD; returns their id."""
        digest = await self.server.state.passwords.hash(passwords.normalise(PASSWORD))
        user = await self.write(lambda session: users.add(session, email, digest, now=self.now()))
        self.people[email] = user.id
        user_id: str = user.id
        return user_id

    def browser(self) -> Browser:
        return Browser(self)

    async def post(self, path: str, app: App | None = None, **fields: Any) -> httpx2.Response:
        """A form to one of the client's endpoints, authenticated as `app`; None leaves a field out."""
        sent = app.credentials() if app is not None else {}
        data = {
            **sent.get("data", {}),
            **{name: value for name, value in fields.items() if value is not None},
        }
        return await self.client.post(path, data=data, headers=sent.get("headers", {}))

    async def token(self, app: App | None = None, **fields: Any) -> httpx2.Response:
        return await self.post("/oauth/token", app, **fields)

    async def redeem(self, app: App, code: str, **fields: Any) -> httpx2.Response:
        """The token request that goes with `Browser.authorize`."""
        values = {"code": code, "redirect_uri": app.redirect_uri, "code_verifier": VERIFIER, **fields}
        return await self.token(app, grant_type="authorization_code", **values)

    async def refresh(self, app: App, refresh_token: str, **fields: Any) -> httpx2.Response:
        return await self.token(app, grant_type="refresh_token", refresh_token=refresh_token, **fields)

    async def introspect(self, app: App, token: str) -> dict[str, Any]:
        """What the server says of a token a second from now, when every process has heard the news."""
        await self.server.state.cache.refresh()
        response = await self.post("/oauth/introspect", app, token=token)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def tokens(self, app: App, email: str = "ana@example.test", **parameters: Any) -> dict[str, Any]:
        """A person's tokens for `app`, through the whole code flow."""
        code = await self.code(app, email, **parameters)
        response = await self.redeem(app, code)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def code(self, app: App, email: str = "ana@example.test", **parameters: Any) -> str:
        """A code for `app`, from a browser of its own."""
        browser = self.browser()
        await browser.sign_in(email)
        return (await browser.allow(app, **parameters))["code"]


class Browser:
    """Somebody's browser: it keeps its own cookies and follows nothing by itself."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cookies: dict[str, str] = {}

    async def send(self, method: str, url: str, **more: Any) -> httpx2.Response:
        headers = {**BROWSER, **more.pop("headers", {})}
        if self.cookies:
            headers["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        response = await self.world.client.request(method, url, headers=headers, **more)
        for name, value in response.cookies.items():
            self.cookies[name] = value
        self.world.client.cookies.clear()
        return response

    async def get(self, url: str, **more: Any) -> httpx2.Response:
        return await self.send("GET", url, **more)

    async def sign_in(self, email: str, request: str = "") -> httpx2.Response:
        """Submit the sign-in form."""
        return await self.send(
            "POST", "/login", data={"email": email, "password": PASSWORD, "request": request}
        )

    async def authorize(self, app: App, **parameters: Any) -> httpx2.Response:
        """The answer to an authorization request; None leaves a parameter out."""
        sent = request_for(app, **parameters)
        return await self.get("/oauth/authorize", params=sent)

    async def allow(self, app: App, scopes: list[str] | None = None, **parameters: Any) -> dict[str, str]:
        """Authorize, allowing on the consent page what is asked (or `scopes`); the answer's parameters."""
        response = await self.authorize(app, **parameters)
        page = response.headers["location"]
        if "/consent?" in page:
            view = await self.get(page)
            assert view.status_code == 200, view.text
            asked = scopes if scopes is not None else sorted(all_scopes(view.text))
            response = await self.decide(page, "allow", asked)
        return answer_of(response)

    async def decide(self, page: str, decision: str, scopes: list[str]) -> httpx2.Response:
        request_id = dict(parse_qsl(urlsplit(page).query))["request"]
        return await self.send(
            "POST", "/consent", data={"request": request_id, "decision": decision, "scope": scopes}
        )


def request_for(app: App, **parameters: Any) -> dict[str, Any]:
    """The parameters of a good authorization request, changed by `parameters`; None leaves one out."""
    good = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": app.redirect_uri,
        "scope": "images:read images:write",
        "state": "xyz",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return {name: value for name, value in {**good, **parameters}.items() if value is not None}


async def build(database_url: str) -> None:
    """Makes of an empty database what every world starts from."""
    await support.build(database_url)
    async with support.running(support.configured(database_url), ManualClock()) as server:
        await World(server).add_apis()


def answer_of(response: httpx2.Response, redirect_uri: str = "") -> dict[str, str]:
    """The parameters of an answer that goes back to the client."""
    assert response.status_code == 303, response.text
    location = response.headers["location"]
    assert location.startswith(redirect_uri), location
    pairs = parse_qsl(urlsplit(location).query, keep_blank_values=True)
    assert len(pairs) == len(dict(pairs)), location
    return dict(pairs)


def all_scopes(page: str) -> set[str]:
    """The scopes that a consent page lets one tick."""
    return {part.split('"')[0] for part in page.split('name="scope" value="')[1:]}


def claims_of(token: str) -> dict[str, Any]:
    """What an access token says; the signature isn't looked at."""
    claims: dict[str, Any] = _part(token, 1)
    return claims


def header_of(token: str) -> dict[str, Any]:
    header: dict[str, Any] = _part(token, 0)
    return header


def _part(token: str, number: int) -> Any:
    text = token.split(".")[number]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))

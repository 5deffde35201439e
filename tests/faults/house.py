"""Ana with her app, at one authorization server and one gallery: calls everything that a fault may touch."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import httpx2

from tests.authserver.protocol.flows import CB, VERIFIER, App, Browser, World, request_for

from . import load
from .stage import PEOPLE, SCOPES, Service

ANA = PEOPLE[0]


@dataclass
class House:
    """Two services, and Ana, whose app holds `tokens`."""

    authserver: Service
    gallery: Service
    app: App
    tokens: dict[str, Any] = field(default_factory=dict)

    @property
    def services(self) -> tuple[Service, Service]:
        return self.authserver, self.gallery

    def code(self) -> str:
        async def allow() -> str:
            async with httpx2.AsyncClient(base_url=self.authserver.url, trust_env=False, timeout=30) as http:
                browser = Browser(World(SimpleNamespace(client=http)))
                assert (await browser.sign_in(ANA)).status_code == 303
                return (await browser.allow(self.app, scope=" ".join(SCOPES)))["code"]

        return asyncio.run(allow())

    def begin(self) -> httpx2.Response:
        """An authorization request of nobody in particular, which becomes a row."""
        url = f"{self.authserver.url}/oauth/authorize"
        sent = request_for(self.app, scope=SCOPES[0], state="x" * 500)
        return httpx2.get(url, params=sent, trust_env=False, timeout=30)

    def redeem(self, code: str) -> httpx2.Response:
        return self.ask(
            "token", grant_type="authorization_code", code=code, redirect_uri=CB, code_verifier=VERIFIER
        )

    def refresh(self) -> httpx2.Response:
        return self.ask("token", grant_type="refresh_token", refresh_token=self.tokens["refresh_token"])

    def rotate(self) -> bool:
        """Whether the app has got its next tokens; it holds them then."""
        answer = self.refresh()
        if answer.status_code == 200:
            self.tokens = answer.json()
        return answer.status_code == 200

    def ask(self, endpoint: str, **form: str) -> httpx2.Response:
        url = f"{self.authserver.url}/oauth/{endpoint}"
        return httpx2.post(url, data=form, **self.app.credentials(), trust_env=False, timeout=30)

    def call(self, method: str, path: str, **request: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {self.tokens['access_token']}"}
        url = f"{self.gallery.url}{path}"
        return httpx2.request(method, url, headers=headers, trust_env=False, timeout=60, **request)

    def upload(self, rest: bytes = b"") -> httpx2.Response:
        return self.call("POST", "/uploads", files={"file": ("x.png", load.picture() + rest, "image/png")})

    def generate(self) -> httpx2.Response:
        return self.call("POST", "/images", json={"prompt": "a poster", "seed": 1})

    def credits(self) -> int:
        found: int = self.call("GET", "/credits").json()["credits"]
        return found

    def images(self) -> set[str]:
        return {each["id"] for each in self.call("GET", "/images").json()["items"]}

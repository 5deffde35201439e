"""Fills the gallery as an app would: over HTTP, with Ana's and Bruno's own tokens. Once; a filled one stays."""

from __future__ import annotations

from typing import Any

import httpx2

from .. import exits
from . import catalogue

ANAS = (
    ("a lighthouse above a stormy sea at night", 7, "Lighthouse"),
    ("autumn forest with a red sun", 11, "Autumn"),
    ("stained glass window full of flowers", 3, "Window"),
)
BRUNOS = (
    ("mountains under the northern lights", 5, "North"),
    ("a city of neon and rain", 2, "City"),
)


async def seed(http: httpx2.AsyncClient, facts: dict[str, Any]) -> None:
    """Pictures, a gallery and a share, unless Ana has pictures already. Raises CommandError."""
    ana = await _sign_in(http, facts, "ana")
    if (await ana.get("/images", limit="1"))["items"]:
        return
    bruno = await _sign_in(http, facts, "bruno")
    await ana.patch("/me", {"handle": "ana", "display_name": "Ana"})
    await bruno.patch("/me", {"handle": "bruno", "display_name": "Bruno"})
    theirs = [await ana.generate(*picture) for picture in ANAS]
    for picture in BRUNOS:
        await bruno.generate(*picture)
    gallery = await ana.post("/galleries", {"title": "Favourites"})
    for image in theirs[:2]:
        await ana.post(f"/galleries/{gallery['id']}/images", {"image_id": image["id"]})
    await ana.post(f"/galleries/{gallery['id']}/shares", {"handle": "bruno", "access": "read"})


class _Person:
    """Somebody's token at the gallery."""

    def __init__(self, http: httpx2.AsyncClient, resource: str, token: str) -> None:
        self.http = http
        self.resource = resource
        self.headers = {"Authorization": f"Bearer {token}"}

    async def get(self, path: str, **query: str) -> Any:
        return _content(await self.http.get(self.resource + path, params=query, headers=self.headers))

    async def post(self, path: str, body: dict[str, Any], **headers: str) -> Any:
        return _content(await self.http.post(self.resource + path, json=body, headers=self.headers | headers))

    async def patch(self, path: str, body: dict[str, Any]) -> Any:
        return _content(await self.http.patch(self.resource + path, json=body, headers=self.headers))

    async def generate(self, prompt: str, seed: int, title: str) -> Any:
        body = {"prompt": prompt, "seed": seed, "title": title}
        return await self.post("/images", body, **{"Idempotency-Key": f"demo-{title.lower()}"})


async def _sign_in(http: httpx2.AsyncClient, facts: dict[str, Any], who: str) -> _Person:
    app, person = facts["clients"]["first_party"], facts["people"][who]
    answer = await http.post(
        f"{facts['issuer']}/oauth/token",
        data={
            "grant_type": "password",
            "client_id": app["client_id"],
            "client_secret": app["client_secret"],
            "username": person["email"],
            "password": person["password"],
            "scope": " ".join(catalogue.SCOPES),
        },
    )
    return _Person(http, facts["resource"], _content(answer)["access_token"])


def _content(answer: httpx2.Response) -> Any:
    if not answer.is_success:
        raise exits.CommandError(
            f"The demo could not be filled: {answer.request.method} {answer.request.url} "
            f"was answered {answer.status_code} {answer.text[:500]}",
            exits.FAILED,
        )
    return answer.json()

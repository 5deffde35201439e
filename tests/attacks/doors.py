"""A resource API behind its door, where forged tokens knock; and one beside the authorization server it trusts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx2

from authserver import apis
from keys.signing import SigningKey
from resource_api import auth
from tests.authserver.protocol.flows import World
from tests.keys import issuer
from tests.keys.forge import Forger
from tests.resource_api.callers import ANA
from tests.support import gallery as support
from tests.support.clock import ManualClock
from tests.support.gallery import Gallery

JWKS = "/.well-known/jwks.json"


def forger(gallery: Gallery, sub: str = ANA) -> Forger:
    """Signs with the very key the gallery trusts; a claim given as `...` is left out."""

    def claims(**changes: Any) -> dict[str, Any]:
        now = int(gallery.clock())
        good = {
            "iss": gallery.settings.issuer,
            "sub": sub,
            "aud": gallery.settings.resource,
            "client_id": "app_web",
            "iat": now,
            "exp": now + 300,
            "jti": "forged",
            "scope": "images:read",
        }
        return {name: value for name, value in (good | changes).items() if value is not ...}

    return Forger(gallery.key, claims)


async def knock(gallery: Gallery, token: str | bytes) -> httpx2.Response:
    """Ask for the images with this token, whatever bytes it is made of."""
    raw = token if isinstance(token, bytes) else token.encode("utf-8", "surrogatepass")
    return await gallery.client.get("/images", headers=[(b"authorization", b"Bearer " + raw)])


async def refused(gallery: Gallery, token: str) -> str:
    """The challenge of the one refusal there is for a bad token (RFC 6750 §3.1)."""
    response = await knock(gallery, token)
    told = (token[:200], response.text)
    assert response.status_code == 401, told
    assert response.json()["type"].endswith("/invalid_token"), told
    challenge: str = response.headers["www-authenticate"]
    assert challenge.startswith('Bearer error="invalid_token", error_description="'), told
    # What the token says comes back in no part of the answer.
    for part in token.split("."):
        assert len(part) < 24 or part[:24] not in response.text + challenge, told
    return challenge


async def admitted(gallery: Gallery, token: str) -> None:
    response = await knock(gallery, token)
    assert response.status_code == 200, response.text


@asynccontextmanager
async def house(
    authserver: Any, resource_database_url: str, clock: ManualClock, stranger: SigningKey, files: Path
) -> AsyncIterator[tuple[World, Gallery]]:
    """An authorization server and a gallery that fetches its keys from there, over a real socket.

    What the gallery's `mint` writes is signed by a stranger here.
    """
    loop = asyncio.get_running_loop()

    def published(handler: BaseHTTPRequestHandler) -> None:
        asked = asyncio.run_coroutine_threadsafe(authserver.client.get(JWKS), loop)
        answer = asked.result(5)
        headers = {"Cache-Control": answer.headers["cache-control"]}
        issuer.answer(handler, answer.content, headers, answer.status_code)

    with issuer.Issuer([]) as front:
        front.reply = published
        running = support.running(resource_database_url, clock, stranger, front.jwks_url, files)
        async with running as gallery:
            world = World(authserver)
            await world.write(lambda session: _register(session, gallery.settings.resource, clock()))
            yield world, gallery


def _register(session: Any, resource: str, now: float) -> None:
    apis.create(session, resource, "Gallery", now)
    for name, sentence in auth.SCOPES.items():
        apis.add_scope(session, resource, name, sentence, sentence, now)

"""The resource API on a fresh database: the real app, its real verifier, a real key set over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI

from keys.signing import SigningKey
from resource_api import app as application
from resource_api import migrations, settings

from . import tokens
from .clock import ManualClock


@dataclass(frozen=True)
class Gallery:
    """A running resource API and a client that talks to it."""

    app: FastAPI
    client: httpx2.AsyncClient
    settings: settings.Settings
    clock: ManualClock
    key: SigningKey

    def mint(self, sub: str, scope: str = "", **claims: Any) -> str:
        """An access token that this API accepts, unless `claims` say otherwise."""
        return tokens.mint(
            self.key,
            issuer=self.settings.issuer,
            audience=self.settings.resource,
            now=self.clock(),
            sub=sub,
            scope=scope,
            **claims,
        )


async def migrate(url: str) -> None:
    await migrations.upgrade(url)


@asynccontextmanager
async def running(
    database_url: str, clock: ManualClock, key: SigningKey, jwks_url: str, files: Path
) -> AsyncIterator[Gallery]:
    """The app with its lifespan started."""
    loaded = settings.load(database_url=database_url, files=files, jwks_url=jwks_url)
    app = application.create_app(loaded, clock=clock)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url=loaded.resource) as client,
    ):
        yield Gallery(app, client, loaded, clock, key)

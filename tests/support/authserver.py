"""The authorization server on a fresh database: the real app with cheap password hashes and keys made once a run."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from fastapi import FastAPI

from authserver import app as application
from authserver import jobs, migrations, settings
from authserver.web.kit import state

from .clock import ManualClock

ISSUER = "http://localhost:8000"
SECRET_KEY = base64.b64encode(b"a key that every test knows, 32b").decode()


@dataclass(frozen=True)
class Authserver:
    """A running server and a client that talks to it; redirects are not followed."""

    app: FastAPI
    client: httpx2.AsyncClient
    settings: settings.Settings
    clock: ManualClock

    @property
    def state(self) -> state.State:
        found: state.State = self.app.state.authserver
        return found


def configured(database_url: str, **changes: Any) -> settings.Settings:
    """The settings of a server under test."""
    usual = {
        "issuer": ISSUER,
        "database_url": database_url,
        "secret_key": SECRET_KEY,
        "password_memory_kib": 8,
        "password_passes": 1,
        "log_level": "warning",
    }
    return settings.load(**{**usual, **changes})


async def build(database_url: str) -> None:
    """Migrates an empty database, makes its first signing keys, and does the background's work that is due at the
    start of the clock: both take longer than most tests."""
    await migrations.upgrade(database_url)
    async with running(configured(database_url), ManualClock()) as server:
        here = server.state
        await jobs.run_due(jobs.Context(here.settings, here.clock, here.database, here.oauth))


@asynccontextmanager
async def running(config: settings.Settings, clock: ManualClock) -> AsyncIterator[Authserver]:
    """The app with its lifespan started."""
    app = application.create_app(config, clock=clock)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url=config.issuer) as client,
    ):
        yield Authserver(app, client, config, clock)

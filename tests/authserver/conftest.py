"""What the authorization server's page tests share: an app registered by its public verbs, and servers elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx2
import pytest

from authserver import app as application

Elsewhere = Callable[[str], AbstractAsyncContextManager[httpx2.AsyncClient]]


@pytest.fixture
def elsewhere(authserver: Any, clock: Any) -> Elsewhere:
    """The same server, on the same database, under another issuer: a client that talks to it."""

    @asynccontextmanager
    async def at(issuer: str) -> AsyncIterator[httpx2.AsyncClient]:
        settings = authserver.settings.model_copy(update={"issuer": issuer})
        app = application.create_app(settings, clock=clock)
        async with app.router.lifespan_context(app):
            transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
            async with httpx2.AsyncClient(transport=transport, base_url=issuer) as client:
                yield client

    return at

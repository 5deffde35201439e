"""A gallery on a fresh database, with keys of its own: the real app, its real verifier, a real key set over HTTP."""

import itertools
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from keys import jwks
from keys.signing import SigningKey
from resource_api import app as application
from resource_api import migrations, settings
from tests.support import databases
from tests.support.clock import ManualClock

_number = itertools.count()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture(scope="session")
def issuer_key() -> SigningKey:
    return SigningKey.generate()


@pytest.fixture(scope="session")
def jwks_url(issuer_key: SigningKey) -> Iterator[str]:
    body = jwks.encode(jwks.document([issuer_key]))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/jwk-set+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/jwks.json"
    server.shutdown()
    server.server_close()


@pytest.fixture(params=databases.KINDS)
async def resource_database_url(request: Any, tmp_path: Path) -> AsyncIterator[str]:
    async with databases.fresh(request.param, "resource_api", migrations.upgrade, tmp_path) as url:
        yield url


@dataclass
class Gallery:
    app: Any
    client: httpx2.AsyncClient
    settings: settings.Settings
    clock: ManualClock
    key: SigningKey

    def mint(self, sub: str, scope: str = "", **claims: Any) -> str:
        now = int(self.clock())
        body = {
            "iss": self.settings.issuer,
            "sub": sub,
            "aud": self.settings.resource,
            "client_id": "app_web",
            "iat": now,
            "exp": now + 3600,
            "jti": f"jti-{next(_number)}",
            "scope": scope,
        }
        return self.key.sign(body | claims)


@pytest.fixture
async def gallery(
    resource_database_url: str, clock: ManualClock, jwks_url: str, issuer_key: SigningKey, tmp_path: Path
) -> AsyncIterator[Gallery]:
    loaded = settings.load(database_url=resource_database_url, files=tmp_path / "files", jwks_url=jwks_url)
    app = application.create_app(loaded, clock=clock)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url=loaded.resource) as client,
    ):
        yield Gallery(app, client, loaded, clock, issuer_key)

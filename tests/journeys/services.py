"""The authorization server as an operator runs it: processes on one database, with an app and a person."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from authserver import apis
from authserver.cli import running
from authserver.oauth import clients
from authserver.people import users

from ..support import authserver, processes
from . import pages

RESOURCE = "https://gallery.test"
SCOPES = ("images:read", "images:write")
CALLBACK = "https://print.test/callback"
EMAIL = "ana@example.test"
PASSWORD = "correct horse battery staple 7"
VERIFIER = "a-verifier-of-at-least-forty-three-characters-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@dataclass(frozen=True)
class App:
    """The confidential app that was registered, and the servers it may talk to."""

    client_id: str
    secret: str
    programs: tuple[processes.Program, ...]

    @property
    def urls(self) -> tuple[str, ...]:
        return tuple(program.url for program in self.programs)

    def code(self) -> str:
        """A code that Ana allowed, on the first server's pages."""
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": CALLBACK,
            "scope": " ".join(SCOPES),
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        address = f"{self.urls[0]}/oauth/authorize?{urlencode(query)}"
        return pages.sign_in_and_allow(address, EMAIL, PASSWORD)["code"]

    def redeeming(self, code: str) -> dict[str, str]:
        """The form that turns this code into tokens."""
        return self.form(
            grant_type="authorization_code", code=code, redirect_uri=CALLBACK, code_verifier=VERIFIER
        )

    def form(self, **fields: str) -> dict[str, str]:
        """These fields, as this app."""
        return {"client_id": self.client_id, "client_secret": self.secret, **fields}


@contextlib.asynccontextmanager
async def serving(
    database_url: str, folder: Path, count: int, *arguments: str, **settings: str
) -> AsyncIterator[App]:
    """So many server processes on one database, all known to the world at the first one's address."""
    ports = [processes.free_port() for _ in range(count)]
    given = {
        "AUTHSERVER_DATABASE_URL": database_url,
        "AUTHSERVER_SECRET_KEY": authserver.SECRET_KEY,
        "AUTHSERVER_ISSUER": f"http://localhost:{ports[0]}",
        "AUTHSERVER_PASSWORD_MEMORY_KIB": "8",
        "AUTHSERVER_PASSWORD_PASSES": "1",
        "AUTHSERVER_LOG_LEVEL": "warning",
        **settings,
    }
    made = await _register(database_url)
    assert made.secret is not None
    with contextlib.ExitStack() as stack:
        programs = [
            stack.enter_context(processes.authserver(given, folder, *arguments, port=port)) for port in ports
        ]
        yield App(made.client.client_id, made.secret, tuple(programs))


async def _register(database_url: str) -> clients.Created:
    """An API, an app and Ana, by the verbs of the commands."""
    async with running.opened(authserver.configured(database_url)) as here:
        digest = await here.oauth.passwords.hash(PASSWORD)

        def work(session: Session) -> clients.Created:
            apis.create(session, RESOURCE, "Gallery", here.now)
            for scope in SCOPES:
                apis.add_scope(session, RESOURCE, scope, f"do {scope}", f"faire {scope}", here.now)
            users.add(session, EMAIL, digest, now=here.now)
            values: dict[str, Any] = {
                "redirect_uris": [CALLBACK],
                "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
                "auth_method": "client_secret_post",
                "scopes": SCOPES,
            }
            return clients.create(session, name="Photo print", now=here.now, **values)

        return await here.database.transaction(work)

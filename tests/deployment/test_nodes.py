"""The composed services as processes: the file's own commands and environment, and two nodes that hear of every change.

What is changed on one node, or by a command, holds on the other within a second; a machine under load is given more.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy.orm import Session

from authserver import apis
from authserver.cli import running
from tests.authserver.protocol.flows import header_of
from tests.support import authserver as inside
from tests.support import databases, processes

from . import compose

pytestmark = pytest.mark.processes

ISSUER, GALLERY = "https://id.test", "https://gallery.test"
SECONDS = 1.0
PASSWORD = "correct horse battery staple 7"


@dataclass(frozen=True)
class Deployment:
    """What docker-compose.yml describes, on loopback."""

    folder: Path
    environment: dict[str, str]
    nodes: tuple[processes.Program, processes.Program]
    gallery: processes.Program | None

    def run(self, *command: str) -> Any:
        """The JSON that an operator's command prints."""
        return json.loads(self.do(*command, "--json"))

    def do(self, *command: str) -> str:
        """What it prints."""
        done = processes.run(command, self.environment, self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def machine(self) -> tuple[str, str]:
        made = self.run(
            "authserver", "client", "create", "--name", "M", "--type", "machine", "--scope", "images:read"
        )
        return made["client_id"], made["client_secret"]


@pytest.fixture(params=[True, False], ids=["valkey", "no valkey"])
async def deployment(
    request: pytest.FixtureRequest, valkey_url: str, tmp_path: Path
) -> AsyncIterator[Deployment]:
    """Every service of ours, by the commands in the file; and the nodes alone, without the Valkey, of which the
    gallery knows nothing."""
    names = ["authserver-1", "authserver-2", *(["resource-api"] if request.param else [])]
    ports = {name: processes.free_port() for name in names}
    async with contextlib.AsyncExitStack() as stack:
        urls = [await stack.enter_async_context(databases.empty("postgresql", tmp_path)) for _ in range(2)]

        def environment(service: dict[str, Any]) -> dict[str, str]:
            filled = {
                name: compose.filled(
                    text,
                    {
                        "AUTHSERVER_DOMAIN": "id.test",
                        "GALLERY_DOMAIN": "gallery.test",
                        "POSTGRES_PASSWORD": "",
                    },
                )
                for name, text in service["environment"].items()
            }
            # What the network and the mounts of containers would give.
            here = {
                "AUTHSERVER_DATABASE_URL": urls[0],
                "AUTHSERVER_SECRET_KEY_FILE": str(tmp_path / "secret-key"),
                "RESOURCE_API_DATABASE_URL": urls[1],
                "RESOURCE_API_FILES": str(tmp_path / "files"),
                "RESOURCE_API_JWKS_URL": f"http://127.0.0.1:{ports['authserver-1']}/.well-known/jwks.json",
                "AUTHSERVER_VALKEY_URL": valkey_url,
            }
            filled |= {name: text for name, text in here.items() if name in filled}
            if not request.param:
                filled.pop("AUTHSERVER_VALKEY_URL", None)
            return filled

        (tmp_path / "secret-key").write_text(inside.SECRET_KEY)
        (tmp_path / "secret-key").chmod(0o600)
        services = compose.ours()
        for name in ("authserver-migrate", *(["resource-api-migrate"] if request.param else [])):
            done = processes.run(services[name]["command"], environment(services[name]), tmp_path)
            assert done.returncode == 0, done.stderr
        started = {}
        for name, port in ports.items():
            command = ["127.0.0.1" if word == "0.0.0.0" else word for word in services[name]["command"]]
            command = ["1" if word == "2" else word for word in command]  # one worker will do here
            started[name] = stack.enter_context(
                processes.started(
                    [*command, "--port", str(port)],
                    environment(services[name]),
                    tmp_path,
                    f"http://127.0.0.1:{port}",
                )
            )
        await _describe(urls[0])
        yield Deployment(
            tmp_path,
            environment(services["authserver-1"]),
            (started["authserver-1"], started["authserver-2"]),
            started.get("resource-api"),
        )


async def _describe(url: str) -> None:
    """The gallery and its scope, by the verbs of the commands."""
    async with running.opened(inside.configured(url)) as here:

        def work(session: Session) -> None:
            apis.create(session, GALLERY, "Gallery", here.now)
            apis.add_scope(session, GALLERY, "images:read", "see images", "voir vos images", here.now)

        await here.database.transaction(work)


async def test_two_nodes_are_one_server(deployment: Deployment) -> None:
    """Disabled clients, rotated secrets, revoked keys and ended sessions: within a second on the other node."""
    first, second = deployment.nodes
    # A token of the one node is good at the gallery and known to the other.
    client, secret = deployment.machine()
    _soon(lambda: _token(second, client, secret).status_code == 200)
    token = _token(first, client, secret).json()["access_token"]
    if deployment.gallery is not None:
        listed = _get(deployment.gallery, "/images", token)
        assert listed.status_code == 200, listed.text
        _check_health(deployment.folder, *deployment.nodes, deployment.gallery)
    assert _post(second, "/oauth/introspect", client, secret, token=token).json()["active"] is True

    rotated = deployment.run("authserver", "client", "rotate-secret", client, "--overlap-hours", "0")
    _soon(lambda: _token(second, client, secret).status_code == 401)
    secret = rotated["client_secret"]
    assert _token(second, client, secret).status_code == 200

    # Revoked on the one, unknown to the other.
    assert _post(first, "/oauth/revoke", client, secret, token=token).status_code == 200
    _soon(lambda: _post(second, "/oauth/introspect", client, secret, token=token).json() == {"active": False})

    active = header_of(token)["kid"]
    assert active in _kids(second)
    deployment.do("authserver", "keys", "revoke", active, "--yes")
    _soon(lambda: active not in _kids(second))

    deployment.do("authserver", "client", "disable", client, "--yes")
    _soon(lambda: _token(second, client, secret).status_code == 401)

    # Registered and signed in on the one, signed in on the other, and nowhere once disabled.
    cookie = _register(first, "ana@example.test")
    assert _signed_in(first, cookie)
    assert _signed_in(second, cookie)
    deployment.do("authserver", "user", "disable", "ana@example.test", "--yes")
    _soon(lambda: not _signed_in(second, cookie))
    assert not _signed_in(first, cookie)


def _check_health(folder: Path, *programs: processes.Program) -> None:
    """The health check of the image, as the engine would run it."""
    check = compose.health_check()
    for program in programs:
        port = program.url.rpartition(":")[2]
        assert processes.run(check, {"HEALTH_PORT": port}, folder).returncode == 0
    assert processes.run(check, {"HEALTH_PORT": "1"}, folder).returncode != 0


def _register(node: processes.Program, email: str) -> str:
    """Make an account by the page; the cookie of its session, which a browser would send by TLS alone."""
    answer = httpx2.post(
        f"{node.url}/register",
        data={"email": email, "name": "Ana", "password": PASSWORD},
        headers={"Sec-Fetch-Site": "same-origin"},
        trust_env=False,
        verify=processes.PLAIN,
    )
    assert answer.status_code == 303, answer.text
    sent = [value.partition(";")[0] for value in answer.headers.get_list("set-cookie")]
    (session,) = [pair for pair in sent if pair.startswith("__Host-authserver=")]
    return session


def _signed_in(node: processes.Program, cookie: str) -> bool:
    page = httpx2.get(f"{node.url}/", headers={"Cookie": cookie}, trust_env=False, verify=processes.PLAIN)
    assert page.status_code == 200, page.text
    return 'data-test="signed-in"' in page.text


def _soon(holds: Callable[[], bool]) -> None:
    """It holds within a second, or as much longer as others keep the machine from us."""
    patience = SECONDS * max(1.0, 2 * os.getloadavg()[0])
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < patience, f"not within {patience:.1f} s"
        time.sleep(0.05)


def _token(node: processes.Program, client: str, secret: str) -> httpx2.Response:
    return _post(node, "/oauth/token", client, secret, grant_type="client_credentials")


def _post(node: processes.Program, path: str, client: str, secret: str, **fields: str) -> httpx2.Response:
    return httpx2.post(
        node.url + path, data=fields, auth=(client, secret), trust_env=False, verify=processes.PLAIN
    )


def _get(program: processes.Program, path: str, token: str) -> httpx2.Response:
    return httpx2.get(
        program.url + path,
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
        verify=processes.PLAIN,
    )


def _kids(node: processes.Program) -> set[str]:
    answer = httpx2.get(f"{node.url}/.well-known/jwks.json", trust_env=False, verify=processes.PLAIN)
    return {key["kid"] for key in answer.json()["keys"]}

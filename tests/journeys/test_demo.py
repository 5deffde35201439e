"""`authserver demo` as a stranger meets it: started twice, every flow tried with what demo.json says, then stopped."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest

from keys.verifier import Verifier

from ..support import processes
from . import pages

pytestmark = pytest.mark.processes

VERIFIER = "a-verifier-of-at-least-forty-three-characters-0123456789"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@dataclass(frozen=True)
class Demo:
    """A running demo, and what its file says."""

    program: processes.Program
    facts: dict[str, Any]


@contextlib.contextmanager
def demo(folder: Path, port: int, other: int) -> Iterator[Demo]:
    """Running with its data in `folder`, until the block ends."""
    settings = {
        "AUTHSERVER_PORT": str(port),
        "RESOURCE_API_PORT": str(other),
        "DEMO_DIR": str(folder / "var"),
    }
    began = time.monotonic()
    url = f"http://localhost:{port}"
    with processes.started(["authserver", "demo"], settings, folder, url) as program:
        while "Stop with Ctrl-C" not in program.output():
            assert program.process.poll() is None, program.output()
            assert time.monotonic() < began + processes.READY_SECONDS, program.output()
            time.sleep(0.02)
        yield Demo(program, json.loads((folder / "var" / "demo.json").read_text()))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demo for all tests that only use it."""
    with demo(tmp_path_factory.mktemp("demo"), processes.free_port(), processes.free_port()) as running:
        yield running


@pytest.fixture(scope="module")
def http() -> Iterator[httpx2.Client]:
    """A client without settings of this machine."""
    with httpx2.Client(trust_env=False, timeout=30) as client:
        yield client


def token(http: httpx2.Client, facts: dict[str, Any], who: str, **form: str) -> dict[str, Any]:
    """The answer of the token endpoint to this client of the demo, authenticated as the file says."""
    client = facts["clients"][who]
    request: dict[str, Any] = {"data": form}
    if client["auth_method"] == "client_secret_basic":
        request["auth"] = (client["client_id"], client["client_secret"])
    else:
        request["data"] |= {key: client[key] for key in ("client_id", "client_secret") if key in client}
    answer = http.post(f"{facts['issuer']}/oauth/token", **request)
    assert answer.status_code == 200, answer.text
    given: dict[str, Any] = answer.json()
    return given


def as_person(http: httpx2.Client, facts: dict[str, Any], who: str) -> dict[str, str]:
    """This person's bearer header, by the password grant."""
    person = facts["people"][who]
    given = token(
        http,
        facts,
        "first_party",
        grant_type="password",
        username=person["email"],
        password=person["password"],
    )
    return {"Authorization": f"Bearer {given['access_token']}"}


def titles(http: httpx2.Client, running: Demo) -> list[str]:
    """Of Ana's pictures."""
    ana = as_person(http, running.facts, "ana")
    listed = http.get(f"{running.facts['resource']}/images", headers=ana)
    return [image["title"] for image in listed.json()["items"]]


def by_code(http: httpx2.Client, facts: dict[str, Any], who: str, redirect_uri: str) -> dict[str, Any]:
    """Ana's tokens for this client, through sign-in and consent."""
    query = {
        "response_type": "code",
        "client_id": facts["clients"][who]["client_id"],
        "redirect_uri": redirect_uri,
        "scope": "images:read credits:read",
        "state": "here and back",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    ana = facts["people"]["ana"]
    address = f"{facts['issuer']}/oauth/authorize?{urlencode(query)}"
    back = pages.sign_in_and_allow(address, ana["email"], ana["password"])
    assert (back["state"], back["iss"]) == ("here and back", facts["issuer"])
    return token(
        http, facts, who,
        grant_type="authorization_code", code=back["code"], redirect_uri=redirect_uri, code_verifier=VERIFIER,
    )  # fmt: skip


def test_the_file_for_scripts_is_complete_and_private(shared: Demo) -> None:
    facts = shared.facts
    file = next(Path(shared.program.log.parent).glob("var/demo.json"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert facts["issuer"] == shared.program.url
    methods = {name: client["auth_method"] for name, client in facts["clients"].items()}
    assert methods == {
        "web": "client_secret_post",
        "spa": "none",
        "first_party": "client_secret_post",
        "machine": "client_secret_basic",
    }
    assert {name for name, client in facts["clients"].items() if "redirect_uri" in client} == {"web", "spa"}
    assert {name for name, client in facts["clients"].items() if "client_secret" not in client} == {"spa"}
    assert set(facts["people"]) == {"ana", "bruno", "admin"}
    assert all(set(person) == {"email", "password"} for person in facts["people"].values())


def test_a_machine_keeps_pictures_of_its_own(shared: Demo, http: httpx2.Client) -> None:
    facts = shared.facts
    given = token(http, facts, "machine", grant_type="client_credentials")
    bearer = {"Authorization": f"Bearer {given['access_token']}"}
    assert http.get(f"{facts['resource']}/images", headers=bearer).json()["items"] == []
    refused = http.get(f"{facts['resource']}/credits", headers=bearer)
    assert refused.status_code == 403


def test_ana_has_pictures_and_credits_and_spends_them(shared: Demo, http: httpx2.Client) -> None:
    resource, ana = shared.facts["resource"], as_person(http, shared.facts, "ana")
    before = http.get(f"{resource}/credits", headers=ana).json()["credits"]
    made = http.post(f"{resource}/images", headers=ana, json={"prompt": "a calm sea at dawn"})
    assert made.status_code == 201, made.text
    assert http.get(f"{resource}/credits", headers=ana).json()["credits"] < before
    content = http.get(f"{resource}{made.headers['location'].removeprefix(resource)}/content", headers=ana)
    assert content.status_code == 200
    assert content.headers["content-type"].startswith("image/")
    assert len(http.get(f"{resource}/images", headers=ana).json()["items"]) >= 3


def test_bruno_sees_what_ana_shares_and_nothing_else(shared: Demo, http: httpx2.Client) -> None:
    resource = shared.facts["resource"]
    ana, bruno = (as_person(http, shared.facts, who) for who in ("ana", "bruno"))
    (gallery,) = http.get(f"{resource}/galleries", headers=ana).json()["items"]
    assert http.get(f"{resource}/galleries/{gallery['id']}", headers=bruno).status_code == 200
    shown = http.get(f"{resource}/galleries/{gallery['id']}/images", headers=bruno).json()["items"]
    assert len(shown) == 2
    hers = {image["id"] for image in http.get(f"{resource}/images", headers=ana).json()["items"]}
    hidden = next(iter(hers - {image["id"] for image in shown}))
    assert http.get(f"{resource}/images/{hidden}", headers=bruno).status_code == 404


def test_the_web_app_gets_refreshes_and_revokes_tokens(shared: Demo, http: httpx2.Client) -> None:
    facts = shared.facts
    given = by_code(http, facts, "web", facts["clients"]["web"]["redirect_uri"])
    bearer = {"Authorization": f"Bearer {given['access_token']}"}
    assert http.get(f"{facts['resource']}/images", headers=bearer).status_code == 200
    assert http.get(f"{facts['resource']}/galleries", headers=bearer).status_code == 403
    newer = token(http, facts, "web", grant_type="refresh_token", refresh_token=given["refresh_token"])
    assert newer["refresh_token"] != given["refresh_token"]
    client = {key: facts["clients"]["web"][key] for key in ("client_id", "client_secret")}
    about = {"token": newer["access_token"], **client}
    assert http.post(f"{facts['issuer']}/oauth/introspect", data=about).json()["active"] is True
    ended = http.post(f"{facts['issuer']}/oauth/revoke", data={"token": newer["refresh_token"], **client})
    assert ended.status_code == 200
    assert http.post(f"{facts['issuer']}/oauth/introspect", data=about).json() == {"active": False}


def test_the_public_app_listens_on_any_port(shared: Demo, http: httpx2.Client) -> None:
    facts = shared.facts
    registered = facts["clients"]["spa"]["redirect_uri"]
    given = by_code(http, facts, "spa", registered.replace("127.0.0.1", "127.0.0.1:51234"))
    assert given["token_type"] == "Bearer"


def test_three_lines_verify_the_tokens(shared: Demo, http: httpx2.Client) -> None:
    facts = shared.facts
    given = token(http, facts, "machine", grant_type="client_credentials")
    read = Verifier(facts["issuer"], facts["resource"]).verify(given["access_token"])
    assert read.subject == facts["clients"]["machine"]["client_id"]
    assert read.has("images:read")


def test_every_line_it_prints_can_be_pasted(shared: Demo) -> None:
    text = shared.program.output()
    lines = [line for line in text.splitlines() if line.startswith(("curl ", "TOKEN=$("))]
    pasted = [line for line in lines if "code=CODE" not in line]
    assert len(pasted) >= 6
    script = "\n".join(pasted)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "a calm sea at dawn" in done.stdout
    assert '"credits"' in done.stdout
    assert "WWW-Authenticate: Bearer" in done.stdout or "www-authenticate: Bearer" in done.stdout


def test_the_code_flow_it_prints_works(shared: Demo) -> None:
    text, ana = shared.program.output(), shared.facts["people"]["ana"]
    (address,) = re.findall(r"^http\S+/oauth/authorize\?\S+$", text, re.MULTILINE)
    (line,) = [line for line in text.splitlines() if "code=CODE" in line]
    code = pages.sign_in_and_allow(address, ana["email"], ana["password"])["code"]
    command = line.strip().replace("code=CODE", f"code={code}")
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    assert "access_token" in json.loads(done.stdout), done.stdout


@pytest.mark.slow
def test_it_stops_starts_again_the_same_and_follows_its_ports(tmp_path: Path, http: httpx2.Client) -> None:
    ports = processes.free_port(), processes.free_port(), processes.free_port()
    with demo(tmp_path, *ports[:2]) as first:
        pictures = titles(http, first)
        assert len(pictures) == 3
        ana = as_person(http, first.facts, "ana")
        stops(first, signal.SIGINT, 130, ports[:2])
    the_gallery_verifies_while_the_server_is_gone(tmp_path, http, ports[:2], ana)
    with demo(tmp_path, *ports[:2]) as second:
        assert second.facts == first.facts
        assert titles(http, second) == pictures
        stops(second, signal.SIGTERM, 0, ports[:2])
    with demo(tmp_path, ports[1], ports[2]) as moved:
        addresses = {
            "issuer": f"http://localhost:{ports[1]}",
            "resource": f"http://localhost:{ports[2]}",
        }
        assert moved.facts == first.facts | addresses
        assert titles(http, moved) == pictures


def stops(running: Demo, sent: signal.Signals, status: int, ports: tuple[int, int]) -> None:
    """Both services, and leaves nobody behind."""
    assert running.program.stop(sent) == status
    assert "Traceback" not in running.program.output()
    for port in ports:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


def the_gallery_verifies_while_the_server_is_gone(
    folder: Path, http: httpx2.Client, ports: tuple[int, int], ana: dict[str, str]
) -> None:
    """On what a demo has left behind, and with a token of Ana's from then."""
    port, other = ports
    issuer, resource = f"http://localhost:{port}", f"http://localhost:{other}"
    settings = {
        "RESOURCE_API_ISSUER": issuer,
        "RESOURCE_API_DATABASE_URL": f"sqlite:///{folder}/var/gallery-{port}/gallery.db",
        "RESOURCE_API_FILES": f"{folder}/var/gallery-{port}/files",
    }
    server = {"AUTHSERVER_DATABASE_URL": f"sqlite:///{folder}/var/authserver.db"}
    with contextlib.ExitStack() as stack:
        running = stack.enter_context(processes.authserver(server, folder, port=port))
        stack.enter_context(processes.resource_api(settings, folder, port=other))
        running.stop()
        with pytest.raises(httpx2.ConnectError):
            http.get(f"{issuer}/livez")
        assert http.get(f"{resource}/images", headers=ana).status_code == 200
        assert http.get(f"{resource}/images", headers={"Authorization": "Bearer x"}).status_code == 401


@pytest.mark.parametrize("variable", ["AUTHSERVER_PORT", "RESOURCE_API_PORT"])
def test_a_taken_port_is_named_with_what_to_type(tmp_path: Path, variable: str) -> None:
    settings = {
        "AUTHSERVER_PORT": str(processes.free_port()),
        "RESOURCE_API_PORT": str(processes.free_port()),
        "DEMO_DIR": "var",
    }
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = processes.run(["authserver", "demo"], settings | {variable: str(port)}, tmp_path)
    assert done.returncode == 4
    assert f"Port {port} is taken by pid {os.getpid()}" in done.stderr
    assert f"{variable}={port + 1}" in done.stderr
    assert not (tmp_path / "var").exists()

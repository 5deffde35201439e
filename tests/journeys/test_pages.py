"""What the documentation tells people to type works, on the demo it tells them to start."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import typer.main
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from resource_api import app, auth, settings

from ..support import processes
from . import pages

LANGUAGES = {"sh", "text", "json", "python", ""}
RUNNABLE = [page for page in pages.PAGES if pages.blocks(page, "sh")]
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def _name(page: Path) -> str:
    return str(page.relative_to(pages.ROOT))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A running demo, and the settings a shell needs to find it."""
    folder = tmp_path_factory.mktemp("demo")
    port, other = processes.free_port(), processes.free_port()
    settings = {
        "AUTHSERVER_PORT": str(port),
        "RESOURCE_API_PORT": str(other),
        "DEMO_DIR": str(folder / "var"),
    }
    with processes.started(["authserver", "demo"], settings, folder, f"http://localhost:{port}") as program:
        _wait_for(folder / "var" / "demo.json", program)
        yield settings


def _wait_for(file: Path, program: processes.Program) -> None:
    """The demo writes its file once everything in it is there."""
    deadline = time.monotonic() + 90
    while not file.exists():
        assert program.process.poll() is None, program.output()
        assert time.monotonic() < deadline, program.output()
        time.sleep(0.1)


@pytest.mark.processes
@pytest.mark.parametrize("page", RUNNABLE, ids=_name)
def test_every_example_works_in_order(demo: dict[str, str], page: Path) -> None:
    # `make` needs a fresh machine and has its own test.
    scripts = [script for script in pages.blocks(page, "sh") if not script.startswith(("make ", "git clone"))]
    with pages.shell(demo) as shell:
        for script in scripts:
            if "$CODE" in script:
                shell.run(_signed_in(demo, shell))
            shell.run(script)


def _signed_in(demo: dict[str, str], shell: pages.Shell) -> str:
    """The line a reader types after the browser brought them back."""
    ana = json.loads((Path(demo["DEMO_DIR"]) / "demo.json").read_text())["people"]["ana"]
    answer = pages.sign_in_and_allow(shell.run('echo "$URL"').strip(), ana["email"], ana["password"])
    assert answer["state"] == shell.run('echo "$STATE"').strip()
    assert answer["iss"] == shell.run("demo issuer").strip()
    return f"CODE={answer['code']}"


@pytest.mark.parametrize("page", pages.PAGES, ids=_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text()
    for link in _LINK.findall(text):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in _anchors(target), link


def _anchors(page: Path) -> set[str]:
    """How a heading is linked to: lower case, punctuation gone, blanks to hyphens."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages.PAGES, ids=_name)
def test_every_block_says_what_it_is(page: Path) -> None:
    fences = re.findall(r"^```(\w*)$", page.read_text(), re.MULTILINE)
    assert len(fences) % 2 == 0
    assert set(fences) <= LANGUAGES


def test_the_configuration_page_is_made_from_todays_settings() -> None:
    check = subprocess.run(
        [sys.executable, pages.ROOT / ".ci" / "reference.py", "--check"],
        cwd=pages.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == 0, check.stderr


def test_every_flow_has_a_page_that_the_readme_leads_to() -> None:
    readme = (pages.ROOT / "README.md").read_text()
    for page in pages.DOCS.glob("*.md"):
        assert f"docs/{page.name}" in readme, page.name


def _commands() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for program, module in (("authserver", "authserver.cli"), ("resource-api", "resource_api.cli")):
        found |= pages.tree(typer.main.get_command(importlib.import_module(module).app), program)
    return found


@pytest.mark.parametrize("page", pages.PAGES, ids=_name)
def test_every_command_a_page_names_exists(page: Path) -> None:
    commands = _commands()
    for command, options in pages.named(page, commands):
        assert command in commands, command
        known = {option for parameter in commands[command].params for option in parameter.opts}
        assert set(options) <= known | {"--help"}, command


def test_every_command_is_on_the_page_of_commands() -> None:
    commands = _commands()
    named = {command for command, _ in pages.named(pages.DOCS / "commands.md", commands)}
    assert named == set(commands)


@pytest.mark.parametrize("page", ["README.md", "docs/verify-tokens.md"])
def test_the_three_lines_protect_a_route(page: str) -> None:
    (lines,) = pages.blocks(pages.ROOT / page, "python")
    assert len(lines.splitlines()) == 3
    api = FastAPI()
    exec(f"{lines}def images() -> None: ...", {"app": api})  # noqa: S102  what the reader runs
    response = TestClient(api).get("/images")
    assert response.status_code == 401
    assert 'scope="images:read"' in response.headers["www-authenticate"]


def test_the_map_of_the_gallery_says_which_scope_opens_each_route() -> None:
    readme = (pages.ROOT / "resource_api" / "README.md").read_text()
    told = {
        (scope, operation, star == "*")
        for scope, operations in re.findall(r"^\| `(\w+:\w+)` \| (.*) \|$", readme, re.MULTILINE)
        for operation, star in re.findall(r"`([A-Z]+ /[^`]*)`(\*?)", operations)
    }
    served = {
        (scope, f"{method} {route.path_format}", guard.call.person)
        for route in app.create_app(settings.load()).routes
        if isinstance(route, APIRoute)
        for guard in route.dependant.dependencies
        if isinstance(guard.call, auth._Bearer)
        for method in route.methods or ()
        for scope in guard.own_oauth_scopes or ()
    }
    assert told == served

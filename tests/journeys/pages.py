"""The pages of documentation as programs: their shell examples in one shell, in order, and a person who signs in."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
MAPS = [ROOT / package / "README.md" for package in ("authserver", "resource_api", "keys")]
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *MAPS]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"<input[^>]*>")


def blocks(page: Path, *languages: str) -> list[str]:
    """The fenced blocks of a page in these languages. `sh` can be pasted and works; `text` is to be read."""
    return [body for language, body in _BLOCK.findall(page.read_text()) if language in languages]


def tree(root: Any, name: str) -> dict[str, Any]:
    """Every command below a group, by what one types for it."""
    if not hasattr(root, "list_commands"):
        return {name: root}
    found: dict[str, Any] = {}
    for each in root.list_commands(None):
        found |= tree(root.get_command(None, each), f"{name} {each}")
    return found


def named(page: Path, commands: Collection[str]) -> Iterator[tuple[str, list[str]]]:
    """Commands that a page names, each with the options on the same line or its continuation."""
    text = page.read_text().replace("\\\n", " ")
    longest = sorted(commands, key=len, reverse=True)
    for line in re.findall(r"(?:^|`)((?:authserver|resource-api) [a-z][^`\n]*)", text, re.MULTILINE):
        command = next((each for each in longest if f"{line} ".startswith(f"{each} ")), line)
        yield command, re.findall(r"(--[a-z][a-z-]*)", line)


class Shell:
    """One shell that remembers, as the reader's does. A command that fails ends it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, script: str) -> str:
        """What the script prints. Raises AssertionError with that when a command fails."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{script}\nprintf '\\n--done--\\n'\n")
        self._process.stdin.flush()
        lines: list[str] = []
        for line in self._process.stdout:
            if line == "--done--\n":
                return "".join(lines).removesuffix("\n")
            lines.append(line)
        raise AssertionError(f"failed:\n{script}\n{''.join(lines)}")


@contextmanager
def shell(settings: Mapping[str, str]) -> Iterator[Shell]:
    """A shell in the repository's folder, as the pages tell their readers to open one."""
    process = subprocess.Popen(
        ["bash", "-euo", "pipefail"],
        cwd=ROOT,
        env={**os.environ, **settings},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield Shell(process)
    finally:
        process.kill()
        process.communicate()


def sign_in_and_allow(address: str, email: str, password: str) -> dict[str, str]:
    """What comes back to the redirect URI after this person has signed in and allowed what is asked, if anything."""
    with httpx2.Client(trust_env=False) as browser:
        response = _at_a_page(browser, browser.get(address))
        answers = [{"email": email, "password": password}, {"decision": "allow"}]
        while answers and response.status_code == 200:
            form = [*_fields(response.text), *answers.pop(0).items()]
            response = browser.post(
                httpx2.URL(str(response.url)).copy_with(query=None),
                content=urlencode(form),
                headers={"Content-Type": "application/x-www-form-urlencoded"},
            )
            response = _at_a_page(browser, response)
        assert response.status_code == 303, response.text
        query = parse_qs(urlsplit(response.headers["location"]).query)
        return {name: values[0] for name, values in query.items()}


def _at_a_page(browser: httpx2.Client, response: httpx2.Response) -> httpx2.Response:
    """Where redirects of the server's own pages lead: to a page, or to the redirect that leaves it."""
    while response.status_code == 303:
        onward = response.url.join(response.headers["location"])
        if onward.netloc != response.url.netloc:
            break
        response = browser.get(onward)
    return response


def _fields(html: str) -> list[tuple[str, str]]:
    """The hidden fields and ticked boxes of the page's first form, as a browser would send them."""
    html = html.partition("</form>")[0]
    sent = []
    for tag in _FIELD.findall(html):
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if attributes.get("type") == "hidden" or (attributes.get("type") == "checkbox" and " checked" in tag):
            sent.append((attributes["name"], attributes["value"]))
    return sent

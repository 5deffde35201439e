"""What the repository holds, and what must never get into it."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOP = {
    "LICENSE",
    "Makefile",
    "README.md",
    "authserver",
    "docs",
    "keys",
    "pyproject.toml",
    "requirements-dev.txt",
    "requirements.txt",
    "resource_api",
    "tests",
    "Dockerfile",
    "docker-compose.yml",
    ".ci",
    ".dockerignore",
    ".gitattributes",
    ".gitignore",
}
LARGEST = 400_000
# Written in two halves, so that this file holds none of them.
REGISTRIES = (
    "pypi." + "org",
    "pythonhosted." + "org",
    "npmjs." + "org",
    "deb.debian." + "org",
    "/sim" + "ple/",
)
PRIVATE_KEY = re.compile("-----BEGIN " + "[A-Z ]*PRIVATE KEY-----")
MACHINE = re.compile(r"(?<![\w.])/(?:work|home|root|Users)/\w")
NOT_OURS = {
    ".db",
    ".db-shm",
    ".db-wal",
    ".key",
    ".mo",
    ".p12",
    ".pem",
    ".pfx",
    ".pyc",
    ".secret-key",
    ".sqlite",
}


@cache
def tracked() -> tuple[str, ...]:
    """The files that git knows, which are the ones that everybody gets."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    names = tuple(name for name in listed.stdout.split("\0") if name and (ROOT / name).exists())
    assert len(names) > 100
    return names


@cache
def texts() -> dict[str, str]:
    """Those of them that are text."""
    found = {}
    for name in tracked():
        content = (ROOT / name).read_bytes()
        if b"\0" not in content:
            found[name] = content.decode()
    return found


def test_only_what_a_repository_needs_lies_at_the_top() -> None:
    assert {name.partition("/")[0] for name in tracked()} <= TOP


def test_no_file_is_made_by_a_program_or_holds_data() -> None:
    assert not [name for name in tracked() if Path(name).suffix in NOT_OURS or "__pycache__" in name]
    assert not [name for name in tracked() if (ROOT / name).read_bytes().startswith(b"SQLite format 3")]


def test_no_file_is_huge() -> None:
    assert not [name for name in tracked() if (ROOT / name).stat().st_size > LARGEST]


@pytest.mark.parametrize("host", REGISTRIES)
def test_no_file_names_a_registry(host: str) -> None:
    assert not [name for name, text in texts().items() if host in text]


def test_no_file_holds_a_private_key() -> None:
    assert not [name for name, text in texts().items() if PRIVATE_KEY.search(text)]


def test_no_file_names_a_folder_of_one_machine() -> None:
    assert not [name for name, text in texts().items() if MACHINE.search(text)]


def test_git_ignores_what_running_makes() -> None:
    made = (
        ".venv/x",
        "var/authserver.db",
        "var/authserver.secret-key",
        "authserver/__pycache__/x.pyc",
        ".env",
        "x.db",
    )
    asked = subprocess.run(
        ["git", "check-ignore", *made], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert asked.stdout.split() == list(made)


def test_every_make_target_says_what_it_does() -> None:
    text = texts()["Makefile"]
    targets = re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)
    assert targets
    for target in targets[1].split():
        assert re.search(rf"^{target}:.*## [A-Z].*[.]$", text, re.MULTILINE), target

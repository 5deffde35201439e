"""How the house is built, as far as a program can see it. Who may import whom is checked by import-linter."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("authserver", "resource_api", "keys")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LONGEST = 400
MEANINGLESS = {
    "base",
    "common",
    "core",
    "helper",
    "helpers",
    "manager",
    "misc",
    "service",
    "services",
    "util",
    "utils",
}


def _names(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_are_three_packages() -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert found == {*PACKAGES, "tests"}


@pytest.mark.parametrize("path", FILES, ids=_names)
def test_a_file_can_be_read_in_one_sitting(path: Path) -> None:
    lines = len(path.read_text().splitlines())
    assert lines <= LONGEST, f"{lines} lines: which part of it has a name of its own?"


@pytest.mark.parametrize("path", FILES, ids=_names)
def test_a_file_is_named_for_what_it_holds(path: Path) -> None:
    assert path.stem not in MEANINGLESS
    assert not MEANINGLESS & set(path.relative_to(ROOT).parts)


@pytest.mark.parametrize("path", FILES, ids=_names)
def test_a_file_says_what_lives_in_it(path: Path) -> None:
    module = ast.parse(path.read_text())
    assert not module.body or ast.get_docstring(module), (
        "a module's docstring says what lives here and what does not"
    )


def test_services_and_tests_are_typed() -> None:
    assert all((ROOT / package / "py.typed").exists() for package in PACKAGES)

"""The check of pins and floors finds what it is there to find."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.txt", "requirements-dev.txt")


@pytest.fixture(scope="module")
def pins() -> SimpleNamespace:
    """The script, which is no module of a package."""
    return SimpleNamespace(**runpy.run_path(str(ROOT / ".ci" / "pins.py")))


@pytest.fixture
def project() -> str:
    return (ROOT / "pyproject.toml").read_text()


@pytest.fixture
def locks() -> dict[str, str]:
    return {name: (ROOT / name).read_text() for name in LOCKS}


def test_pins_and_floors_hold(pins: SimpleNamespace, project: str, locks: dict[str, str]) -> None:
    assert pins.problems(project, locks) == []
    assert len(pins.pins(locks["requirements.txt"])) <= 65  # what a machine that only runs it must take in


def test_pins_name_no_address(locks: dict[str, str]) -> None:
    assert not [
        line for text in locks.values() for line in text.splitlines() if "://" in line or " @ " in line
    ]
    assert not [line for text in locks.values() for line in text.splitlines() if line.startswith("-")]


def test_a_pin_without_a_hash_is_found(pins: SimpleNamespace, project: str, locks: dict[str, str]) -> None:
    bare = locks | {"requirements.txt": locks["requirements.txt"] + "six==1.17.0\n"}
    assert any("six" in sentence for sentence in pins.problems(project, bare))


@pytest.mark.parametrize(
    "line",
    [
        "six>=1.17",
        "six",
        "six==1.17,>1",
        "six @ https://example.test/six.whl",
        "six==1.17 \\\n    --hash=md5:00",
    ],
)
def test_what_is_no_pin_is_found(
    pins: SimpleNamespace, project: str, locks: dict[str, str], line: str
) -> None:
    loose = locks | {"requirements-dev.txt": f"{locks['requirements-dev.txt']}{line}\n"}
    assert any("six" in sentence for sentence in pins.problems(project, loose))


def test_every_floor_is_felt_in_the_pins(pins: SimpleNamespace, project: str, locks: dict[str, str]) -> None:
    for floor in pins.FLOORS:
        old = re.sub(rf"(?m)^{floor.name}==\S+", f"{floor.name}==0.0.1", locks["requirements.txt"])
        assert old != locks["requirements.txt"]
        said = pins.problems(project, locks | {"requirements.txt": old})
        assert any(floor.advisory in sentence for sentence in said)


def test_every_floor_is_felt_in_the_project(
    pins: SimpleNamespace, project: str, locks: dict[str, str]
) -> None:
    for floor in pins.FLOORS:
        old = re.sub(rf'"{floor.name}>=[^",]+', f'"{floor.name}>=0.0.1', project)
        assert old != project
        assert any(floor.advisory in sentence for sentence in pins.problems(old, locks))


def test_a_dependency_that_is_not_pinned_is_found(
    pins: SimpleNamespace, project: str, locks: dict[str, str]
) -> None:
    more = project.replace('"pillow>=13",', '"pillow>=13", "six>=1.17",')
    assert more != project
    assert any("six" in sentence for sentence in pins.problems(more, locks))

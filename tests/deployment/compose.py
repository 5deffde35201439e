"""What Dockerfile and docker-compose.yml say, read for the tests that hold them against the program."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
_VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::\?([^}]*))?\}")


def composed() -> dict[str, Any]:
    """The file, its anchors resolved; variables are still names."""
    read: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return read


def ours() -> dict[str, dict[str, Any]]:
    """The services that run our own image."""
    return {name: service for name, service in composed()["services"].items() if "build" in service}


def filled(text: str, values: dict[str, str]) -> str:
    """The text with its variables filled in. Raises KeyError for one without a value."""
    return _VARIABLE.sub(lambda found: values[found[1]], text)


def variables() -> tuple[set[str], set[str]]:
    """All variables that are named, and those whose absence stops everything with a sentence."""
    named = _VARIABLE.findall((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return {name for name, _ in named}, {name for name, sentence in named if sentence}


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, continued lines joined, comments dropped."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    pairs = [line.split(maxsplit=1) for line in lines]
    return [(name, rest) for name, rest in pairs]


def health_check() -> list[str]:
    """The command of the image's HEALTHCHECK."""
    (rest,) = (rest for name, rest in instructions() if name == "HEALTHCHECK")
    command: list[str] = json.loads(rest.partition("CMD ")[2])
    return command

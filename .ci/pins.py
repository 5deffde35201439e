"""Checks that every dependency is pinned with its hashes, and that none is older than what an advisory asks for.

A floor must hold twice: in pyproject.toml, for those who install the project as a library, and in the pins.
"""

from __future__ import annotations

import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
FILES = ("requirements.txt", "requirements-dev.txt")


@dataclass(frozen=True)
class Floor:
    """The oldest version of a package that we run, and the advisory that asks for it."""

    name: str
    version: str
    advisory: str


FLOORS = (
    Floor(
        "authlib", "1.9.9", "CVE-2026-116672 and five older ones of its server: mended in 1.9.1 at the latest"
    ),
    Floor(
        "joserfc", "1.8", "CVE-2026-119284: a token was split before its size was checked; mended in 1.7.6"
    ),
    Floor("starlette", "1.0.1", "CVE-2026-48710: a malformed Host header changed request.url.path"),
    Floor(
        "python-multipart", "0.0.30", "CVE-2026-53539 and CVE-2026-42561: unbounded work on a form's headers"
    ),
    Floor("pillow", "12.2", "CVE-2026-40192: a decompression bomb filled the memory"),
    Floor("cryptography", "48.0.1", "GHSA-537c-gmf6-5ccf: its wheels carried a vulnerable OpenSSL"),
)


def pins(text: str) -> dict[str, tuple[Version, int]]:
    """Each pinned package with its version and its number of hashes. Raises ValueError at what is no pin."""
    found: dict[str, tuple[Version, int]] = {}
    for block in re.split(r"\n(?=[^\s#])", "\n" + text):
        lines = [line for line in block.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        if not lines:
            continue
        head = Requirement(lines[0].rstrip("\\ "))
        exact = [each.version for each in head.specifier if each.operator == "=="]
        hashes = [line for line in lines[1:] if re.fullmatch(r"\s+--hash=sha256:[0-9a-f]{64}(?: \\)?", line)]
        if head.url or len(exact) != 1 or len(head.specifier) != 1 or len(hashes) != len(lines) - 1:
            raise ValueError(f"not a pin with hashes: {lines[0]}")
        found[head.name.lower()] = (Version(exact[0]), len(hashes))
    return found


def floors_of(project: str) -> dict[str, Version]:
    """The oldest version that a pyproject.toml accepts of each of its dependencies."""
    found = {}
    for text in tomllib.loads(project)["project"]["dependencies"]:
        requirement = Requirement(text)
        least = [
            Version(each.version) for each in requirement.specifier if each.operator in (">=", "==", "~=")
        ]
        found[requirement.name.lower()] = max(least, default=Version("0"))
    return found


def problems(project: str, locks: dict[str, str]) -> list[str]:
    """What is wrong, a sentence each: `project` is a pyproject.toml, `locks` the pins by file name."""
    said = []
    accepted = floors_of(project)
    said += [
        f"pyproject.toml: {floor.name} may be older than {floor.version} ({floor.advisory})."
        for floor in FLOORS
        if accepted.get(floor.name, Version("0")) < Version(floor.version)
    ]
    for file, text in locks.items():
        try:
            found = pins(text)
        except ValueError as error:
            said.append(f"{file}: {error}.")
            continue
        said += [f"{file}: {name} has no hash." for name, (_, hashes) in found.items() if not hashes]
        said += [
            f"{file}: {floor.name} is older than {floor.version} ({floor.advisory})."
            for floor in FLOORS
            if floor.name not in found or found[floor.name][0] < Version(floor.version)
        ]
        said += [
            f"{file}: {name} {found[name][0]} is older than pyproject.toml's {least}; run make lock."
            for name, least in accepted.items()
            if name in found and found[name][0] < least
        ]
        said += [f"{file}: {name} is missing; run make lock." for name in accepted if name not in found]
    return said


def main() -> int:
    said = problems(
        (ROOT / "pyproject.toml").read_text(), {file: (ROOT / file).read_text() for file in FILES}
    )
    for sentence in said:
        print(sentence, file=sys.stderr)
    if not said:
        counts = ", ".join(f"{len(pins((ROOT / file).read_text()))} in {file}" for file in FILES)
        print(f"Pinned with hashes: {counts}. Floors hold:")
        for floor in FLOORS:
            print(f"  {floor.name} >= {floor.version}: {floor.advisory}")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())

"""Trying tests in a copy of the tree, as it is or with a hole in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .mutant import ROOT, Mutant
from .witness import PACKAGES, REPORT

# A mutant's trial, the trial of a whole area without any, and each test in it.
TRIAL_SECONDS, AREA_SECONDS, TEST_SECONDS = 240.0, 1200.0, 90


@dataclass(frozen=True)
class Seen:
    """What became of one test in one of its phases. `crashes` are the answers 500 it has had by then."""

    test: str
    outcome: str
    asserted: bool
    crashes: int
    message: str


@dataclass(frozen=True)
class Trial:
    """How pytest ended (None: it took too long), what it saw, how long it took, what it wrote."""

    status: int | None
    seen: tuple[Seen, ...]
    seconds: float
    output: str

    def passed(self) -> set[str]:
        """The tests that ran, and neither failed nor were skipped in any phase or case."""
        unhappy = {each.test for each in self.seen if each.outcome != "passed"}
        return {each.test for each in self.seen} - unhappy

    def crashes(self) -> dict[str, int]:
        """How many answers 500 each test has at most."""
        found: dict[str, int] = {}
        for each in self.seen:
            found[each.test] = max(found.get(each.test, 0), each.crashes)
        return found


class Copy:
    """A copy of the tree as git lists it, together with what was not committed yet, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True)
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, folder / name)
        # Believed by their content, not by their time: a file may change and change back within a second.
        compiling = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash"]
        subprocess.run([*compiling, *PACKAGES, "tests"], cwd=folder, check=True)

    def try_(self, tests: Sequence[str], mutant: Mutant | None = None) -> Trial:
        """Runs these tests, with the mutant's hole in the tree for as long."""
        if mutant is None:
            return self._run(tests, AREA_SECONDS)
        path = self.folder / mutant.file
        healthy = path.read_text(encoding="utf-8")
        path.write_text(mutant.opened(healthy), encoding="utf-8")
        try:
            return self._run(tests, TRIAL_SECONDS)
        finally:
            path.write_text(healthy, encoding="utf-8")

    def _run(self, tests: Sequence[str], limit: float) -> Trial:
        report = self.folder / "witness.json"
        report.unlink(missing_ok=True)
        plugins = ("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "tests.mutants.witness")
        told = ("-q", "--tb=short", "--show-capture=no", f"--timeout={TEST_SECONDS}")
        command = [sys.executable, "-m", "pytest", *plugins, *told, *tests]
        surroundings = {"PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1", REPORT: str(report)}
        output = self.folder / "witness.log"
        started = time.monotonic()
        with output.open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, **surroundings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            try:
                status: int | None = process.wait(limit)
            except subprocess.TimeoutExpired:
                status = None
                process.kill()
                process.wait()
        seen = json.loads(report.read_text(encoding="utf-8")) if report.exists() else []
        seconds = time.monotonic() - started
        return Trial(
            status, tuple(Seen(**each) for each in seen), seconds, output.read_text(errors="replace")
        )

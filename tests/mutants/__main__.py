"""Opens every hole in turn and sees which test notices; ends with 1 when one goes unnoticed.

First the tests run as they are: only one that passes then can notice anything. A mutant is killed when pytest ends with
1 and an assertion failed in a test that had met no crash (see `witness`). It survives when pytest ends with 0. Anything
else says that the mutant itself is broken.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import queue
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from . import mutant, trial
from .mutant import Mutant

KILLED, SURVIVED, BROKEN = "killed", "SURVIVED", "BROKEN"


def verdict(tried: trial.Trial, before: dict[str, int]) -> tuple[str, str]:
    """What became of a mutant, and by which test or for which reason; `before` are the crashes without it."""
    if tried.status == 0:
        return SURVIVED, "no test noticed"
    if tried.status is None:
        return BROKEN, f"not done after {trial.TRIAL_SECONDS:.0f} s"
    if tried.status != 1:
        return BROKEN, f"pytest ended with {tried.status}"
    crashes = tried.crashes()
    failed = [each for each in tried.seen if each.outcome == "failed"]
    for each in failed:
        if each.asserted and crashes[each.test] <= before.get(each.test, 0):
            return KILLED, f"{each.test.rpartition('::')[2]}: {each.message[:60]}"
    return BROKEN, "; ".join(f"{each.test.rpartition('::')[2]}: {each.message[:80]}" for each in failed[:2])


class Trials:
    """The copies, handed to whoever is next."""

    def __init__(self, folder: Path, jobs: int, *, first: bool) -> None:
        self._free: queue.Queue[trial.Copy] = queue.Queue()
        self._stop = first
        self.stopped = False
        for number in range(jobs):
            self._free.put(trial.Copy(folder / f"copy-{number}"))

    def control(self, tests: Sequence[str]) -> trial.Trial:
        return self._try(tests, None)

    def mutant(self, one: Mutant, before: dict[str, int]) -> tuple[str, str, trial.Trial] | None:
        """What became of it; None when another went wrong before and the first is to end it all."""
        if self.stopped:
            return None
        tried = self._try(one.tests, one)
        status, why = verdict(tried, before)
        self.stopped |= self._stop and status != KILLED
        print(f"{status:<9} {one.name:<34} {tried.seconds:5.1f} s  {why}", flush=True)
        return status, why, tried

    def _try(self, tests: Sequence[str], one: Mutant | None) -> trial.Trial:
        copy = self._free.get()
        try:
            return copy.try_(tests, one)
        finally:
            self._free.put(copy)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="a mutant or an area; may be repeated"
    )
    parser.add_argument("--jobs", type=int, default=2, help="how many at the same time (2)")
    parser.add_argument("-x", action="store_true", help="stop at the first that is not killed")
    wanted = parser.parse_args(arguments)
    chosen = {
        area: [one for one in found if not wanted.only or {one.name, area} & set(wanted.only)]
        for area, found in mutant.areas().items()
    }
    mutants = [one for found in chosen.values() for one in found]
    if not mutants:
        parser.error("no mutant has this name")
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        trials = Trials(Path(folder), wanted.jobs, first=wanted.x)
        with concurrent.futures.ThreadPoolExecutor(wanted.jobs) as pool:
            print("The tests as they are …", flush=True)
            wholes = list(
                pool.map(trials.control, [sorted(_tests(found)) for found in chosen.values() if found])
            )
            passed = set().union(*(whole.passed() for whole in wholes))
            if missing := sorted(_tests(mutants) - passed):
                print(*(whole.output for whole in wholes if whole.status), "Don’t pass:", *missing, sep="\n")
                return 1
            before = {test: count for whole in wholes for test, count in whole.crashes().items()}
            tried = list(pool.map(lambda one: trials.mutant(one, before), mutants))
    found = [each for each in tried if each is not None]
    for one, each in zip(mutants, tried, strict=True):
        if each is not None and each[0] != KILLED:
            print(f"\n{each[0]} {one.name}: {one.hole}\n{each[2].output[-3000:]}")
    counts = {status: sum(each[0] == status for each in found) for status in (KILLED, SURVIVED, BROKEN)}
    told = ", ".join(f"{count} {status.lower()}" for status, count in counts.items())
    print(f"\n{len(mutants)} mutants: {told}; {time.monotonic() - began:.0f} s")
    return 0 if counts[KILLED] == len(mutants) else 1


def _tests(mutants: Sequence[Mutant]) -> set[str]:
    return {test for one in mutants for test in one.tests}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

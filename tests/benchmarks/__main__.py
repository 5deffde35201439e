"""`make bench`: three interleaved rounds of everything, medians, and the table.

A round measures everything in turn and then once more in reverse, so that a machine that gets slower meanwhile weighs
on both sides of a ratio. Ratios are taken within a round; the table shows the median of the rounds'.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
from collections import defaultdict
from dataclasses import dataclass

from . import footprint, load, machine, services, verification

ROUNDS = 3


@dataclass(frozen=True)
class Row:
    """A line of the table: a measurement, the one it is compared with, and what was hoped for."""

    title: str
    name: str
    limit: str
    aim: str
    scale: float = 1.0
    turned: bool = False
    """Show how many times the limit's time this takes, not its rate."""


ROWS = (
    Row("sign RSA-2048, openssl, both cores", "signing", "signing", ""),
    Row("a bare FastAPI route that signs, 2 workers", "bare", "signing", ""),
    Row("client-credentials token, 2 workers", "client credentials", "signing", "≥ 0.45"),
    Row("sign RSA-2048, openssl, one core", "signing alone", "signing alone", ""),
    Row("refresh with rotation, 1 worker", "refresh", "signing alone", "≥ 0.17"),
    Row("code flow, consent remembered, 1 worker", "code flow", "signing alone", ""),
    Row("introspection, 1 worker", "introspection", "signing alone", ""),
    Row("key set, 1 worker", "key set", "signing alone", ""),
    Row("verify RSA, base64, JSON: the least possible", "verify bare", "verify bare", ""),
    Row(
        "offline verification, token never seen", "verify cold", "verify bare", "≤ 2 × its time", turned=True
    ),
    Row("offline verification, token remembered", "verify remembered", "verify bare", "≥ 200,000/s"),
    Row("gallery read, token not checked", "read unchecked", "read unchecked", ""),
    Row("gallery read, token checked", "read", "read unchecked", "≤ 1.2 × its time", turned=True),
)


async def measured(rounds: int, seconds: int) -> dict[str, list[load.Sample]]:
    """The samples of each measurement, one a round."""
    samples: dict[str, list[load.Sample]] = defaultdict(list)
    offline = verification.measures()
    async with services.house() as here:
        online = await services.rounds(here)
        steps = [("signing", _signing(os.cpu_count() or 1))]
        for name, run in online.items():
            if name == "refresh":
                steps.append(("signing alone", _signing(1)))
            steps.append((name, run))
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", flush=True)
            there = [(name, await run(seconds)) for name, run in steps]
            back = [(name, await run(seconds)) for name, run in reversed(steps)]
            for (name, first), (_, second) in zip(there, reversed(back), strict=True):
                samples[name].append(load.mean(first, second))
            for name, work in offline.items():
                samples[f"verify {name}"].append(await asyncio.to_thread(work))
    return samples


def _signing(cores: int) -> services.Round:
    async def sign(seconds: int) -> load.Sample:
        return load.Sample(await asyncio.to_thread(machine.signatures_per_second, cores, seconds))

    return sign


def table(samples: dict[str, list[load.Sample]]) -> str:
    """The lines of the table."""
    lines = [f"{'':<46}{'per second':>12}{'CPU each':>11}{'database':>11}{'ratio':>8}  aim"]
    for row in ROWS:
        mine, limit = samples[row.name], samples[row.limit]
        ratios = [one.rate / other.rate for one, other in zip(mine, limit, strict=True)]
        ratio = statistics.median(1 / each if row.turned else each for each in ratios)
        shown = f"{ratio:.2f}" if row.name != row.limit else ""
        cpu = statistics.median(one.cpu_seconds for one in mine)
        database = statistics.median(one.database_cpu_seconds for one in mine)
        rate = statistics.median(one.rate for one in mine)
        lines.append(
            f"{row.title:<46}{rate:>12,.0f}{_micro(cpu):>11}{_micro(database):>11}{shown:>8}  {row.aim}"
        )
    return "\n".join(lines)


def standing(rounds: int) -> str:
    """Start, memory and size."""
    lines = []
    for name in ("authserver", "resource-api"):
        seen = [footprint.started(name) for _ in range(rounds)]
        seconds = statistics.median(each.seconds for each in seen)
        memory = statistics.median(each.resident_bytes for each in seen) / footprint.MEGABYTE
        lines.append(
            f"{name}: {seconds:.2f} s from command to ready (aim ≤ 2), {memory:.0f} MB idle (aim ≤ 110)"
        )
    size, count = footprint.installed()
    lines.append(f"installed: {size / footprint.MEGABYTE:.0f} MB in {count} packages")
    return "\n".join(lines)


def _micro(seconds: float) -> str:
    return f"{seconds * 1e6:,.1f} µs" if seconds else ""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument(
        "--seconds", type=int, default=3, help="how long each measurement lasts, twice a round"
    )
    chosen = parser.parse_args()
    machine.needed()
    print(machine.name())
    samples = asyncio.run(measured(chosen.rounds, chosen.seconds))
    print(table(samples))
    print(standing(chosen.rounds))


if __name__ == "__main__":
    main()

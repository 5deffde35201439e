"""Load from `wrk` on the same cores, and what it cost the servers."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import psutil

_SCRIPTS = Path(__file__).with_name("wrk")
THREADS = 1


@dataclass(frozen=True)
class Sample:
    """One round of one measurement."""

    rate: float
    """What was counted, per second."""
    cpu_seconds: float = 0.0
    """Processor time of the service for each."""
    database_cpu_seconds: float = 0.0
    """The database's."""
    p50_seconds: float = 0.0
    p99_seconds: float = 0.0


def mean(first: Sample, second: Sample) -> Sample:
    """Both as one."""
    fields = zip(astuple(first), astuple(second), strict=True)
    return Sample(*((one + other) / 2 for one, other in fields))


@dataclass(frozen=True)
class Target:
    """A service under load and the database beside it."""

    url: str
    pid: int
    database_pid: int | None = None


async def wrk(
    target: Target,
    script: str,
    arguments: Sequence[str],
    *,
    path: str = "",
    headers: Mapping[str, str] | None = None,
    connections: int = 16,
    seconds: int = 4,
) -> Sample:
    """One round, while the loop goes on: what prepared the load must hear of changes meanwhile.

    Raises RuntimeError when any request failed: a rate of refusals is no rate.
    """
    command = ["wrk", "-t", str(THREADS), "-c", str(connections), "-d", f"{seconds}s", "--timeout", "10s"]
    for name, value in (headers or {}).items():
        command += ["-H", f"{name}: {value}"]
    command += ["-s", str(_SCRIPTS / f"{script}.lua"), target.url + path, "--", *arguments]
    before = cpu(target.pid), cpu(target.database_pid)
    done = await asyncio.to_thread(
        subprocess.run,
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=_SCRIPTS,
        timeout=seconds + 30,
    )
    after = cpu(target.pid), cpu(target.database_pid)
    line = next((line for line in done.stdout.splitlines() if line.startswith("result ")), None)
    if line is None:
        raise RuntimeError(f"wrk failed:\n{done.stdout}\n{done.stderr}")
    result = json.loads(line.removeprefix("result "))
    if result["refused"] or result["broken"] or not result["counted"]:
        raise RuntimeError(f"{script} {path}: {line}")
    count = result["counted"]
    return Sample(
        rate=count / result["seconds"],
        cpu_seconds=(after[0] - before[0]) / count,
        database_cpu_seconds=(after[1] - before[1]) / count,
        p50_seconds=result["p50"] / 1e6,
        p99_seconds=result["p99"] / 1e6,
    )


def cpu(pid: int | None) -> float:
    """Processor seconds so far of a process and all it started, those that have ended included."""
    if pid is None:
        return 0.0
    process = psutil.Process(pid)
    spent = 0.0
    for one in (process, *process.children(recursive=True)):
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        spent += times.user + times.system + times.children_user + times.children_system
    return spent

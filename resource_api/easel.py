"""The child process of `studio.py`: reads a piece of work from its input, does it, writes what came of it, and again.

Started as `python -m resource_api.easel`. It ends when its input does, so it never outlives the service, not even one
that was killed. It knows no request, no database and no file.
"""

import os
import pickle
import resource
import signal
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

NICENESS = 5
LENGTH = struct.Struct(">Q")


def main(memory_bytes: int, cpu_seconds: int) -> None:
    """Works until the input ends. Each piece may take so much processor time, or the kernel ends the process."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not be taken for an answer
    with suppress(OSError, ValueError):
        # What it may write to, not what it maps: the pages of libraries are shared with the service.
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _be_nice()
    while (work := _next(sys.stdin.buffer)) is not None:
        _allow(cpu_seconds)
        answer = pickle.dumps(_do(*work))
        answers.write(LENGTH.pack(len(answer)) + answer)
        answers.flush()


def _be_nice() -> None:
    """Let requests go first. Where Linux shares the processor out by sessions before it looks at processes, this one's
    session says so as well."""
    os.nice(NICENESS)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(NICENESS))


def _next(asked: BinaryIO) -> tuple[Any, ...] | None:
    head = asked.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    work: tuple[Any, ...] = pickle.loads(asked.read(*LENGTH.unpack(head)))  # noqa: S301  # written by the service
    return work


def _allow(cpu_seconds: int) -> None:
    # Not RLIMIT_CPU: it is held against a sampled time, which on a busy machine runs ahead of the one in os.times().
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds + 1)


def _do(work: Any, *arguments: Any) -> tuple[bool, Any]:
    try:
        return True, work(*arguments)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the answer
        return False, error


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

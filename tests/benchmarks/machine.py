"""The machine: what it is called, and how many RSA signatures OpenSSL gets out of it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path


def needed() -> None:
    """Ends with a sentence when a program is missing that measures."""
    missing = [name for name in ("wrk", "openssl") if shutil.which(name) is None]
    if missing:
        sys.exit(f"Install {' and '.join(missing)} first; on Debian: apt-get install {' '.join(missing)}")


def name() -> str:
    """Processor, cores, system, Python and OpenSSL, in one line."""
    return ", ".join(
        (
            _processor(),
            f"{os.cpu_count()} cores",
            f"Linux {platform.release()}" if sys.platform == "linux" else platform.platform(),
            f"Python {platform.python_version()}",
            _output("openssl", "version").strip(),
            f"load {os.getloadavg()[0]:.1f} at the start",
        )
    )


def signatures_per_second(processes: int, seconds: int) -> float:
    """RSA-2048 signatures by `openssl speed`, all processes together."""
    several = ["-multi", str(processes)] if processes > 1 else []
    text = _output("openssl", "speed", *several, "-seconds", str(seconds), "rsa2048")
    return signing_rate(text)


def signing_rate(text: str) -> float:
    """The signatures per second in what `openssl speed rsa2048` printed: the first number after the times."""
    found = re.search(r"^rsa\s+2048 bits(?:\s+[\d.]+s)+\s+([\d.]+)\s", text, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"openssl speed printed no rate:\n{text}")
    return float(found.group(1))


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "an unnamed processor"
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found.group(1).strip() if found else platform.machine()


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout

"""Whether a port is free, said before anything else is started."""

from __future__ import annotations

import contextlib
import errno
import socket
from pathlib import Path

from . import exits

_LISTENING = "0A"  # the state as /proc/net/tcp writes it


def check(host: str, port: int) -> None:
    """Raises CommandError naming the port, who has it where that can be seen, and what to type."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise exits.CommandError(_refusal(host, port, error), exits.NOT_READY) from None


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        reason = f"Port {port} is taken{_by(port)}."
    elif error.errno == errno.EACCES:
        reason = f"Port {port} needs more rights than this process has."
    else:
        return (
            f"Can't listen on {host}: {error.strerror}. Name an address of this machine: `--host 127.0.0.1`."
        )
    other = 8001 if port < 1024 else port + 1 if port < 65535 else port - 1
    return f"{reason} Try another: `--port {other}` or `RESOURCE_API_PORT={other}`."


def _by(port: int) -> str:
    """` by pid 4121 (python)` where this machine tells, else nothing."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for table in ("/proc/net/tcp", "/proc/net/tcp6"):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    return _holder(f"socket:[{fields[9]}]")
    return ""


def _holder(link: str) -> str:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # other people's processes, and those that end meanwhile
            for descriptor in (process / "fd").iterdir():
                if str(descriptor.readlink()) == link:
                    return f" by pid {process.name} ({(process / 'comm').read_text().strip()})"
    return ""

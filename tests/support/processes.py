"""The real programs, started as an operator starts them, each with a log that a failed test can show."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx2

READY_SECONDS = 60.0
STOP_SECONDS = 20.0
# For clients that speak plain http: to read the certificates of all authorities takes longer than what they ask.
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_SETTINGS = ("AUTHSERVER_", "RESOURCE_API_", "DEMO_", "PROMETHEUS_")


@dataclass(frozen=True)
class Program:
    """A running program that answers at `url`."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def stop(self, sent: signal.Signals = signal.SIGTERM) -> int:
        """Sends a signal and returns the exit status; kills what has not ended after `STOP_SECONDS`."""
        if self.process.poll() is None:
            self.process.send_signal(sent)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"did not stop in {STOP_SECONDS:.0f} s:\n{self.output()}") from None

    def output(self) -> str:
        """What it has written so far."""
        return self.log.read_text(errors="replace")


def free_port() -> int:
    """A port on the loopback address that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def command(name: str) -> str:
    """The path of a command that the project installs, beside the Python that runs the tests; a path as it is."""
    return name if "/" in name else str(Path(sys.executable).with_name(name))


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with these settings and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_SETTINGS)}
    return {**kept, **settings}


def run(
    arguments: Sequence[str], settings: Mapping[str, str], folder: Path, timeout: float = 60
) -> subprocess.CompletedProcess[str]:
    """Runs a command of ours to its end, in `folder`."""
    return subprocess.run(
        [command(arguments[0]), *arguments[1:]],
        cwd=folder,
        env=environment(settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@contextlib.contextmanager
def started(
    arguments: Sequence[str], settings: Mapping[str, str], folder: Path, url: str, *, path: str = "/readyz"
) -> Iterator[Program]:
    """A command of ours, started in `folder` and answering 200 at `url` + `path`; stopped at the end."""
    log = folder / f"{Path(arguments[0]).name}-{time.monotonic_ns()}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [command(arguments[0]), *arguments[1:]],
            cwd=folder,
            env=environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    program = Program(url, process, log)
    try:
        wait_until_ready(program, path)
        yield program
    finally:
        program.stop()


def wait_until_ready(program: Program, path: str = "/readyz") -> None:
    """Returns once the program answers 200; raises with its log when it ends or takes too long."""
    deadline = time.monotonic() + READY_SECONDS
    # One client for all tries: the program needs the processor.
    with httpx2.Client(timeout=2, trust_env=False, verify=PLAIN) as client:
        while time.monotonic() < deadline:
            if program.process.poll() is not None:
                raise AssertionError(f"ended with {program.process.returncode}:\n{program.output()}")
            with contextlib.suppress(httpx2.TransportError):
                if client.get(program.url + path).status_code == 200:
                    return
            time.sleep(0.05)
    raise AssertionError(f"not ready after {READY_SECONDS:.0f} s:\n{program.output()}")


@contextlib.contextmanager
def authserver(
    settings: Mapping[str, str], folder: Path, *arguments: str, port: int | None = None
) -> Iterator[Program]:
    """`authserver serve` on a free port of its own, unless one is given."""
    port = port or free_port()
    url = f"http://localhost:{port}"
    here = {"AUTHSERVER_ISSUER": url, "AUTHSERVER_PORT": str(port), **settings}
    with started(["authserver", "serve", *arguments], here, folder, url) as program:
        yield program


@contextlib.contextmanager
def resource_api(
    settings: Mapping[str, str], folder: Path, *arguments: str, port: int | None = None
) -> Iterator[Program]:
    """`resource-api serve` on a free port of its own, unless one is given."""
    port = port or free_port()
    url = f"http://localhost:{port}"
    here = {"RESOURCE_API_RESOURCE": url, "RESOURCE_API_PORT": str(port), **settings}
    with started(["resource-api", "serve", *arguments], here, folder, url) as program:
        yield program

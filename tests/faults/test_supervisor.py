"""A supervisor that is killed, and a disk that is full under the log before anything has been said."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

from authserver.cli import counters as authserver_counters
from resource_api.cli import counters as resource_counters
from tests.support import processes

from .measuring import wait_for
from .stage import READY_SECONDS

pytestmark = [pytest.mark.processes, pytest.mark.timeout(600)]

SERVICES = ("authserver", "resource-api")
COUNTERS: dict[str, Any] = {"authserver": authserver_counters, "resource-api": resource_counters}


def settings_for(service: str, folder: Path, port: int) -> Mapping[str, str]:
    url = f"http://localhost:{port}"
    if service == "authserver":
        return {"AUTHSERVER_ISSUER": url, "AUTHSERVER_PORT": str(port)}
    return {
        "RESOURCE_API_RESOURCE": url,
        "RESOURCE_API_PORT": str(port),
        "RESOURCE_API_ISSUER": "http://localhost:9",
        "RESOURCE_API_FILES": str(folder / "files"),
    }


def counted_in(program: processes.Program) -> Path:
    """The folder where its workers add up their counters."""
    workers = psutil.Process(program.process.pid).children()
    opened = [Path(each.path) for worker in workers for each in worker.open_files()]
    (folder,) = {path.parent for path in opened if "-metrics-" in path.parent.name}
    return folder


@pytest.mark.parametrize("service", SERVICES)
def test_row_152_the_workers_of_a_killed_supervisor_leave_the_port_to_the_next_one(
    service: str, tmp_path: Path
) -> None:
    port = processes.free_port()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    given = {**settings_for(service, tmp_path, port), "TMPDIR": str(temporary)}
    url = f"http://localhost:{port}"
    command = [service, "serve", "--workers", "2"]
    with processes.started(command, given, tmp_path, url, path="/livez") as program:
        workers = psutil.Process(program.process.pid).children(recursive=True)
        assert len(workers) >= 2
        assert httpx2.get(f"{url}/metrics", trust_env=False, timeout=30).status_code == 200
        assert not list(temporary.iterdir()), "what workers share must not depend on room on a disk"
        left = counted_in(program)
        with COUNTERS[service].shared(workers=2):
            assert left.is_dir(), "who runs keeps its own when another starts"
        program.process.kill()
        program.process.wait()
        _, alive = psutil.wait_procs(workers, timeout=20)
        assert alive == []
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as our servers do
        listener.bind(("localhost", port))
        listener.listen()
    assert left.is_dir()
    with COUNTERS[service].shared(workers=2):
        assert not left.exists(), "what the killed have left, the next one removes"


@pytest.mark.parametrize("service", SERVICES)
def test_row_152_a_worker_that_dies_while_it_is_asked_whether_it_lives_is_replaced_at_once(
    service: str, tmp_path: Path
) -> None:
    port = processes.free_port()
    given, url = settings_for(service, tmp_path, port), f"http://localhost:{port}"
    command = [service, "serve", "--workers", "2"]
    with processes.started(command, given, tmp_path, url, path="/livez") as program:
        supervisor = psutil.Process(program.process.pid)
        dying, other = supervisor.children()
        dying.suspend()  # its supervisor asks it within half a second, and waits five for the answer
        time.sleep(1)
        killed_at = time.monotonic()
        dying.kill()
        wait_for(lambda: len({*supervisor.children()} - {dying, other}) == 1)
        assert time.monotonic() - killed_at < READY_SECONDS


@pytest.mark.parametrize("service", SERVICES)
def test_row_155_a_full_disk_under_the_log_keeps_no_server_from_starting(
    service: str, tmp_path: Path
) -> None:
    port = processes.free_port()
    given, url = settings_for(service, tmp_path, port), f"http://localhost:{port}"
    with Path("/dev/full").open("wb") as full:
        process = subprocess.Popen(
            [processes.command(service), "serve"],
            cwd=tmp_path,
            env=processes.environment(given),
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=full,
        )
    program = processes.Program(url, process, Path(os.devnull))
    try:
        processes.wait_until_ready(program, "/livez")
        for _ in range(3):  # each writes a line that has no room
            answer = httpx2.get(f"{url}/.well-known/nothing", trust_env=False, timeout=30)
            assert answer.status_code == 404
    finally:
        status = program.stop()
    assert status == 0

"""What a service takes before anybody asks it anything: time to be ready, memory, room on the disk."""

from __future__ import annotations

import compileall
import importlib.metadata
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psutil

from keys.signing import SigningKey
from tests.support import authserver as inside
from tests.support import processes, tokens

MEGABYTE = 1_000_000
SETTLE_SECONDS = 3
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Start:
    """One start of one service."""

    seconds: float
    """From the command to the first 200 of /readyz, on a database that is there already."""
    resident_bytes: int
    """Of a service of one worker that has answered one request and waits for the next."""


def started(name: str) -> Start:
    """Start `authserver` or `resource-api` twice, and look at the second."""
    serve = processes.authserver if name == "authserver" else processes.resource_api
    compileall.compile_dir(str(_ROOT / name.replace("-", "_")), quiet=1)
    with tempfile.TemporaryDirectory() as folder, tokens.published([SigningKey.generate()]) as jwks_url:
        at = Path(folder)
        settings = _settings(name, at, jwks_url)
        with serve(settings, at):
            pass
        begun = time.perf_counter()
        with serve(settings, at) as program:
            seconds = time.perf_counter() - begun
            httpx2.get(f"{program.url}/livez", trust_env=False)
            time.sleep(SETTLE_SECONDS)
            return Start(seconds, psutil.Process(program.process.pid).memory_info().rss)


def installed() -> tuple[int, int]:
    """What the distributions that `authserver` needs take up, in bytes, and how many they are."""
    names = _needed("authserver")
    files = [file for name in names for file in importlib.metadata.files(name) or ()]
    paths = {Path(str(file.locate())) for file in files}
    return sum(path.stat().st_size for path in paths if path.is_file()), len(names)


def _settings(name: str, at: Path, jwks_url: str) -> dict[str, str]:
    if name == "authserver":
        return {
            "AUTHSERVER_DATABASE_URL": f"sqlite:///{at}/authserver.db",
            "AUTHSERVER_SECRET_KEY": inside.SECRET_KEY,
        }
    return {
        "RESOURCE_API_JWKS_URL": jwks_url,
        "RESOURCE_API_DATABASE_URL": f"sqlite:///{at}/gallery.db",
        "RESOURCE_API_FILES": str(at / "files"),
    }


def _needed(root: str) -> set[str]:
    """The names of a distribution and of all it needs, as they are installed here."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    seen: set[str] = set()
    waiting = [(root, frozenset[str]())]
    done: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in done:
            continue
        done.add((name, extras))
        seen.add(name)
        for text in importlib.metadata.requires(name) or ():
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or {""}):
                waiting.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    return seen

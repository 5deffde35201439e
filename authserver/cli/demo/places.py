"""Where the demo lives: its folder, ports and addresses, and the gallery as a process of its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .. import exits

STOP_SECONDS = 20


@dataclass(frozen=True)
class Places:
    """What the demo was told by `DEMO_DIR`, `AUTHSERVER_PORT` and `RESOURCE_API_PORT`."""

    folder: Path
    port: int
    resource_port: int

    @property
    def issuer(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def resource(self) -> str:
        return f"http://localhost:{self.resource_port}"

    @property
    def file(self) -> Path:
        """What scripts read: addresses, apps with their secrets, people with their passwords."""
        return self.folder / "demo.json"

    @property
    def gallery(self) -> Path:
        """The gallery's data. At another address the authorization server is another issuer, and its people are
        strangers to those of the first: their pictures and handles lie apart."""
        return self.folder / f"gallery-{self.port}"

    @property
    def filled(self) -> Path:
        """Is there once the gallery has its pictures, so that a later start need not ask."""
        return self.gallery / "filled"


def from_environment() -> Places:
    """Raises CommandError for ports that can't be."""
    places = Places(
        Path(os.environ.get("DEMO_DIR", "var")),
        _port("AUTHSERVER_PORT", 8000),
        _port("RESOURCE_API_PORT", 8001),
    )
    if places.port == places.resource_port:
        raise exits.CommandError(
            "Both services would listen on one port. Give AUTHSERVER_PORT and RESOURCE_API_PORT different ones.",
            exits.CONFIGURATION,
        )
    return places


def start_gallery(places: Places) -> subprocess.Popen[bytes]:
    """`resource-api serve` for these places; its log goes where ours goes."""
    settings = {
        "RESOURCE_API_ISSUER": places.issuer,
        "RESOURCE_API_RESOURCE": places.resource,
        "RESOURCE_API_PORT": str(places.resource_port),
        "RESOURCE_API_DATABASE_URL": f"sqlite:///{places.gallery}/gallery.db",
        "RESOURCE_API_FILES": str(places.gallery / "files"),
        # It starts before we do, and would warn that our keys are not there yet.
        "RESOURCE_API_LOG_LEVEL": "error",
    }
    return subprocess.Popen(
        [sys.executable, "-c", "from resource_api.cli import main; main()", "serve"],
        env=os.environ | settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        # Ctrl-C reaches everything in our session; the gallery is stopped by us alone, after our own requests.
        start_new_session=True,
    )


def stop(gallery: subprocess.Popen[bytes]) -> None:
    """Ask the gallery to end, and see that it does."""
    if gallery.poll() is None:
        gallery.terminate()
    try:
        gallery.wait(STOP_SECONDS)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        gallery.kill()
        with contextlib.suppress(KeyboardInterrupt):
            gallery.wait()


def _port(variable: str, default: int) -> int:
    text = os.environ.get(variable, str(default))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise exits.CommandError(f"{variable} must be a port, 1 to 65535, not {text!r}.", exits.CONFIGURATION)
    return int(text)

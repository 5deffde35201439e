"""The files under `web/static`, each under a name with its digest, so that browsers may keep it for ever."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "static"


@dataclass(frozen=True)
class Asset:
    """One file: its bytes and its media type with charset."""

    body: bytes
    media_type: str


class Assets:
    """All static files, read once: small, few, and never changing while the service runs."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._names: dict[str, str] = {}
        self._files: dict[str, Asset] = {}
        for path in sorted(folder.iterdir()):
            body = path.read_bytes()
            media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            if media_type.startswith("text/"):
                media_type += "; charset=utf-8"
            hashed = f"{path.stem}.{hashlib.sha256(body).hexdigest()[:12]}{path.suffix}"
            self._names[path.name] = hashed
            self._files[hashed] = Asset(body, media_type)

    def path(self, name: str) -> str:
        """The path of the file `name` below the issuer. Raises KeyError: a template names a file that isn't there."""
        return f"/static/{self._names[name]}"

    def find(self, hashed: str) -> Asset | None:
        """The file published under a hashed name."""
        return self._files.get(hashed)

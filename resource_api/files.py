"""Where the bytes of images are kept: a port of four verbs, and the folder that is behind it by default.

Keys are made here and in `images.py`, never by a caller: an id of ours, perhaps with a suffix (`ID.thumbnail`). Which
image a file belongs to, and who may read it, is not known here.

A file is written before the row that names it is committed. So a failed write leaves no row and costs nothing; a
failed commit leaves a file without a row, which `upkeep.py` removes when it is old enough. Never the other way round.
"""

import asyncio
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from . import ids

_SUFFIX = re.compile(r"(?:\.[a-z]{1,20})?")
_UNFINISHED = ".unfinished-"


class MissingError(Exception):
    """There is no file under this key."""


class FullError(Exception):
    """The store cannot take the file now: it is full, over quota, or does not accept writes. Nothing was kept."""


class Files(Protocol):
    """What the service needs of a store. Every verb may be called from several processes at once."""

    async def put(self, key: str, data: bytes) -> None:
        """Keeps `data` under `key`, whole or not at all, and durably. Raises `FullError`."""

    async def read(self, key: str) -> bytes:
        """What was put. Raises `MissingError`."""

    async def delete(self, key: str) -> None:
        """Removes the file; that it is gone already is fine."""

    async def keys(self, older_than: float) -> list[str]:
        """Every key written before `older_than` (epoch seconds), in no order. What a crash left half written before
        then is removed on the way."""


class Folder:
    """A folder on this machine, or one that is mounted on all of them. Files lie in 256 folders by the end of the id,
    which is chance; its beginning is the time, and would put a whole day into one."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def put(self, key: str, data: bytes) -> None:
        await asyncio.to_thread(self._put, self._place(key), data)

    async def read(self, key: str) -> bytes:
        try:
            return await asyncio.to_thread(self._place(key).read_bytes)
        except FileNotFoundError:
            raise MissingError(key) from None

    async def delete(self, key: str) -> None:
        await asyncio.to_thread(self._place(key).unlink, missing_ok=True)

    async def keys(self, older_than: float) -> list[str]:
        return await asyncio.to_thread(self._keys, older_than)

    def _place(self, key: str) -> Path:
        if not ids.canonical(key[:36]) or not _SUFFIX.fullmatch(key[36:]):
            raise ValueError("not a key of this store")
        return self._path / key[34:36] / key

    def _put(self, place: Path, data: bytes) -> None:
        unfinished = place.with_name(_UNFINISHED + secrets.token_hex(8))
        try:
            _make_folder(place.parent)
            try:
                _write(unfinished, data)
                unfinished.replace(place)
                _sync_folder(place.parent)
            except BaseException:
                with suppress(OSError):
                    unfinished.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise FullError(str(error)) from error

    def _keys(self, older_than: float) -> list[str]:
        found = []
        for shard in self._path.glob("[0-9a-f][0-9a-f]"):
            for entry in shard.iterdir():
                with suppress(FileNotFoundError):  # another process is tidying too
                    if entry.lstat().st_mtime >= older_than:
                        continue
                    if entry.name.startswith(_UNFINISHED):
                        entry.unlink()
                    elif ids.canonical(entry.name[:36]):
                        found.append(entry.name)
        return found


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sync_folder(folder.parent)


def _write(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    """A new name is durable only once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

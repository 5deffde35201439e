"""The file store: whole or not at all, private to the service, and no key leads out of its folder."""

import asyncio
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from resource_api import files, ids, upkeep
from resource_api.files import Folder

from .callers import ANA, code, headers, png, upload


def inside(folder: Path) -> list[Path]:
    """Every file below the folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def write(path: Path, data: bytes, at: float) -> None:
    """A file that is as old as `at` says."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (at, at))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def age(paths: list[Path], at: float) -> None:
    for path in paths:
        os.utime(path, (at, at))


async def test_what_was_put_is_read_until_it_is_deleted(tmp_path: Path) -> None:
    store, key = Folder(tmp_path / "files"), ids.new()
    await store.put(key, b"one")
    await store.put(key + ".thumbnail", b"small")
    assert await store.read(key) == b"one"
    assert await store.read(key + ".thumbnail") == b"small"
    await store.put(key, b"two")
    assert await store.read(key) == b"two"
    await store.delete(key)
    with pytest.raises(files.MissingError):
        await store.read(key)
    await store.delete(key)
    assert await store.read(key + ".thumbnail") == b"small"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "x",
        "../../etc/passwd",
        "{id}/../../x",
        "{id}.thumbnail/..",
        "{id}..",
        "{id}.",
        "{id}.THUMBNAIL",
        "{id}\x00",
        "{id}.thumbnail\n",
        "/{id}",
        "0" * 36,
        "{ID}",
    ],
)
async def test_a_key_that_is_not_ours_touches_nothing(tmp_path: Path, key: str) -> None:
    store, own = Folder(tmp_path / "files"), ids.new()
    key = key.replace("{id}", own).replace("{ID}", own.upper())
    for work in (store.put(key, b"x"), store.read(key), store.delete(key)):
        with pytest.raises(ValueError, match="not a key"):
            await work
    assert inside(tmp_path) == []


async def test_files_and_folders_are_the_services_own(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store, key = Folder(tmp_path / "files"), ids.new()
        await store.put(key, b"x")
    finally:
        os.umask(before)
    (kept,) = inside(tmp_path)
    assert kept.name == key
    assert [mode(path) for path in (kept, kept.parent)] == [0o600, 0o700]


async def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    store, key = Folder(tmp_path), ids.new()
    versions = [bytes([number]) * 200_000 for number in range(8)]
    await store.put(key, versions[0])

    async def read() -> None:
        for _ in range(20):
            assert await store.read(key) in versions

    await asyncio.gather(*(store.put(key, each) for each in versions), read(), read())
    assert [path.name for path in inside(tmp_path)] == [key]


async def test_a_store_that_cannot_write_keeps_nothing(tmp_path: Path) -> None:
    write(tmp_path / "files", b"not a folder", 1000)
    with pytest.raises(files.FullError):
        await Folder(tmp_path / "files").put(ids.new(), b"x")


async def test_a_failed_write_leaves_the_old_file_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, key = Folder(tmp_path), ids.new()
    await store.put(key, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(files.FullError, match="No space"):
        await store.put(key, b"new")
    assert await store.read(key) == b"old"
    assert [path.name for path in inside(tmp_path)] == [key]


async def test_a_full_store_refuses_the_upload_and_keeps_no_row(
    gallery: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    await gallery.client.get("/credits", headers=headers(gallery, ANA))
    monkeypatch.setattr(os, "fsync", full)
    upload_ = await gallery.client.post(
        "/uploads", headers=headers(gallery, ANA), files={"file": ("x.png", png(), "image/png")}
    )
    assert (upload_.status_code, code(upload_)) == (507, "storage_full")
    generated = await gallery.client.post("/images", headers=headers(gallery, ANA), json={"prompt": "sea"})
    assert (generated.status_code, code(generated)) == (507, "storage_full")
    monkeypatch.undo()
    listed = await gallery.client.get("/images", headers=headers(gallery, ANA))
    balance = await gallery.client.get("/credits", headers=headers(gallery, ANA))
    assert listed.json()["items"] == []
    assert balance.json() == {"credits": gallery.settings.welcome_credits}


async def test_keys_are_those_older_than_asked_and_halves_are_swept(tmp_path: Path) -> None:
    store, old, young = Folder(tmp_path), ids.new(), ids.new()
    assert await Folder(tmp_path / "absent").keys(2e9) == []
    for key in (old, young):
        await store.put(key, b"x")
    half, stranger = tmp_path / "ab" / ".unfinished-0011223344556677", tmp_path / "ab" / "notes.txt"
    write(half, b"ha", 1000)
    write(stranger, b"somebody else's", 1000)
    age([tmp_path / old[34:36] / old], 1000)
    assert await store.keys(older_than=2000) == [old]
    assert half not in inside(tmp_path)
    assert stranger in inside(tmp_path)


async def test_files_without_an_image_are_removed_after_a_while(gallery: Any) -> None:
    image = await upload(gallery, ANA)
    house = gallery.app.state.resource_api
    orphan = ids.new()
    for key in (orphan, orphan + ".thumbnail"):
        await house.files.put(key, b"of a commit that failed")
    root = Path(gallery.settings.files)
    age(inside(root), gallery.clock() - upkeep.ORPHAN_SECONDS + 60)
    assert await upkeep.run(house) == 0
    gallery.clock.advance(120)
    assert await upkeep.run(house) == 2
    assert [path.name for path in inside(root)] == [image["id"], image["id"] + ".thumbnail"]

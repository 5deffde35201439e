"""The gallery of the attacks on objects: whose they are, how to compare everything that is kept, and to put it back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from resource_api import tables
from tests.resource_api.callers import ANA, BRUNO, CLARA, MACHINE, choose_handle, headers, share, upload

DORA = "d0a0d0a0-5a51-4a0c-9f0e-2f8f6f1f7a04"
UNKNOWN = "0193a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b"
PEOPLE = {"ana": ANA, "bruno": BRUNO, "clara": CLARA, "dora": DORA}


@dataclass(frozen=True)
class Objects:
    """One owner's image, the gallery that holds it, and a share of each."""

    image_id: str
    gallery_id: str
    image_share: str
    gallery_share: str


@dataclass(frozen=True)
class Scene:
    """Ana's objects, which Bruno may edit and Clara read, and the machine's, which nobody else sees."""

    ana: Objects
    machine: Objects
    spare: dict[str, str]
    """An image of each caller's own that lies in no gallery."""


async def build(gallery: Any) -> Scene:
    for handle, sub in PEOPLE.items():
        await choose_handle(gallery, sub, handle)
        await gallery.client.get(
            "/credits", headers=headers(gallery, sub)
        )  # the first look opens the balance
    image, album = await _album(gallery, ANA)
    shares = {}
    for place in (f"/images/{image}", f"/galleries/{album}"):
        shares[place] = await share(gallery, ANA, place, "bruno", "edit")
        await share(gallery, ANA, place, "clara", "read")
    theirs = Objects(*await _album(gallery, MACHINE), UNKNOWN, UNKNOWN)
    spare = {sub: (await upload(gallery, sub))["id"] for sub in (*PEOPLE.values(), MACHINE)}
    return Scene(Objects(image, album, *shares.values()), theirs, spare)


async def _album(gallery: Any, sub: str) -> tuple[str, str]:
    given = headers(gallery, sub)
    image = (await upload(gallery, sub))["id"]
    made = await gallery.client.post("/galleries", headers=given, json={"title": "summer"})
    album = str(made.json()["id"])
    held = await gallery.client.post(f"/galleries/{album}/images", headers=given, json={"image_id": image})
    assert held.status_code == 201, held.text
    return image, album


Kept = tuple[dict[str, list[dict[str, Any]]], dict[Path, bytes]]


async def kept(gallery: Any) -> Kept:
    """Every row of every table, and every file."""

    def rows(session: Session) -> dict[str, list[dict[str, Any]]]:
        return {
            table.name: [
                dict(row._mapping)
                for row in session.execute(sa.select(table).order_by(*table.primary_key.columns))
            ]
            for table in tables.metadata.sorted_tables
        }

    found = await gallery.app.state.resource_api.database.read(rows)
    files = {path: path.read_bytes() for path in gallery.settings.files.rglob("*") if path.is_file()}
    return found, files


async def put_back(gallery: Any, before: Kept) -> None:
    """Makes everything what it was when `kept` looked."""
    rows, files = before

    def replace(session: Session) -> None:
        for table in reversed(tables.metadata.sorted_tables):
            session.execute(sa.delete(table))
        for table in tables.metadata.sorted_tables:
            if rows[table.name]:
                session.execute(sa.insert(table), rows[table.name])

    await gallery.app.state.resource_api.database.transaction(replace)
    for path in gallery.settings.files.rglob("*"):
        if path.is_file() and path not in files:
            path.unlink()
    for path, content in files.items():
        path.write_bytes(content)

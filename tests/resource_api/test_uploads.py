"""Uploads: what the form may hold. What a picture may be is tested with `pictures`."""

import io
import tempfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from .callers import ANA, code, headers, png


async def send(gallery: Any, content: bytes, content_type: str) -> Any:
    return await gallery.client.post(
        "/uploads", headers=headers(gallery, ANA, **{"Content-Type": content_type}), content=content
    )


async def form(gallery: Any, files: Any = None, data: Any = None) -> Any:
    return await gallery.client.post("/uploads", headers=headers(gallery, ANA), files=files, data=data)


async def test_an_upload_becomes_an_image(gallery: Any) -> None:
    response = await form(gallery, {"file": ("../../x.png", png(30, 20), "image/png")}, {"title": "A pier"})
    assert response.status_code == 201
    image = response.json()
    assert response.headers["location"] == f"/images/{image['id']}"
    assert (image["title"], image["source"], image["prompt"], image["seed"]) == (
        "A pier",
        "uploaded",
        None,
        None,
    )
    assert (image["width"], image["height"], image["access"]) == (30, 20, "own")
    assert "x.png" not in response.text
    content = await gallery.client.get(f"/images/{image['id']}/content", headers=headers(gallery, ANA))
    assert Image.open(io.BytesIO(content.content)).size == (30, 20)


async def test_a_title_is_optional(gallery: Any) -> None:
    response = await form(gallery, {"file": ("x", png())})
    assert response.status_code == 201
    assert response.json()["title"] == ""


async def test_the_file_is_required_and_must_be_a_file(gallery: Any) -> None:
    missing = await form(gallery, {"other": ("x.png", png())})
    as_text = await form(gallery, {"title": (None, "x"), "file": (None, "not a file")})
    for response in (missing, as_text):
        assert response.status_code == 422
        assert "/file" in [each["pointer"] for each in response.json()["errors"]]


async def test_more_than_file_and_title_is_refused(gallery: Any) -> None:
    member = await form(gallery, {"file": ("x.png", png())}, {"owner": "me"})
    assert member.status_code == 422
    twice = await form(gallery, [("file", ("x.png", png())), ("file", ("y.png", png()))])
    assert twice.status_code == 400
    titles = await form(gallery, {"file": ("x.png", png())}, {"title": ["a", "b"]})
    assert titles.status_code == 422


async def test_an_unfit_title_is_422(gallery: Any) -> None:
    for title in ["x" * 201, "a\u202eb", "a\nb", "a\x00b"]:
        response = await form(gallery, {"file": ("x.png", png())}, {"title": title})
        assert response.status_code == 422, title
        assert [each["pointer"] for each in response.json()["errors"]] == ["/title"], title


async def test_another_media_type_is_415(gallery: Any) -> None:
    for content_type in ("image/png", "application/json", "application/x-www-form-urlencoded", ""):
        response = await send(gallery, png(), content_type)
        assert response.status_code == 415, content_type
    utf7 = await send(gallery, b"", "multipart/form-data; boundary=b; charset=utf-7")
    assert utf7.status_code == 415


async def test_a_full_temporary_folder_is_507_and_heals(
    gallery: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = png() + bytes(2_000_000)  # more than is kept in memory
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    refused = await form(gallery, {"file": ("x.png", large, "image/png")})
    assert (refused.status_code, code(refused)) == (507, "storage_full")
    monkeypatch.undo()
    assert (await form(gallery, {"file": ("x.png", large, "image/png")})).status_code == 201

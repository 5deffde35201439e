"""Group O: files that are no pictures, or more than a picture, and the largest that are taken."""

from __future__ import annotations

import io
import struct
import tempfile
from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image, ImageCms

from resource_api import pictures, studio
from tests.resource_api.callers import ANA, BRUNO, another, code, headers, png
from tests.resource_api.test_pictures import encoded, png_bomb
from tests.support import databases

from . import child

SCRIPT = b"<script>alert(document.domain)</script>"
XXE = b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
PLACE = b"SECRET-PLACE"
BLACK = Image.new("RGB", (4, 4))


async def send(
    gallery: Any, content: bytes, name: str = "x.png", kind: str = "image/png", sub: str = ANA
) -> Any:
    sent = {"file": (name, content, kind)}
    return await gallery.client.post("/uploads", headers=headers(gallery, sub), files=sent)


async def content_of(gallery: Any, image_id: str, part: str = "content") -> Any:
    return await gallery.client.get(f"/images/{image_id}/{part}", headers=headers(gallery, ANA))


def files_in(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def kept(gallery: Any) -> set[Path]:
    return files_in(gallery.settings.files)


def gif(frames: int) -> bytes:
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return (
        b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff" + frame * frames + b"\x3b"
    )


NO_PICTURES = {
    "30,000 by 30,000 pixels": (png_bomb(30_000, 30_000), 413),
    "more pixels than numbers": (png_bomb(2**31 - 1, 2**31 - 1), 413),
    "a long thin one": (png_bomb(1, 16_384), 413),
    "10,000 frames": (gif(10_000), 415),
    "an animation": (encoded(BLACK, "WEBP", save_all=True, append_images=[BLACK.point(lambda _: 255)]), 415),
    "TIFF": (b"II*\0\x08\0\0\0\x02\0" + b"".join(struct.pack("<HHII", n, 4, 1, 2**31 - 1) for n in (256, 257)), 415),
    "FITS": (b"SIMPLE  =                    T".ljust(80) + b"NAXIS1  =           2147483647".ljust(80), 415),
    "PSD": (b"8BPS\0\x01" + b"\0" * 6 + b"\0\x03" + b"\x7f\xff\xff\xff" * 2 + b"\0\x08\0\x03", 415),
    "EPS": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 415),
    "SVG": (XXE + b'<svg xmlns="http://www.w3.org/2000/svg">' + SCRIPT + b"&x;</svg>", 415),
    "HTML": (b"<!doctype html>" + SCRIPT, 415),
    "HTML before a picture": (SCRIPT + png(), 415),
    "PDF": (b"%PDF-1.7\n", 415),
    "a program": (b"\x7fELF\x02\x01\x01", 415),
    "wrong magic": (b"\x89PNG\r\n\x1a\n" + SCRIPT * 9, 415),
    "half a picture": (png()[:60], 422),
    "nothing": (b"", 422),
}  # fmt: skip


async def test_row_127_what_is_no_picture_is_refused_and_leaves_nothing(gallery: Any) -> None:
    for name, (content, status) in NO_PICTURES.items():
        for kind in ("image/png", "image/svg+xml", "text/html"):
            answer = await send(gallery, content, kind=kind)
            assert answer.status_code == status, name
            assert code(answer) in ("too_large", "unsupported_media_type", "validation_failed"), name
            assert "passwd" not in answer.text and "script" not in answer.text, name
    assert kept(gallery) == set()
    assert (await gallery.client.get("/images", headers=headers(gallery, ANA))).json()["items"] == []
    assert (await send(gallery, png(), kind="text/html")).status_code == 201, (
        "the declared type does not count"
    )


def polyglot(format_: str) -> bytes:
    """A picture with a place in its remarks, and a page in its remarks and behind it."""
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = SCRIPT.decode()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSAreaInformation] = PLACE
    return encoded(Image.new("RGB", (60, 40), "teal"), format_, exif=exif) + b"\n" + XXE + SCRIPT


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
async def test_row_127_only_pixels_come_out_and_as_nothing_but_a_picture(gallery: Any, format_: str) -> None:
    data = polyglot(format_)
    assert PLACE in data and data.count(SCRIPT) == 2
    answer = await send(gallery, data, name="x.html", kind="text/html")
    assert answer.status_code == 201
    for part in ("content", "thumbnail"):
        served = await content_of(gallery, answer.json()["id"], part)
        for hidden in (PLACE, SCRIPT, b"Exif", b"GPS"):
            assert hidden not in served.content, part
        assert Image.open(io.BytesIO(served.content)).getexif() == {}
        media_type = Image.MIME[format_] if part == "content" else "image/webp"
        assert served.headers["content-type"] == media_type
        assert served.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in served.headers["content-security-policy"]
        assert ".html" not in served.headers["content-disposition"]
    for path in kept(gallery):
        assert PLACE not in path.read_bytes()


async def test_row_127_a_name_is_made_by_us(gallery: Any, tmp_path: Path) -> None:
    before = files_in(tmp_path)
    names = (
        "../../x.png",
        "..\\..\\x.png",
        "/etc/x.png",
        "x.png\0.html",
        "x\u202egnp.html",
        "x" * 3000,
        "CON",
        ".",
    )
    for name in (*names, "x\r\nX-Y: z"):
        answer = await send(gallery, png(), name=name)
        assert answer.status_code == 201, answer.text
        assert len(name) < 4 or name not in answer.text
        made = answer.json()["id"]
        there = files_in(tmp_path)
        assert {path.name for path in there - before} == {made, f"{made}.thumbnail"}, name
        served = await content_of(gallery, made)
        assert served.headers["content-disposition"] == f'inline; filename="{made}.png"'
        before = there
    assert (await send(gallery, png(), name="")).status_code == 400, "without a name it is text, and no UTF-8"


async def test_row_127_a_file_without_end_is_read_to_the_limit_and_not_kept(
    gallery: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.png"\r\n\r\n' + png()
        while True:
            sent += 1
            yield b"x" * 65_536

    given = headers(gallery, ANA, **{"Content-Type": "multipart/form-data; boundary=b"})
    answer = await gallery.client.post("/uploads", headers=given, content=endless())
    assert (answer.status_code, code(answer)) == (413, "too_large")
    assert sent <= pictures.FILE_BYTES / 65_536 + 2
    for size in (pictures.FILE_BYTES + 1, pictures.FILE_BYTES + 60_000):
        large = await send(gallery, png() + b"\0" * (size - len(png())))
        assert (large.status_code, code(large)) == (413, "too_large")
    assert kept(gallery) == files_in(folder) == set()
    fits = await send(gallery, png() + b"\0" * (pictures.FILE_BYTES - len(png())))
    assert fits.status_code == 201


@pytest.mark.parametrize("resource_database_url", databases.KINDS, indirect=True)
async def test_row_127_beyond_ones_room_nothing_is_kept_and_nothing_charged(gallery: Any) -> None:
    one = (await send(gallery, png())).json()["size_bytes"]
    given = headers(gallery, ANA)
    async with another(gallery, storage_bytes=2 * one) as small:
        second, third = await send(small, png()), await send(small, png())
        drawn = await small.client.post("/images", headers=given, json={"prompt": "a pier"})
        others = await send(small, png(), sub=BRUNO)
    assert [answer.status_code for answer in (second, third, drawn, others)] == [201, 413, 413, 201]
    assert code(third) == code(drawn) == "quota_exceeded"
    assert (await gallery.client.get("/credits", headers=given)).json() == {"credits": 100}
    assert len(kept(gallery)) == 2 * 3, "content and thumbnail of three images"


def largest(mode: str, megapixels: float) -> Image.Image:
    """So many pixels of no great interest, in the shape of a photograph."""
    size = int((megapixels * 1e6 * 4 / 3) ** 0.5), int((megapixels * 1e6 * 3 / 4) ** 0.5)
    grey = Image.linear_gradient("L").resize(size)
    others = {
        "L": [grey],
        "RGB": [grey, grey.transpose(Image.Transpose.ROTATE_180), grey],
        "CMYK": [grey] * 4,
    }
    return Image.merge(mode, others[mode])


def turned(profile: bool) -> dict[str, Any]:
    """Held upright, and in other colours than ours: each wants another copy of the pixels."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    bytes_ = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes() if profile else None
    return {"exif": exif, "icc_profile": bytes_}


LARGEST = {
    "PNG": ("PNG", "RGB", 20.0, {"compress_level": 1, **turned(True)}, 1),
    "WebP": ("WEBP", "RGB", 12.5, {"method": 0, **turned(True)}, 1),
    "JPEG kept whole": ("JPEG", "RGB", 25.0, turned(True), 1),
    "JPEG in CMYK": ("JPEG", "CMYK", 25.0, turned(False), 1),
    "JPEG in grey": ("JPEG", "L", 50.0, turned(False), 1),
    "JPEG halved": ("JPEG", "RGB", 50.0, {"progressive": True, **turned(True)}, 2),
}


@pytest.mark.parametrize("name", LARGEST)
async def test_row_127_the_largest_picture_of_each_kind_stays_below_256_megabytes(name: str) -> None:
    """In the child itself, which the kernel keeps to its limits; and in two seconds, told generously."""
    format_, mode, megapixels, options, halved = LARGEST[name]
    image = largest(mode, megapixels)
    data = encoded(image, format_, **options)
    if format_ != "WEBP":
        data += b"\0" * (pictures.FILE_BYTES - len(data))
    room = studio.Studio()
    try:
        picture = await room.run(pictures.read, data)
        seconds, most = await room.run(child.usage)
    finally:
        await room.close()
    assert (picture.height, picture.width) == tuple(-(-side // halved) for side in image.size)
    assert most <= 256_000_000
    assert seconds <= 2 * 2.5, "measured alone: 0.5 to 1.5"


@pytest.mark.parametrize(("name", "megapixels"), [("PNG", 20.1), ("WebP", 12.6), ("JPEG in grey", 50.1)])
def test_row_127_beyond_the_limit_nothing_is_decoded(name: str, megapixels: float) -> None:
    format_, mode, _, options, _ = LARGEST[name]
    flat = Image.new(mode, largest("L", megapixels).size)
    with pytest.raises(pictures.PictureError) as caught:
        pictures.read(encoded(flat, format_, **options))
    assert caught.value.code == "too_large"
    assert pictures.LIMITS in caught.value.sentence


def test_row_127_a_progressive_jpeg_that_cannot_be_held_is_told_the_remedy() -> None:
    flat = Image.new("RGB", largest("L", 30.0).size)
    with pytest.raises(pictures.PictureError, match="save it without 'progressive'"):
        pictures.read(encoded(flat, "JPEG", progressive=True, subsampling=0))

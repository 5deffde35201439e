"""What a file must be to become a picture, and that nothing but its pixels gets through."""

import io
import pickle
import random
import struct
import time
import zlib
from typing import Any

import pytest
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from resource_api import pictures
from resource_api.pictures import PictureError

SECRET = b"SECRET-PLACE"
MEDIA = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}


def encoded(image: Image.Image, format_: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def colourful(mode: str = "RGB", size: tuple[int, int] = (60, 40)) -> Image.Image:
    """A picture whose four quarters differ, so that turning it shows."""
    image = Image.new("RGB", size, "red")
    wide, high = size[0] // 2, size[1] // 2
    image.paste("lime", (wide, 0, size[0], high))
    image.paste("blue", (0, high, wide, size[1]))
    return image.convert(mode)


def decoded(picture: pictures.Picture) -> Image.Image:
    image = Image.open(io.BytesIO(picture.content))
    image.load()
    return image


def refused(data: bytes) -> PictureError:
    with pytest.raises(PictureError) as caught:
        pictures.read(data)
    return caught.value


def copied(value: Any) -> Any:
    """As it arrives from another process."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301  our own bytes


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_bomb(width: int, height: int) -> bytes:
    """A few hundred bytes that claim to be a picture of this size."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    body = png_chunk(b"IDAT", zlib.compress(b"\0" * 100_000))
    return b"\x89PNG\r\n\x1a\n" + header + body + png_chunk(b"IEND", b"")


@pytest.mark.parametrize("format_", MEDIA)
def test_each_format_stays_what_it_was(format_: str) -> None:
    picture = pictures.read(encoded(colourful(), format_))
    assert picture.media_type == MEDIA[format_]
    assert (picture.width, picture.height) == (60, 40)
    image = decoded(picture)
    assert image.format == format_
    red, green, blue = image.convert("RGB").getpixel((10, 10))  # type: ignore[misc]  # a pixel of RGB is three
    assert red > 200
    assert max(green, blue) < 90


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_of_png_is_taken(mode: str) -> None:
    image = Image.new("I;16", (8, 8), 40_000) if mode == "I;16" else colourful(mode)
    result = decoded(pictures.read(encoded(image, "PNG")))
    assert result.mode in ("L", "LA", "P", "RGB", "RGBA")
    if mode == "I;16":
        assert result.getpixel((0, 0)) == 156
    else:
        assert result.convert("RGBA").getpixel((5, 5)) == image.convert("RGBA").getpixel((5, 5))


def test_transparency_survives_in_png_and_webp() -> None:
    clear = colourful("RGBA")
    clear.putalpha(0)
    for format_ in ("PNG", "WEBP"):
        assert decoded(pictures.read(encoded(clear, format_))).convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]  # a pixel of RGBA is four
    keyed = encoded(colourful(), "PNG", transparency=(255, 0, 0))
    assert decoded(pictures.read(keyed)).convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]  # a pixel of RGBA is four
    palette = encoded(colourful("P"), "PNG", transparency=colourful("P").getpixel((5, 5)))
    assert decoded(pictures.read(palette)).convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]  # a pixel of RGBA is four


def test_a_cmyk_photograph_becomes_rgb() -> None:
    image = decoded(pictures.read(encoded(colourful("CMYK"), "JPEG", quality=95)))
    assert image.mode == "RGB"
    red, green, blue = image.getpixel((10, 10))  # type: ignore[misc]  # a pixel of RGB is three
    assert red > 180
    assert max(green, blue) < 100


def _with_remarks(format_: str) -> bytes:
    image = colourful()
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = SECRET.decode()
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSAreaInformation] = SECRET
    options: dict[str, Any] = {"exif": exif, "xmp": b"<x:xmpmeta>" + SECRET + b"</x:xmpmeta>"}
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    if format_ == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", SECRET.decode())
        text.add_itxt("XML:com.adobe.xmp", SECRET.decode())
        text.add_text("Packed", SECRET.decode() * 9, zip=True)
        text.add(b"teSt", SECRET)
        options["pnginfo"] = text
        del options["xmp"]
    if format_ == "JPEG":
        options["comment"] = SECRET
    data = encoded(image, format_, icc_profile=profile + SECRET, **options)
    return data + b"<script>" + SECRET + b"</script>"


@pytest.mark.parametrize("format_", MEDIA)
def test_nothing_but_pixels_gets_through(format_: str) -> None:
    data = _with_remarks(format_)
    assert data.count(SECRET) >= 3
    picture = pictures.read(data)
    for kept in (picture.content, picture.thumbnail):
        image = Image.open(io.BytesIO(kept))
        image.load()
        assert SECRET not in kept
        assert b"xmp" not in kept and b"Exif" not in kept and b"ICC" not in kept and b"iCCP" not in kept
        assert dict(image.getexif()) == {}
        assert not {"exif", "xmp", "comment", "icc_profile", "Comment", "Packed"} & set(image.info)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_", MEDIA)
def test_a_picture_is_kept_upright(format_: str, orientation: int) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # as stored by a camera held that way
    upright = colourful()
    stored = upright.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    result = decoded(pictures.read(encoded(stored, format_, exif=exif))).convert("RGB")
    assert result.size == (60, 40)
    for place in ((10, 10), (50, 10), (10, 30)):
        here, there = result.getpixel(place), upright.getpixel(place)
        assert all(abs(a - b) < 60 for a, b in zip(here, there, strict=True)), (place, here, there)  # type: ignore[arg-type]  # pixels of RGB are tuples


def test_colours_are_converted_by_the_profile_they_came_with() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    result = decoded(pictures.read(encoded(Image.new("RGB", (4, 4), (90, 90, 90)), "PNG", icc_profile=lab)))
    assert "icc_profile" not in result.info
    broken = encoded(Image.new("RGB", (4, 4), (1, 2, 3)), "PNG", icc_profile=b"no profile at all")
    assert decoded(pictures.read(broken)).getpixel((0, 0)) == (1, 2, 3)
    for_print = encoded(Image.new("L", (4, 4), 77), "PNG", icc_profile=lab)
    assert decoded(pictures.read(for_print)).convert("L").getpixel((0, 0)) == 77


def test_thumbnails_fit_320_pixels_and_keep_the_shape() -> None:
    for size, expected in (
        ((1000, 500), (320, 160)),
        ((90, 900), (32, 320)),
        ((40, 20), (40, 20)),
        ((4000, 1), (320, 1)),
    ):
        for mode in ("RGB", "P", "LA"):
            picture = pictures.read(encoded(Image.new("RGB", size, "teal").convert(mode), "PNG"))
            small = Image.open(io.BytesIO(picture.thumbnail))
            assert small.size == expected
            assert Image.MIME[str(small.format)] == pictures.THUMBNAIL_MEDIA_TYPE


@pytest.mark.parametrize(
    "data",
    [
        b"GIF89a" + b"\0" * 50,
        encoded(Image.new("RGB", (4, 4)), "GIF"),
        encoded(Image.new("RGB", (4, 4)), "TIFF"),
        encoded(Image.new("RGB", (4, 4)), "BMP"),
        encoded(Image.new("RGB", (4, 4)), "ICO"),
        encoded(Image.new("RGB", (4, 4)), "PPM"),
        encoded(Image.new("RGB", (4, 4)), "PDF"),
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"<!doctype html><script>alert(1)</script>",
        b"%!PS-Adobe-3.0\n",
        b"SIMPLE  =                    T",
        b"8BPS" + b"\0" * 60,
        b"\0",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"RIFF\x00\x00\x00\x00WEBP",
    ],
)
def test_another_kind_of_file_is_refused(data: bytes) -> None:
    assert refused(data).code in ("unsupported_media_type", "validation_failed")


@pytest.mark.parametrize("format_", ["GIF", "TIFF", "BMP", "ICO", "PPM"])
def test_another_format_is_named_as_the_reason(format_: str) -> None:
    assert refused(encoded(Image.new("RGB", (16, 16)), format_)).code == "unsupported_media_type"


def test_an_empty_file_is_refused() -> None:
    assert refused(b"").code == "validation_failed"


@pytest.mark.parametrize("format_", MEDIA)
def test_a_file_that_ends_early_is_refused(format_: str) -> None:
    noise = Image.frombytes("RGB", (64, 64), random.Random(1).randbytes(64 * 64 * 3))
    data = encoded(noise, format_)
    for part in (0.3, 0.6, 0.9):
        assert refused(data[: int(len(data) * part)]).code in ("validation_failed", "unsupported_media_type")


def test_a_damaged_file_is_refused_or_harmless() -> None:
    chance = random.Random(2)
    noise = Image.frombytes("RGB", (48, 48), chance.randbytes(48 * 48 * 3))
    for format_ in MEDIA:
        whole = encoded(noise, format_)
        for _ in range(150):
            data = bytearray(whole)
            for _ in range(chance.randint(1, 12)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            try:
                pictures.read(bytes(data))
            except PictureError as error:
                assert error.code in ("validation_failed", "unsupported_media_type", "too_large")  # noqa: PT017  either outcome is right


@pytest.mark.parametrize(
    "size",
    [(30_000, 30_000), (50_000, 1_001), (4_475, 4_475), (16_384, 1), (1, 16_384), (2**31 - 1, 2**31 - 1)],
)
def test_too_many_pixels_are_refused_before_they_are_decoded(size: tuple[int, int]) -> None:
    started = time.process_time()
    error = refused(png_bomb(*size))
    assert error.code == "too_large"
    assert "a PNG 20" in error.sentence
    assert time.process_time() - started < 0.5


def test_a_header_without_pixels_is_refused() -> None:
    assert refused(png_bomb(0, 10)).code in ("validation_failed", "unsupported_media_type")


def test_more_than_ten_mebibytes_are_refused() -> None:
    data = encoded(colourful(), "PNG")
    assert refused(data + b"\0" * (pictures.FILE_BYTES + 1 - len(data))).code == "too_large"
    pictures.read(data + b"\0" * (pictures.FILE_BYTES - len(data)))


@pytest.mark.parametrize("format_", ["PNG", "WEBP"])
def test_an_animation_is_refused(format_: str) -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "lime", "blue")]
    data = encoded(frames[0], format_, save_all=True, append_images=frames[1:], duration=50)
    error = refused(data)
    assert (error.code, error.sentence) == (
        "unsupported_media_type",
        "Animations are not taken; send one frame of it.",
    )


def test_a_phones_photograph_with_a_depth_map_is_a_jpeg() -> None:
    data = encoded(colourful(), "MPO", save_all=True, append_images=[Image.new("RGB", (60, 40), "black")])
    picture = pictures.read(data)
    assert picture.media_type == "image/jpeg"
    image = decoded(picture)
    assert (image.format, getattr(image, "n_frames", 1)) == ("JPEG", 1)


def test_reading_twice_gives_the_same_bytes() -> None:
    for format_ in MEDIA:
        data = encoded(colourful(), format_)
        assert pictures.read(data) == pictures.read(data)


def test_what_leaves_the_child_process_can_be_sent() -> None:
    error = copied(PictureError("too_large", "Too large."))
    assert (error.code, error.sentence) == ("too_large", "Too large.")
    picture = pictures.read(encoded(colourful(), "PNG"))
    assert copied(picture) == picture

"""What a picture may be, and how it becomes one of ours: decoded, turned upright, stripped, encoded anew.

Only pixels survive. Everything else a file can carry (place and camera, comments, colour profiles, a second file behind
the first) ends here, because what is kept is written by us from the pixels alone. Synchronous and pure: `studio.py`
runs it in a child process with limits on time and memory. Where the bytes go afterwards is `files.py`.
"""

import io
import warnings
from dataclasses import dataclass
from typing import Any

# Naming the plugins registers them, and none of the forty others.
from PIL import (
    Image,
    ImageCms,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
)

FORMATS = (
    PngImagePlugin.PngImageFile.format,
    JpegImagePlugin.JpegImageFile.format,
    WebPImagePlugin.WebPImageFile.format,
)
FILE_BYTES = 10 * 1024 * 1024
PIXELS = 50_000_000
SIDE_PIXELS = 16_383
"""The longest side WebP can hold; JPEG and PNG could be longer."""
KEPT_BYTES = 32 * 1024 * 1024
THUMBNAIL_PIXELS = 320
THUMBNAIL_MEDIA_TYPE = "image/webp"

# Beyond this many pixels the encoders hurry, for files that are a tenth larger. PNG level 3 instead of the usual 6
# takes a third of the time, for files that are a twentieth larger.
_HURRY_PIXELS = 6_000_000
_MULTIPLE = MpoImagePlugin.MpoImageFile.format
_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

Image.MAX_IMAGE_PIXELS = PIXELS  # Pillow warns beyond it, and `_open` turns the warning into an error


class PictureError(Exception):
    """The file cannot become a picture. `code` is a kind of problem, `sentence` is for whoever sent the file."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(code, sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True)
class Picture:
    """A picture ready to be kept: both encodings, and what is said about it."""

    content: bytes
    thumbnail: bytes
    """WebP, at most 320 pixels wide and high."""
    media_type: str
    width: int
    height: int


def read(data: bytes) -> Picture:
    """The picture in a PNG, JPEG or WebP file; its name and declared type do not count.

    Raises `PictureError`: `too_large` beyond 10 MiB or 50 megapixels, `unsupported_media_type` for another format or
    an animation, `validation_failed` for a file that is empty or damaged.
    """
    if len(data) > FILE_BYTES:
        raise PictureError("too_large", "A file may have 10 MiB.")
    if not data:
        raise PictureError("validation_failed", "is empty")
    try:
        opened = _open(data)
        _check(opened)
        opened.load()
        image, format_ = _plain(opened), opened.format
        del opened  # WebP's decoder holds on to two more copies of the pixels
    except (PictureError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise PictureError("unsupported_media_type", "The file is no PNG, JPEG or WebP picture.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels() from None
    except Exception:  # noqa: BLE001  decoders answer damage with whatever they stumble over
        raise PictureError("validation_failed", "is damaged, and cannot be decoded to its end") from None
    return encode(image, FORMATS[1] if format_ == _MULTIPLE else str(format_))


def encode(image: Image.Image, format_: str = "PNG") -> Picture:
    """The picture of these pixels. Raises `PictureError` `too_large` when it takes more than 32 MiB."""
    content = _encoded(image, format_)
    if content is None:
        # Some pictures are too rich for WebP's first partition (512 KiB).
        format_ = "PNG" if image.has_transparency_data else "JPEG"
        content = _encoded(image, format_)
    if content is None or len(content) > KEPT_BYTES:
        raise PictureError("too_large", "The picture takes more than 32 MiB once it is encoded.")
    return Picture(content, _thumbnail(image), Image.MIME[format_], image.width, image.height)


def _open(data: bytes) -> Image.Image:
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        return Image.open(io.BytesIO(data), formats=FORMATS)


def _check(opened: Image.Image) -> None:
    """What the header tells, before a pixel is decoded."""
    width, height = opened.size
    if width * height > PIXELS or max(width, height) > SIDE_PIXELS:
        raise _too_many_pixels()
    # Phones put depth maps behind the photograph (MPO); anything else with more frames moves.
    if getattr(opened, "is_animated", False) and opened.format != _MULTIPLE:
        raise PictureError("unsupported_media_type", "Animations are not taken; send one frame of it.")


def _too_many_pixels() -> PictureError:
    return PictureError(
        "too_large", f"A picture may have 50 megapixels, and {SIDE_PIXELS:,} pixels on its longest side."
    )


def _plain(opened: Image.Image) -> Image.Image:
    """Upright pixels in sRGB, in a mode every encoder knows, and nothing else."""
    profile, orientation = opened.info.get("icc_profile"), _orientation(opened)
    transparency = opened.info.get("transparency")
    image: Image.Image = opened
    if opened.mode in ("I", "I;16", "I;16B"):
        image = opened.convert("I").point([each / 256 for each in range(65536)], "L")
    elif profile or opened.mode not in ("L", "LA", "P", "RGB", "RGBA"):
        image = _to_srgb(opened, profile)
    elif transparency is not None and opened.mode in ("L", "RGB"):
        image = opened.convert("RGBA")
    if orientation in _UPRIGHT:
        image = image.transpose(_UPRIGHT[orientation])
    elif opened.format == FORMATS[2] and image is opened:
        image = opened.copy()
    # The encoders write remarks only from here (and from arguments we don't give).
    image.info = {"transparency": transparency} if image.mode == "P" and transparency is not None else {}
    return image


def _orientation(opened: Image.Image) -> int | None:
    try:
        return opened.getexif().get(_ORIENTATION)
    except Exception:  # noqa: BLE001  a remark that cannot be read is no reason to refuse the picture
        return None


def _to_srgb(image: Image.Image, profile: Any) -> Image.Image:
    wanted = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode not in ("RGB", "RGBA", "CMYK"):
        image = image.convert(wanted)
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, target, outputMode=wanted)
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            pass  # a broken profile, or one for another kind of pixels: then the numbers are taken as they are
    return image if image.mode == wanted else image.convert(wanted)


def _encoded(image: Image.Image, format_: str) -> bytes | None:
    hurry = image.width * image.height > _HURRY_PIXELS
    buffer = io.BytesIO()
    if format_ == "PNG":
        image.save(buffer, "PNG", compress_level=1 if hurry else 3)
    elif format_ == "JPEG":
        pixels = image if image.mode in ("L", "RGB") else image.convert("RGB")
        pixels.save(buffer, "JPEG", quality=90)
    else:
        try:
            image.save(buffer, "WEBP", quality=90, method=0 if hurry else 4)
        except ValueError:
            return None
    return buffer.getvalue()


def _thumbnail(image: Image.Image) -> bytes:
    part = min(1.0, THUMBNAIL_PIXELS / max(image.size))
    size = (max(1, round(image.width * part)), max(1, round(image.height * part)))
    pixels = image if image.mode in ("RGB", "RGBA") else image.convert(_colours(image))
    # Not Image.thumbnail, which works in place and would need a copy of all the pixels first.
    small = pixels.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    small.info = {}
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=82, method=4)
    return buffer.getvalue()


def _colours(image: Image.Image) -> str:
    return "RGBA" if image.has_transparency_data else "RGB"

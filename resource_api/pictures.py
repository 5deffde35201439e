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
PIXELS = {"PNG": 20_000_000, "JPEG": 50_000_000, "WEBP": 12_500_000}
"""What about two seconds and 256 MB are enough for. A JPEG can be halved while it is decoded, a WebP is decoded into
four copies of its pixels."""
LIMITS = "A JPEG picture may have 50 megapixels, a PNG 20, a WebP 12.5"
WORKING_BYTES = 200_000_000
"""So much the pixels may take, with a second copy of them while they are turned or converted."""
SIDE_PIXELS = 16_383
"""The longest side WebP can hold; JPEG and PNG could be longer."""
KEPT_BYTES = 32 * 1024 * 1024
THUMBNAIL_PIXELS = 320
THUMBNAIL_MEDIA_TYPE = "image/webp"

# Beyond this many pixels the encoders hurry, for files that are a tenth larger. PNG level 3 instead of the usual 6
# takes a third of the time, for files that are a twentieth larger.
_HURRY_PIXELS = 6_000_000
_STRIP_PIXELS = 1_000_000
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

    Raises `PictureError`: `too_large` beyond 10 MiB or its format's `PIXELS`, `unsupported_media_type` for another
    format or an animation, `validation_failed` for a file that is empty or damaged.
    """
    if len(data) > FILE_BYTES:
        raise PictureError("too_large", "A file may have 10 MiB.")
    if not data:
        raise PictureError("validation_failed", "is empty")
    try:
        image, format_ = _decoded(data)
    except (PictureError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise PictureError("unsupported_media_type", "The file is no PNG, JPEG or WebP picture.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels() from None
    except Exception:  # noqa: BLE001  decoders answer damage with whatever they stumble over
        raise PictureError("validation_failed", "is damaged, and cannot be decoded to its end") from None
    return encode(image, FORMATS[1] if format_ == _MULTIPLE else format_)


def encode(image: Image.Image, format_: str = "PNG") -> Picture:
    """The picture of these pixels. Raises `PictureError` `too_large` when it takes more than 32 MiB."""
    content = _encoded(image, format_)
    if content is None:
        # Some pictures are too rich for WebP's first partition (512 KiB).
        format_ = "PNG" if image.has_transparency_data else "JPEG"
        content = _encoded(image, format_) or b""
    return Picture(content, _thumbnail(image), Image.MIME[format_], image.width, image.height)


def _decoded(data: bytes) -> tuple[Image.Image, str]:
    """Upright pixels in sRGB, in a mode every encoder knows, and nothing else; and the format they came in.

    One name all the way, so that each step's pixels are gone when the next step makes its own.
    """
    image: Image.Image = _open(data)
    format_ = str(image.format)
    _check(image)
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        _make_fit(image)
    image.load()
    profile, orientation = image.info.get("icc_profile"), _orientation(image)
    if isinstance(image, WebPImagePlugin.WebPImageFile):
        image = image.copy()  # its decoder holds on to two more copies of the pixels
    image = _simple(image)
    if profile and image.mode not in ("L", "LA"):
        image = _to_srgb(image, profile)
    if image.mode == "CMYK":
        image = image.convert("RGB")
    if orientation in _UPRIGHT:
        image = image.transpose(_UPRIGHT[orientation])
    # The encoders write remarks only from here (and from arguments we don't give).
    transparency = image.info.get("transparency")
    image.info = {"transparency": transparency} if image.mode == "P" and transparency is not None else {}
    return image, format_


def _open(data: bytes) -> Image.Image:
    Image.MAX_IMAGE_PIXELS = PIXELS["JPEG"]  # Pillow warns beyond it, before it has decoded a pixel
    if data.startswith(b"\x89PNG"):
        Image.MAX_IMAGE_PIXELS = PIXELS["PNG"]
    elif data.startswith(b"RIFF"):
        Image.MAX_IMAGE_PIXELS = PIXELS["WEBP"]
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        return Image.open(io.BytesIO(data), formats=FORMATS)


def _check(opened: Image.Image) -> None:
    """What the header tells, before a pixel is decoded."""
    if max(opened.size) > SIDE_PIXELS:
        raise _too_many_pixels()
    # Phones put depth maps behind the photograph (MPO); anything else with more frames moves.
    if getattr(opened, "is_animated", False) and opened.format != _MULTIPLE:
        raise PictureError("unsupported_media_type", "Animations are not taken; send one frame of it.")


def _too_many_pixels() -> PictureError:
    return PictureError("too_large", f"{LIMITS}, and {SIDE_PIXELS:,} pixels on its longest side.")


def _make_fit(opened: JpegImagePlugin.JpegImageFile) -> None:
    """Has a large JPEG halved while it is decoded. Raises `PictureError` when that does not suffice."""
    pixels, depth = opened.width * opened.height, 1 if opened.mode == "L" else 4
    coefficients = 0.0
    if opened.info.get("progressive"):
        # It refines all of the picture again and again, so all of it is held as it is stored, two bytes a sample.
        across, down = (max(layer[at] for layer in opened.layer) for at in (1, 2))
        coefficients = 2 * sum(layer[1] * layer[2] for layer in opened.layer) / (across * down)
    if pixels * max(coefficients + depth, 2 * depth) <= WORKING_BYTES:
        return
    if pixels * (coefficients + depth / 4) > WORKING_BYTES:
        raise PictureError(
            "too_large",
            "A progressive JPEG of this size takes too much memory; save it without 'progressive'.",
        )
    opened.draft(None, (opened.width // 2, opened.height // 2))


def _simple(image: Image.Image) -> Image.Image:
    """In grey, with a palette, in RGB or CMYK, and transparency as a channel of its own or in the palette."""
    if image.mode in ("I", "I;16", "I;16B"):
        return image.convert("I").point([each / 256 for each in range(65536)], "L")
    if image.mode in ("L", "RGB") and "transparency" in image.info:
        return image.convert("RGBA")
    if image.mode in ("L", "LA", "P", "RGB", "RGBA", "CMYK"):
        return image
    return image.convert("L" if image.mode == "1" else _colours(image))


def _orientation(opened: Image.Image) -> int | None:
    try:
        return opened.getexif().get(_ORIENTATION)
    except Exception:  # noqa: BLE001  a remark that cannot be read is no reason to refuse the picture
        return None


def _to_srgb(image: Image.Image, profile: Any) -> Image.Image:
    wanted = _colours(image)
    if image.mode == "P":
        image = image.convert(wanted)
    in_place = image.mode == wanted
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode=wanted, inPlace=in_place)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image  # a broken profile, or one for another kind of pixels: then the numbers are taken as they are
    return converted or image


class _Bounded(io.BytesIO):
    """Takes as much as may be kept, so that an encoder ends there and not when memory does."""

    def write(self, part: Any) -> int:
        if self.tell() + len(part) > KEPT_BYTES:
            raise PictureError("too_large", "The picture takes more than 32 MiB once it is encoded.")
        return super().write(part)


def _encoded(image: Image.Image, format_: str) -> bytes | None:
    """The file; None for what WebP cannot hold."""
    hurry = image.width * image.height > _HURRY_PIXELS
    buffer = _Bounded()
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
    """Reduced to about twice its size strip by strip, and from there by the better method: to convert all of a large
    picture at once would take another copy of it."""
    part = min(1.0, THUMBNAIL_PIXELS / max(image.size))
    size = (max(1, round(image.width * part)), max(1, round(image.height * part)))
    across, down = (max(1, image.size[at] // (2 * size[at])) for at in (0, 1))
    coarse = Image.new(_colours(image), (-(-image.width // across), -(-image.height // down)))
    step = down * max(1, _STRIP_PIXELS // (image.width * down))
    for top in range(0, image.height, step):
        strip = image.crop((0, top, image.width, min(top + step, image.height)))
        coarse.paste(strip.convert(coarse.mode).reduce((across, down)), (0, top // down))
    box = (0, 0, image.width / across, image.height / down)
    small = coarse.resize(size, Image.Resampling.LANCZOS, box)
    small.info = {}
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=82, method=4)
    return buffer.getvalue()


def _colours(image: Image.Image) -> str:
    return "RGBA" if image.has_transparency_data else "RGB"

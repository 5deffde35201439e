"""What the compositions share: gradients, fractal noise, smooth masks, glow and grain, all in Pillow's own C."""

from collections.abc import Callable, Sequence
from random import Random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from .colours import Colour, mix

Size = tuple[int, int]
Point = tuple[float, float]
Pen = ImageDraw.ImageDraw
FINE = 2
"""Shapes are drawn so many times larger and reduced, which smooths their edges."""


def gradient(size: Size, stops: Sequence[Colour], *, curve: float = 1.0, across: bool = False) -> Image.Image:
    """From the first colour at the top (or left) to the last."""
    steps = 256
    strip = Image.new("RGB", (1, steps))
    for y in range(steps):
        place = (y / (steps - 1)) ** curve * (len(stops) - 1)
        index = min(int(place), len(stops) - 2)
        strip.putpixel((0, y), mix(stops[index], stops[index + 1], place - index))
    if across:
        strip = strip.transpose(Image.Transpose.ROTATE_90)
    return strip.resize(size, Image.Resampling.BICUBIC)


def ramp(size: Size, top: int, bottom: int, *, start: float = 0.0, end: float = 1.0) -> Image.Image:
    """A mask from `top` to `bottom` (0 to 255), level above `start` and below `end` of the height."""
    steps = 256
    strip = Image.new("L", (1, steps))
    for y in range(steps):
        t = min(max((y / (steps - 1) - start) / max(end - start, 1e-6), 0.0), 1.0)
        t = t * t * (3 - 2 * t)
        strip.putpixel((0, y), round(top + (bottom - top) * t))
    return strip.resize(size, Image.Resampling.BICUBIC)


def noise(size: Size, chance: Random, cells: int, octaves: int = 4, *, stretch: float = 1.0) -> Image.Image:
    """Clouds in grey: `cells` across in the first octave, each next twice as fine and half as strong."""
    total: Image.Image | None = None
    for octave in range(octaves):
        wide = cells * 2**octave + 3
        high = max(4, round(wide * size[1] / size[0] * stretch))
        layer = Image.frombytes("L", (wide, high), chance.randbytes(wide * high))
        # The border cells are cut off: resampling repeats them, and that shows.
        layer = layer.resize(size, Image.Resampling.BICUBIC, box=(1, 1, wide - 1, high - 1))
        weight = 0.5**octave
        total = layer if total is None else Image.blend(total, layer, weight / (2 - weight))
    assert total is not None
    return total


def levels(image: Image.Image, low: int, high: int, *, power: float = 1.0, top: int = 255) -> Image.Image:
    """Grey stretched so that `low` becomes black and `high` becomes `top`."""
    span = max(high - low, 1)
    return image.point([round(min(max((v - low) / span, 0.0), 1.0) ** power * top) for v in range(256)])


def pen(image: Image.Image) -> Pen:
    """What draws on this image, at its own scale."""
    return ImageDraw.Draw(image)


def mask(size: Size, draw: Callable[[Pen, float], None]) -> Image.Image:
    """What `draw(pen, scale)` draws in white on black, with smooth edges. Coordinates are times `scale`."""
    large = Image.new("L", (size[0] * FINE, size[1] * FINE))
    draw(ImageDraw.Draw(large), FINE)
    return large.reduce(FINE)


def polygon(size: Size, points: Sequence[Point]) -> Image.Image:
    """A mask of one polygon."""
    return mask(size, lambda pen, scale: pen.polygon([(x * scale, y * scale) for x, y in points], fill=255))


def disc(size: Size, centre: Point, radius: float) -> Image.Image:
    """A mask of one disc."""
    x, y = centre
    return mask(
        size,
        lambda pen, s: pen.ellipse(
            ((x - radius) * s, (y - radius) * s, (x + radius) * s, (y + radius) * s), fill=255
        ),
    )


def lay(image: Image.Image, colour: Colour | Image.Image, where: Image.Image) -> None:
    """Paints a colour, or another image, where the mask is white."""
    image.paste(colour, (0, 0, *image.size) if isinstance(colour, tuple) else (0, 0), where)


def glow(image: Image.Image, centre: Point, radius: float, colour: Colour, *, strength: float = 1.0) -> None:
    """Light that falls off from `centre`: it only adds, as light does."""
    side = max(2, round(radius * 2))
    left, top = round(centre[0] - radius), round(centre[1] - radius)
    box = (max(left, 0), max(top, 0), min(left + side, image.width), min(top + side, image.height))
    if box[0] >= box[2] or box[1] >= box[3]:
        return
    curve = [round(255 * strength * max(0.0, 1 - v / 182) ** 2.2) for v in range(256)]
    shape = Image.radial_gradient("L").point(curve).resize((side, side), Image.Resampling.BICUBIC)
    shape = shape.crop((box[0] - left, box[1] - top, box[2] - left, box[3] - top))
    light = Image.composite(Image.new("RGB", shape.size, colour), Image.new("RGB", shape.size), shape)
    image.paste(ImageChops.screen(image.crop(box), light), box)


def blurred(image: Image.Image, radius: float) -> Image.Image:
    """Softened; wide radii are worked out small, where nobody sees the difference."""
    factor = max(1, int(radius // 6))
    if factor == 1:
        return image.filter(ImageFilter.GaussianBlur(radius))
    small = image.reduce(factor).filter(ImageFilter.GaussianBlur(radius / factor))
    return small.resize(image.size, Image.Resampling.BICUBIC)


def grain(image: Image.Image, chance: Random, amount: int = 5) -> Image.Image:
    """The picture with the tooth of paper, which also hides the steps of long gradients."""
    wide, high = image.width // 2 + 1, image.height // 2 + 1
    speck = Image.frombytes("L", (wide, high), chance.randbytes(wide * high))
    speck = speck.point([128 + round((v - 128) / 128 * amount) for v in range(256)])
    speck = speck.resize((wide * 2, high * 2), Image.Resampling.BILINEAR).crop((0, 0, *image.size))
    return ImageChops.add(image, Image.merge("RGB", (speck, speck, speck)), 1.0, -128)


def vignette(image: Image.Image, strength: float = 0.35) -> Image.Image:
    """Darker towards the corners."""
    curve = [255 - round(255 * strength * max(0.0, v / 255 - 0.35) ** 1.5 * 1.6) for v in range(256)]
    shape = Image.radial_gradient("L").point(curve).resize(image.size, Image.Resampling.BICUBIC)
    return ImageChops.multiply(image, Image.merge("RGB", (shape, shape, shape)))

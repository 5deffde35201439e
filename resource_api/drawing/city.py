"""A skyline in rows, with lit windows, over water or a wet street that gives the light back."""

import math

from PIL import Image, ImageChops, ImageEnhance

from . import raster, sky
from .colours import Colour, mix, shade
from .scene import Scene


def paint(scene: Scene) -> Image.Image:
    chance, palette = scene.chance, scene.palette
    height = scene.height
    ground = round(height * chance.uniform(0.74, 0.82))
    image = sky.paint(scene, ground * 1.02)
    rows = 4
    for row in range(rows):
        t = row / (rows - 1)
        colour = mix(palette.at(0.34 - 0.33 * t), palette.at(0.66), 0.62 * (1 - t) ** 1.2)
        _row(scene, image, ground, t, colour)
        if row < rows - 1:
            haze = raster.ramp(scene.size, 0, 150, start=0.25, end=ground / height)
            raster.lay(
                image,
                mix(palette.at(0.6), palette.accent, 0.15),
                haze.point([round(v * 0.45) for v in range(256)]),
            )
    _street(scene, image, ground)
    return raster.vignette(raster.grain(image, chance), 0.4)


def _row(scene: Scene, image: Image.Image, ground: int, t: float, colour: Colour) -> None:
    chance, unit = scene.chance, scene.unit
    houses: list[tuple[float, float, float, int]] = []
    x = -20 * unit
    while x < scene.width:
        wide = chance.uniform(30, 78) * unit * (0.62 + 0.75 * t)
        middle = 1 - abs((x + wide / 2) / scene.width - 0.5) * 1.1
        tall = ground * (0.80 - 0.42 * t) * chance.uniform(0.35, 1.0) * middle
        houses.append((x, ground - tall, wide, chance.randrange(5)))
        x += wide + chance.choice((0, 0, 5, 16)) * unit * (0.5 + t)

    def draw(pen: raster.Pen, s: float) -> None:
        for left, top, wide, roof in houses:
            pen.rectangle((left * s, top * s, (left + wide) * s, (ground + 2) * s), fill=255)
            _roof(pen, left * s, top * s, wide * s, roof)

    raster.lay(
        image,
        raster.gradient(scene.size, [shade(colour, -0.03), shade(colour, 0.05)]),
        raster.mask(scene.size, draw),
    )
    _windows(scene, image, houses, ground, t)


def _roof(pen: raster.Pen, left: float, top: float, wide: float, roof: int) -> None:
    middle = left + wide / 2
    if roof == 0:
        pen.polygon(((left, top + 1), (middle, top - wide * 0.45), (left + wide, top + 1)), fill=255)
    elif roof == 1:
        pen.rectangle((left + wide * 0.2, top - wide * 0.25, left + wide * 0.8, top), fill=255)
        pen.line((middle, top - wide * 0.9, middle, top), fill=255, width=max(1, round(wide * 0.04)))
    elif roof == 2:
        pen.polygon(((left, top + 1), (left + wide, top - wide * 0.35), (left + wide, top + 1)), fill=255)
    elif roof == 3:
        pen.pieslice((left, top - wide * 0.4, left + wide, top + wide * 0.4), 180, 360, fill=255)


def _windows(
    scene: Scene, image: Image.Image, houses: list[tuple[float, float, float, int]], ground: int, t: float
) -> None:
    """Some are dark, most are warm, a few have the accent's colour."""
    chance, palette, unit = scene.chance, scene.palette, scene.unit
    size, gap = (2.6 + 3.4 * t) * unit, (7.0 + 6.0 * t) * unit
    warm = mix(palette.at(1.0), (255, 224, 150), 0.55)
    lit: list[tuple[float, float, float]] = []
    signs: list[tuple[float, float, float, float]] = []
    for left, top, wide, _ in houses:
        busy = chance.uniform(0.12, 0.6)
        columns = int((wide - gap * 0.6) / gap)
        for row in range(int((ground - top - gap) / (gap * 1.25))):
            for column in range(columns):
                if chance.random() < busy:
                    x = left + (wide - columns * gap) / 2 + column * gap + (gap - size) / 2
                    lit.append((x, top + gap * 0.7 + row * gap * 1.25, chance.random()))
        if t > 0.3 and chance.random() < 0.22:
            signs.append(
                (
                    left + wide * chance.uniform(0.1, 0.8),
                    top + (ground - top) * 0.2,
                    7 * unit * (0.6 + t),
                    (ground - top) * chance.uniform(0.2, 0.45),
                )
            )

    def draw(pen: raster.Pen, s: float) -> None:
        for x, y, bright in lit:
            pen.rectangle(
                (x * s, y * s, (x + size) * s, (y + size * 1.35) * s),
                fill=round(90 + (110 + 55 * t) * bright),
            )

    panes = raster.mask(scene.size, draw)
    raster.lay(
        image, warm, raster.blurred(panes, 5 * unit).point([min(255, round(v * 0.8)) for v in range(256)])
    )
    raster.lay(image, warm, panes)
    for x, y, wide, tall in signs:
        colour = chance.choice((palette.accent, palette.at(0.8), shade(palette.accent, 0.1)))
        raster.glow(image, (x + wide / 2, y + tall / 2), tall * 1.1, colour, strength=0.5)
        image.paste(shade(colour, 0.08), (round(x), round(y), round(x + wide), round(y + tall)))


def _street(scene: Scene, image: Image.Image, ground: int) -> None:
    """Wet ground: the town upside down, smeared downwards, in broken lines."""
    chance, unit = scene.chance, scene.unit
    width, depth = scene.width, scene.height - ground
    above = image.crop((0, max(0, ground - depth * 2), width, ground)).transpose(
        Image.Transpose.FLIP_TOP_BOTTOM
    )
    smear = above.resize((width, max(2, depth // 9))).resize((width, depth), Image.Resampling.BICUBIC)
    sharp = above.resize((width, depth))
    water = ImageEnhance.Brightness(Image.blend(sharp, smear, 0.55)).enhance(0.85)
    out = water.copy()
    phase = chance.random() * 9
    for y in range(0, depth, 2):
        shift = round((math.sin(phase + y * 0.33) + math.sin(y * 0.11)) * (1 + 7 * y / depth) * unit)
        out.paste(ImageChops.offset(water.crop((0, y, width, y + 2)), shift, 0), (0, y))
    out = Image.composite(
        Image.new("RGB", out.size, scene.palette.at(0.02)), out, raster.ramp(out.size, 60, 190)
    )
    image.paste(out, (0, ground))
    image.paste(
        shade(scene.palette.at(0.05), -0.02), (0, ground - round(2 * unit), width, ground + round(2 * unit))
    )

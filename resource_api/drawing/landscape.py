"""Mountains in layers of haze, or dunes, under a sun or a moon; sometimes a lake that mirrors them."""

import math
from itertools import pairwise
from random import Random

from PIL import Image, ImageChops, ImageEnhance

from . import raster, sky
from .colours import mix, shade
from .raster import Point
from .scene import Scene


def paint(scene: Scene) -> Image.Image:
    chance, palette = scene.chance, scene.palette
    width, height = scene.size
    night = "night" in scene.traits
    dunes = "dunes" in scene.traits
    water = not dunes and ("water" in scene.traits or chance.random() < 0.35)
    horizon = height * (chance.uniform(0.60, 0.68) if water else chance.uniform(0.52, 0.6))

    image = sky.paint(scene, horizon)
    layers = chance.randint(5, 7)
    light = palette.at(0.62 if night else 0.9)
    for index in range(layers):
        t = index / (layers - 1)
        base = horizon + (0 if water else (height - horizon) * t**1.25 * 0.9)
        rise = height * (0.30 - 0.17 * t) * chance.uniform(0.8, 1.2)
        line = _dune(scene, base, rise) if dunes else _ridge(scene, base, rise, rough=0.42 + 0.14 * t)
        near = palette.at(0.46 - 0.46 * t) if not night else palette.at(0.36 - 0.36 * t)
        haze = mix(near, light, 0.62 * (1 - t) ** 1.3)
        shape = raster.polygon(scene.size, [*line, (width, height), (0, height)])
        fill = raster.gradient(scene.size, [haze, haze, mix(haze, light, 0.55 * (1 - t) + 0.12)])
        if dunes:
            fill = _lit(scene, fill, line)
        raster.lay(image, fill, shape)
        if not dunes and index == 0 and ("snow" in scene.traits or chance.random() < 0.4):
            _snow(scene, image, shape, line)
        if "mist" in scene.traits or chance.random() < 0.55:
            _mist(scene, image, base, light, 0.55 * (1 - t) + 0.1)
    if water:
        _mirror(scene, image, round(horizon))
    if not dunes:
        _pines(scene, image, horizon, shore=water)
    return raster.vignette(raster.grain(image, chance), 0.3)


def _ridge(scene: Scene, base: float, rise: float, *, rough: float) -> list[Point]:
    """A skyline by halving: each half way point is moved by chance, ever less."""
    chance = scene.chance
    heights = [chance.uniform(0.1, 0.7), chance.uniform(0.5, 1.0), chance.uniform(0.1, 0.8)]
    swing = 0.5
    while len(heights) < 257:
        halves = [(a + b) / 2 + chance.uniform(-swing, swing) for a, b in pairwise(heights)]
        heights = [each for pair in zip(heights, halves, strict=False) for each in pair] + [heights[-1]]
        swing *= rough
    step = scene.width / (len(heights) - 1)
    return [(index * step, base - rise * value) for index, value in enumerate(heights)]


def _dune(scene: Scene, base: float, rise: float) -> list[Point]:
    chance = scene.chance
    waves = [
        (chance.uniform(0.6, 1.6), chance.random(), 1.0),
        (chance.uniform(1.8, 3.2), chance.random(), 0.35),
    ]
    points = []
    for index in range(129):
        x = index / 128
        value = 0.0
        for often, phase, strong in waves:
            turn = (x * often + phase) % 1.0
            # A dune rises slowly before the wind and falls steeply behind it.
            value += strong * (turn / 0.72 if turn < 0.72 else (1 - turn) / 0.28) ** 1.4
        points.append((x * scene.width, base - rise * 0.45 * value))
    return points


def _lit(scene: Scene, fill: Image.Image, line: list[Point]) -> Image.Image:
    """Dunes have a lit and a shaded side, parted at each crest."""
    shaded = ImageEnhance.Brightness(fill).enhance(0.72)
    away = [there for here, there in pairwise(line) if there[1] > here[1]]

    def draw(pen: raster.Pen, s: float) -> None:
        for x, y in away:
            foot = [(x + scene.width * 0.01, y), (x - scene.width * 0.16, scene.height)]
            corners = [(x, y), *foot, (x - scene.width * 0.22, scene.height)]
            pen.polygon([(a * s, b * s) for a, b in corners], fill=255)

    slopes = raster.mask(scene.size, draw)
    fill = fill.copy()
    raster.lay(fill, shaded, raster.blurred(slopes, 10 * scene.unit))
    return fill


def _snow(scene: Scene, image: Image.Image, shape: Image.Image, line: list[Point]) -> None:
    """Light on the highest parts of the ridge, broken up by chance."""
    top, low = min(y for _, y in line), max(y for _, y in line)
    reach = (low - top) * 0.55
    depths = [scene.chance.uniform(0.25, 1.0) for _ in range(len(line) // 4 + 2)]
    lower = []
    for index, (x, y) in enumerate(line):
        before, after = depths[index // 4], depths[index // 4 + 1]
        depth = before + (after - before) * (index % 4) / 4
        lower.append((x, y + max(0.0, reach - (y - top) * 0.9) * depth))
    patches = raster.levels(raster.noise(scene.size, scene.chance, 26, 3, stretch=0.5), 90, 125)
    cap = raster.polygon(scene.size, [*line, *reversed(lower)])
    where = ImageChops.multiply(ImageChops.multiply(shape, cap), patches)
    raster.lay(image, scene.palette.at(1.0), where.point([round(v * 0.8) for v in range(256)]))


def _mist(scene: Scene, image: Image.Image, y: float, colour: tuple[int, int, int], strength: float) -> None:
    height = scene.height
    band = raster.ramp(scene.size, 0, 255, start=(y - height * 0.14) / height, end=y / height)
    fade = raster.ramp(scene.size, 255, 0, start=y / height, end=(y + height * 0.16) / height)
    clouds = raster.levels(raster.noise(scene.size, scene.chance, 4, 3, stretch=3.0), 70, 190)
    where = ImageChops.multiply(ImageChops.multiply(band, fade), clouds)
    raster.lay(image, colour, where.point([round(v * strength) for v in range(256)]))


def _mirror(scene: Scene, image: Image.Image, horizon: int) -> None:
    """The water: what stands above it, upside down, darker, and broken into ripples that widen towards us."""
    width, depth = scene.width, scene.height - horizon
    above = image.crop((0, max(0, horizon - depth), width, horizon)).transpose(
        Image.Transpose.FLIP_TOP_BOTTOM
    )
    above = ImageEnhance.Brightness(raster.blurred(above.resize((width, depth)), 1.5 * scene.unit)).enhance(
        0.82
    )
    water = above.copy()
    chance = scene.chance
    phase, y = chance.random() * 6, 0
    while y < depth:
        t = y / depth
        high = max(1, round((1 + 5 * t) * scene.unit))
        shift = round(math.sin(phase + y * 0.19 / (0.3 + t)) * (1 + 11 * t) * scene.unit)
        strip = ImageChops.offset(above.crop((0, y, width, min(y + high, depth))), shift, 0)
        water.paste(strip, (0, y))
        y += high
    tint = Image.new("RGB", water.size, shade(scene.palette.at(0.25), -0.02))
    water = Image.composite(tint, water, raster.ramp(water.size, 20, 150))
    image.paste(water, (0, horizon))
    _glints(scene, image, horizon)


def _glints(scene: Scene, image: Image.Image, horizon: int) -> None:
    chance, unit = scene.chance, scene.unit

    def draw(pen: raster.Pen, s: float) -> None:
        for _ in range(90):
            t = chance.random() ** 1.6
            y = horizon + t * (scene.height - horizon)
            x, long = chance.random() * scene.width, (6 + 60 * t) * unit * chance.random()
            pen.line(
                ((x - long) * s, y * s, (x + long) * s, y * s), fill=70, width=max(1, round(1.2 * s * unit))
            )

    raster.lay(image, scene.palette.at(0.95), raster.mask(scene.size, draw))


def _pines(scene: Scene, image: Image.Image, horizon: float, *, shore: bool) -> None:
    """Dark trees at one or both sides of the foreground, which give the eye something near."""
    chance, unit = scene.chance, scene.unit
    wanted = "trees" in scene.traits
    if not wanted and chance.random() < 0.35:
        return
    ground = scene.height * (1.02 if shore else 0.99)
    sides = chance.sample((0.0, 1.0), chance.choice((1, 2)))

    def draw(pen: raster.Pen, s: float) -> None:
        for side in sides:
            for _ in range(16 if wanted else 10):
                reach = chance.random() ** 1.5 * (0.48 if wanted else 0.3)
                x = (reach if side == 0 else 1 - reach) * scene.width
                tall = (0.36 - 0.45 * reach) * scene.height * chance.uniform(0.65, 1.15)
                pine(pen, chance, x * s, ground * s, tall * s, unit * s)

    raster.lay(image, shade(scene.palette.at(0.0), -0.03), raster.mask(scene.size, draw))


def pine(pen: raster.Pen, chance: Random, x: float, y: float, tall: float, unit: float) -> None:
    """One fir: a trunk, and boughs that hang and widen downwards. Drawn at the pen's own scale."""
    half = max(0.5, tall * 0.012)
    pen.polygon(((x - half, y), (x, y - tall * 1.02), (x + half, y)), fill=255)
    rows = max(7, round(tall / (11 * unit)))
    for row in range(rows):
        t = (row + 1) / rows
        level = y - tall * (1.03 - 0.96 * t)
        reach = tall * 0.21 * t**0.85
        for way in (-1, 1):
            far = reach * chance.uniform(0.7, 1.1)
            drop = tall * 0.05 * chance.uniform(0.7, 1.5)
            pen.polygon(
                (
                    (x, level - tall * 0.05),
                    (x + way * far, level + drop),
                    (x + way * far * 0.45, level + drop * 0.5),
                    (x, level + drop * 0.6),
                ),
                fill=255,
            )

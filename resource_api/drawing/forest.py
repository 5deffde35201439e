"""A wood: rows of trunks that fade into mist, light falling in from one side, ferns at our feet."""

import math

from PIL import Image, ImageChops

from . import landscape, raster, sky
from .colours import mix, shade
from .scene import Scene


def paint(scene: Scene) -> Image.Image:
    chance, palette = scene.chance, scene.palette
    night = "night" in scene.traits
    width, height = scene.size
    light = palette.at(0.5 if night else 0.96)
    image = raster.gradient(
        scene.size, [mix(light, palette.at(0.7), 0.25), light, mix(light, palette.at(0.55), 0.5)]
    )
    source = (width * chance.choice((0.25, 0.4, 0.6, 0.75)), height * chance.uniform(0.18, 0.4))
    if night:
        sky.stars(scene, image, height * 0.5, 120)
        raster.lay(image, palette.at(1.0), raster.disc(scene.size, source, 40 * scene.unit))
    raster.glow(image, source, height * 0.85, mix(light, palette.accent, 0.35), strength=0.6)
    firs = chance.random() < 0.5
    rows = 6
    for row in range(rows):
        t = (row + 1) / rows
        colour = mix(palette.at(0.42 - 0.42 * t), light, 0.78 * (1 - t) ** 1.1)
        shape = _firs(scene, t) if firs else _trunks(scene, t)
        raster.lay(
            image,
            raster.gradient(scene.size, [shade(colour, 0.03), colour, mix(colour, light, 0.5 * (1 - t))]),
            shape,
        )
        if row < rows - 1:
            _haze(scene, image, light, 0.5 * (1 - t) + 0.12)
        if row == 2:
            _beams(scene, image, source, light)
    _ferns(scene, image)
    return raster.vignette(raster.grain(image, chance), 0.4)


def _trunks(scene: Scene, t: float) -> Image.Image:
    """Leafless trunks that lean a little, with a few boughs."""
    chance, unit = scene.chance, scene.unit
    trees = []
    for _ in range(round(26 - 18 * t)):
        x = chance.random() * scene.width
        thick = (5 + 44 * t**2.2) * unit * chance.uniform(0.6, 1.3)
        trees.append((x, x + chance.uniform(-40, 40) * unit, thick))
    foot = scene.height * (0.66 + 0.36 * t)

    def draw(pen: raster.Pen, s: float) -> None:
        for x, top, thick in trees:
            left = [(top - thick * 0.3, -5 / s), (x - thick * 0.5, foot - thick), (x - thick * 1.1, foot)]
            right = [(top + thick * 0.3, -5 / s), (x + thick * 0.5, foot - thick), (x + thick * 1.1, foot)]
            pen.polygon([(a * s, b * s) for a, b in left + right[::-1]], fill=255)
            for _ in range(4):
                y = chance.uniform(0.0, 0.6)
                start = (top + (x - top) * y, foot * y)
                _bough(pen, scene, start, chance.choice((-1, 1)) * chance.uniform(0.3, 1.1), thick * 0.24, s)
        pen.polygon(_ground(scene, foot, s), fill=255)

    return raster.mask(scene.size, draw)


def _bough(pen: raster.Pen, scene: Scene, start: raster.Point, lean: float, thick: float, s: float) -> None:
    chance = scene.chance
    x, y = start
    turn, step = -math.pi / 2 + lean, 15 * scene.unit
    for _ in range(7):
        turn += chance.uniform(-0.28, 0.22)
        to = (x + math.cos(turn) * step, y + math.sin(turn) * step)
        pen.line((x * s, y * s, to[0] * s, to[1] * s), fill=255, width=max(1, round(thick * s)))
        (x, y), thick = to, thick * 0.8


def _firs(scene: Scene, t: float) -> Image.Image:
    chance = scene.chance
    foot = scene.height * (0.6 + 0.42 * t)
    trees = [(chance.random(), chance.uniform(0.7, 1.2)) for _ in range(round(34 - 24 * t))]

    def draw(pen: raster.Pen, s: float) -> None:
        for x, tall in trees:
            if t > 0.8 and 0.3 < x < 0.7:
                continue  # a clearing in front, so that the depth shows
            high = scene.height * (0.28 + 0.4 * t) * tall
            landscape.pine(pen, chance, x * scene.width * s, (foot + 8) * s, high * s, scene.unit * s * 1.4)
        pen.polygon(_ground(scene, foot, s), fill=255)

    return raster.mask(scene.size, draw)


def _ground(scene: Scene, foot: float, s: float) -> list[raster.Point]:
    phase, wide = scene.chance.random() * 6, scene.width
    line = [(wide * i / 32 * s, (foot + math.sin(phase + i * 0.4) * 9 * scene.unit) * s) for i in range(33)]
    return [*line, (wide * s, scene.height * s), (0, scene.height * s)]


def _haze(scene: Scene, image: Image.Image, light: tuple[int, int, int], strength: float) -> None:
    clouds = raster.levels(raster.noise(scene.size, scene.chance, 3, 3, stretch=2.2), 80, 200)
    where = ImageChops.multiply(raster.ramp(scene.size, 40, 255, start=0.2, end=0.85), clouds)
    raster.lay(image, light, where.point([round(v * strength) for v in range(256)]))


def _beams(scene: Scene, image: Image.Image, source: raster.Point, light: tuple[int, int, int]) -> None:
    """Shafts of light from the source downwards."""
    chance = scene.chance
    beams = [(chance.uniform(0.3, math.pi - 0.3), chance.uniform(0.02, 0.06)) for _ in range(7)]

    def draw(pen: raster.Pen, s: float) -> None:
        far = (scene.width + scene.height) * s
        x, y = source[0] * s, source[1] * s - 60 * s * scene.unit
        for turn, half in beams:
            ends = [(x + math.cos(turn + way) * far, y + math.sin(turn + way) * far) for way in (-half, half)]
            pen.polygon([(x, y), *ends], fill=90)

    shape = raster.blurred(raster.mask(scene.size, draw), 14 * scene.unit)
    raster.lay(
        image, light, ImageChops.multiply(shape, raster.ramp(scene.size, 200, 40, start=0.1, end=0.95))
    )


def _ferns(scene: Scene, image: Image.Image) -> None:
    chance, unit = scene.chance, scene.unit

    def draw(pen: raster.Pen, s: float) -> None:
        for _ in range(46):
            x, y = chance.random() * scene.width, scene.height * chance.uniform(0.97, 1.05)
            turn = -math.pi / 2 + chance.uniform(-0.9, 0.9)
            bend = chance.uniform(-0.12, 0.12)
            for step in range(15):
                to = (x + math.cos(turn) * 9 * unit, y + math.sin(turn) * 9 * unit)
                pen.line((x * s, y * s, to[0] * s, to[1] * s), fill=255, width=round(1.5 * s))
                leaf = (15 - step) * 1.9 * unit
                for way in (-1, 1):
                    side = turn + way * 1.15
                    tip = (to[0] + math.cos(side) * leaf, to[1] + math.sin(side) * leaf)
                    pen.line((to[0] * s, to[1] * s, tip[0] * s, tip[1] * s), fill=255, width=round(1.7 * s))
                (x, y), turn = to, turn + bend

    raster.lay(image, shade(scene.palette.at(0.0), -0.02), raster.mask(scene.size, draw))

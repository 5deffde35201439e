"""The sea: bands of waves that grow towards us, each with its crest of foam; a boat when one is asked for."""

import math

from PIL import Image, ImageChops

from . import raster, sky
from .colours import mix, shade
from .raster import Point
from .scene import Scene


def paint(scene: Scene) -> Image.Image:
    chance, palette = scene.chance, scene.palette
    width, height = scene.size
    horizon = height * chance.uniform(0.34, 0.46)
    wild = 1.7 if "rain" in scene.traits else chance.uniform(0.7, 1.25)
    image = sky.paint(scene, horizon)
    far = mix(palette.at(0.5), palette.at(0.9), 0.4)
    sea = raster.gradient((width, height - round(horizon)), [far, palette.at(0.4), palette.at(0.15)])
    image.paste(sea, (0, round(horizon)))
    bands = chance.randint(7, 10)
    boat = "boat" in scene.traits or chance.random() < 0.3
    for index in range(bands):
        t = (index + 0.5) / bands
        line = _wave(scene, horizon + (height - horizon) * t**1.35, wild * (5 + 62 * t**1.5) * scene.unit, t)
        if boat and index == bands // 3:
            _sail(scene, image, horizon + (height - horizon) * t**1.35 + 5 * scene.unit)
        deep = mix(palette.at(0.42 - 0.34 * t), palette.at(0.8), 0.35 * (1 - t))
        shape = raster.polygon(scene.size, [*line, (width, height), (0, height)])
        raster.lay(image, raster.gradient(scene.size, [deep, shade(deep, -0.06)]), shape)
        # Light shines through the thin water under a crest.
        thin = round((4 + 46 * t) * scene.unit)
        rim = raster.blurred(ImageChops.subtract(shape, ImageChops.offset(shape, 0, thin)), thin * 0.45 + 1)
        glow = ImageChops.multiply(rim, shape).point([round(v * 0.75) for v in range(256)])
        raster.lay(image, mix(palette.at(0.72), deep, 0.25), glow)
        _foam(scene, image, line, shape, t)
    if "rain" in scene.traits:
        _rain(scene, image)
    return raster.vignette(raster.grain(image, chance, 6), 0.32)


def _wave(scene: Scene, level: float, rise: float, t: float) -> list[Point]:
    """A line of rolling crests: round below, drawn together to a point above (a trochoid)."""
    chance = scene.chance
    long = scene.width * (0.10 + 0.3 * t) * chance.uniform(0.8, 1.25)
    phase, steep = chance.random() * long, 0.75
    points = []
    steps = 220
    for step in range(steps + 1):
        turn = 2 * math.pi * step / steps * (scene.width * 1.4 / long)
        swell = 0.75 + 0.35 * math.sin(turn * 0.31 + phase)
        x = turn / (2 * math.pi) * long - phase - steep * rise * swell * 0.7 * math.sin(turn)
        points.append((x - scene.width * 0.1, level - rise * 0.5 * swell * math.cos(turn)))
    return [
        (-10.0, points[0][1]),
        *(p for p in points if -10 < p[0] < scene.width + 10),
        (scene.width + 10.0, points[-1][1]),
    ]


def _foam(scene: Scene, image: Image.Image, line: list[Point], shape: Image.Image, t: float) -> None:
    chance, unit = scene.chance, scene.unit
    pale = mix(scene.palette.at(1.0), scene.palette.at(0.75), 0.35 * (1 - t))
    mean = sum(y for _, y in line) / len(line)
    high = max(mean - min(y for _, y in line), 1.0)

    def draw(pen: raster.Pen, s: float) -> None:
        pen.line(
            [(x * s, y * s) for x, y in line],
            fill=round(120 + 110 * t),
            width=round((1 + 3.2 * t) * unit * s),
        )
        for x, y in line:
            crest = (mean - y) / high
            if crest < 0.25:
                continue
            for _ in range(round(2 + 9 * t * crest)):
                drift = chance.gauss(0, 13 * t + 2) * unit
                drop = abs(chance.gauss(0, 20 * t + 2)) * unit
                size = (0.5 + 3.0 * t * chance.random() ** 2) * unit
                a, b = (x + drift) * s, (y + drop) * s
                pen.ellipse(
                    (a - size * s, b - size * s, a + size * s, b + size * s), fill=round(70 + 170 * crest)
                )
        for lane in range(1, 4):
            sunk = [(x * s, (y + lane * (7 + 15 * t) * unit) * s) for x, y in line]
            pen.line(sunk, fill=round(58 - 12 * lane), width=max(1, round((0.6 + 1.2 * t) * unit * s)))

    raster.lay(
        image,
        pale,
        ImageChops.multiply(
            raster.mask(scene.size, draw), shape.point([min(255, v + 90) for v in range(256)])
        ),
    )


def _sail(scene: Scene, image: Image.Image, water: float) -> None:
    """A small sailing boat on the water line."""
    chance = scene.chance
    x, long = scene.width * chance.uniform(0.25, 0.75), 74 * scene.unit
    way = chance.choice((-1, 1))
    hull = [(-0.5, -0.12), (0.55, -0.14), (0.4, 0.06), (-0.4, 0.06)]
    main = [(0.02, -0.16), (0.02, -1.15), (-0.46, -0.2)]
    jib = [(0.07, -0.18), (0.07, -1.02), (0.5, -0.2)]
    for part, colour in (
        (hull, shade(scene.palette.at(0.0), -0.02)),
        (main, scene.palette.at(1.0)),
        (jib, scene.palette.accent),
    ):
        raster.lay(
            image,
            colour,
            raster.polygon(scene.size, [(x + way * a * long, water + b * long) for a, b in part]),
        )


def _rain(scene: Scene, image: Image.Image) -> None:
    chance, unit = scene.chance, scene.unit

    def draw(pen: raster.Pen, s: float) -> None:
        for _ in range(420):
            x, y = chance.random() * scene.width * 1.1, chance.random() * scene.height
            long = chance.uniform(10, 30) * unit
            pen.line(
                (x * s, y * s, (x - long * 0.35) * s, (y + long) * s),
                fill=round(chance.uniform(30, 90)),
                width=round(s),
            )

    raster.lay(image, scene.palette.at(0.95), raster.mask(scene.size, draw))

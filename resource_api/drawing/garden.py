"""Flowers: a meadow of blossoms before others that are out of focus."""

import math

from PIL import Image

from . import raster
from .colours import Colour, mix, shade
from .scene import Scene

_KINDS = ("daisy", "rose", "tulip", "poppy")


def paint(scene: Scene) -> Image.Image:
    chance, palette = scene.chance, scene.palette
    width, height = scene.size
    green = mix(palette.at(0.2), (58, 104, 66), 0.55)
    image = raster.gradient(
        scene.size,
        [palette.at(0.97), mix(palette.at(0.85), palette.at(0.6), 0.35), mix(green, palette.at(0.5), 0.35)],
    )
    sun = (width * chance.uniform(0.2, 0.8), height * chance.uniform(0.1, 0.3))
    raster.glow(image, sun, height * 0.6, mix(palette.at(1.0), palette.accent, 0.3), strength=0.6)
    warm = palette.accent[0] > palette.accent[2]
    pop = palette.accent if warm else palette.at(0.9)
    inks = [pop, shade(pop, 0.08), mix(pop, palette.at(0.6), 0.5), palette.at(0.55), palette.at(0.72)]
    named = [kind for kind, name in enumerate(_KINDS) if name in scene.traits]
    kind = chance.choice(named or range(len(_KINDS)))
    for depth, (count, soft) in enumerate(((26, 13.0), (20, 6.0), (13, 1.6), (9, 0.0))):
        t = depth / 3
        layer = Image.new(
            "RGBA", (width * raster.FINE, height * raster.FINE), (*mix(green, palette.at(0.9), 0.3), 0)
        )
        for index in range(count):
            x = width * ((index + chance.random()) / count * 1.1 - 0.05)
            y = height * (chance.uniform(0.34, 0.74) + 0.1 * t)
            radius = height * (0.035 + 0.075 * t) * chance.uniform(0.65, 1.2)
            leafage = shade(mix(green, palette.at(0.9), 0.4 * (1 - t)), chance.uniform(-0.05, 0.05))
            _stem(scene, layer, x, y, t, leafage)
            ink = mix(chance.choice(inks), palette.at(0.95), 0.3 * (1 - t))
            _blossom(scene, layer, (x, y), radius, ink, kind if chance.random() > 0.2 else 0)
        layer = layer.reduce(raster.FINE)
        if soft:
            layer = raster.blurred(layer, soft * scene.unit)
        image.paste(layer.convert("RGB"), (0, 0), layer.getchannel("A"))
        if depth < 3:
            raster.lay(image, palette.at(0.95), raster.ramp(scene.size, 0, 46, start=0.3, end=1.0))
    for _ in range(18):
        spot = (chance.random() * width, chance.random() * height * 0.8)
        raster.glow(
            image,
            spot,
            chance.uniform(4, 16) * scene.unit,
            palette.at(1.0),
            strength=chance.uniform(0.2, 0.6),
        )
    return raster.vignette(raster.grain(image, chance, 5), 0.26)


def _stem(scene: Scene, layer: Image.Image, x: float, y: float, t: float, colour: Colour) -> None:
    chance, s = scene.chance, raster.FINE
    pen = raster.pen(layer)
    foot, bend = scene.height * 1.05, chance.uniform(-60, 60) * scene.unit
    thick = max(2, round((1.2 + 3.4 * t) * s * scene.unit))
    line = []
    for step in range(17):
        u = step / 16
        line.append(((x + bend * u * u) * s, (y + (foot - y) * u) * s))
    pen.line(line, fill=(*colour, 255), width=thick, joint="curve")
    for _ in range(chance.randint(1, 3)):
        px, py = line[chance.randint(4, 14)]
        turn = -math.pi / 2 + chance.choice((-1, 1)) * chance.uniform(0.5, 1.0)
        long = (28 + 62 * t) * s * scene.unit * chance.uniform(0.7, 1.3)
        pen.polygon(
            _petal(px, py, turn, long, long * 0.16, 1.4),
            fill=(*shade(colour, chance.uniform(-0.04, 0.07)), 255),
        )


def _blossom(
    scene: Scene, layer: Image.Image, centre: raster.Point, radius: float, ink: Colour, kind: int
) -> None:
    """One of `_KINDS`, by its place there."""
    chance, s = scene.chance, raster.FINE
    pen = raster.pen(layer)
    x, y, r = centre[0] * s, centre[1] * s, radius * s
    start = chance.random() * math.tau
    if kind == 2:
        for turn, deep in ((-0.42, -0.05), (0.42, -0.05), (0.0, 0.04)):
            pen.polygon(
                _petal(x, y + r * 0.8, -math.pi / 2 + turn, r * 2.0, r * 0.52, 0.8),
                fill=(*shade(ink, deep), 255),
            )
        pen.polygon(
            _petal(x, y + r * 0.8, -math.pi / 2, r * 1.5, r * 0.2, 0.9), fill=(*shade(ink, 0.09), 255)
        )
        return
    if kind == 1:
        for ring in range(6):
            size = r * (1 - ring * 0.155)
            for petal in range(5):
                turn = start + petal * math.tau / 5 + ring * 0.62
                cx, cy = x + math.cos(turn) * size * 0.42, y + math.sin(turn) * size * 0.42
                tone = shade(ink, -0.10 + 0.035 * ring + 0.03 * math.sin(turn))
                pen.ellipse(
                    (cx - size * 0.6, cy - size * 0.6, cx + size * 0.6, cy + size * 0.6), fill=(*tone, 255)
                )
        return
    petals = 15 if kind == 0 else 6
    for ring in range(2):
        for petal in range(petals):
            turn = start + (petal + 0.5 * ring) * math.tau / petals + chance.uniform(-0.05, 0.05)
            long = r * (1.0 - 0.18 * ring) * chance.uniform(0.92, 1.06)
            wide = long * (0.13 if kind == 0 else 0.42)
            pen.polygon(_petal(x, y, turn, long, wide, 0.7), fill=(*shade(ink, -0.06 + 0.07 * ring), 255))
            pen.polygon(
                _petal(x, y, turn, long * 0.8, wide * 0.4, 0.7), fill=(*shade(ink, 0.0 + 0.08 * ring), 255)
            )
    heart = (
        mix((238, 190, 60), scene.palette.at(0.8), 0.25) if kind == 0 else shade(scene.palette.at(0.05), 0.0)
    )
    inner = r * (0.27 if kind == 0 else 0.2)
    pen.ellipse((x - inner, y - inner, x + inner, y + inner), fill=(*shade(heart, -0.05), 255))
    for index in range(40):
        away, turn = inner * math.sqrt(index / 40) * (0.95 if kind == 0 else 1.7), index * 2.39996
        px, py, dot = x + math.cos(turn) * away, y + math.sin(turn) * away, max(1.0, inner * 0.09)
        pen.ellipse(
            (px - dot, py - dot, px + dot, py + dot), fill=(*shade(heart, 0.1 if kind == 0 else 0.25), 255)
        )


def _petal(x: float, y: float, turn: float, long: float, wide: float, blunt: float) -> list[raster.Point]:
    """A leaf shape from its foot at (x, y); `blunt` below 1 is broad towards the tip, above 1 towards the foot."""
    dx, dy = math.cos(turn), math.sin(turn)
    sides: list[raster.Point] = []
    for way in (1, -1):
        steps = range(13) if way == 1 else range(12, -1, -1)
        for step in steps:
            u = step / 12
            half = wide * math.sin(math.pi * u ** (1 / blunt)) ** 0.8 if 0 < u < 1 else 0.0
            sides.append((x + dx * long * u - dy * half * way, y + dy * long * u + dx * half * way))
    return sides

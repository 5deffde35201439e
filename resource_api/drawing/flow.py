"""Lines that follow an invisible current, thousands of them, like hair, smoke or silk."""

import math
from collections.abc import Callable

from PIL import Image

from . import raster
from .colours import Colour, mix, shade
from .scene import Scene

_COARSE = (64, 48)
_Field = Callable[[float, float], float]


def paint(scene: Scene) -> Image.Image:
    chance, palette = scene.chance, scene.palette
    width, height = scene.size
    dark = chance.random() < 0.65
    ground = (shade(palette.at(0.0), -0.04), palette.at(0.14)) if dark else (palette.at(1.0), palette.at(0.9))
    image = raster.gradient(scene.size, ground)
    image = image.resize((width * raster.FINE, height * raster.FINE))
    field, tones = _current(scene), raster.noise(_COARSE, chance, 3, 3).tobytes()
    pen, s, unit = raster.pen(image), raster.FINE, scene.unit
    lines = 1500
    for index in range(lines):
        x, y = chance.uniform(-0.05, 1.05) * width, chance.uniform(-0.05, 1.05) * height
        tone = tones[_place(x / width, y / height)] / 255
        t = min(max((tone - 0.5) * 2.4 + 0.5 + chance.uniform(-0.12, 0.12), 0.0), 1.0)
        colour = _ink(scene, t, dark)
        thick = (0.6 + 5.2 * chance.random() ** 3) * unit * (0.5 + 0.9 * index / lines)
        _stroke(pen, field, (x, y), chance.randint(18, 46), 7.5 * unit, thick, colour, s)
    image = image.reduce(raster.FINE)
    if dark:
        raster.glow(
            image,
            (width * chance.uniform(0.25, 0.75), height * chance.uniform(0.25, 0.7)),
            height * 0.7,
            palette.at(0.6),
            strength=0.28,
        )
    return raster.vignette(raster.grain(image, chance, 5), 0.3 if dark else 0.15)


def _place(x: float, y: float) -> int:
    wide, high = _COARSE
    return int(min(max(y, 0.0), 0.999) * high) * wide + int(min(max(x, 0.0), 0.999) * wide)


def _ink(scene: Scene, t: float, dark: bool) -> Colour:
    palette, chance = scene.palette, scene.chance
    if chance.random() < 0.07:
        return palette.accent
    low, high = (0.18, 1.0) if dark else (0.0, 0.72)
    return mix(palette.at(low + (high - low) * t), palette.accent, 0.12 * chance.random())


def _current(scene: Scene) -> _Field:
    """The direction at a point: slow waves across each other, and a few whirls."""
    chance = scene.chance
    size = scene.height
    waves = [
        (
            chance.uniform(0.5, 2.4) / size,
            chance.uniform(0.5, 2.4) / size,
            chance.random() * math.tau,
            chance.uniform(0.4, 1.1),
        )
        for _ in range(4)
    ]
    whirls = [
        (
            chance.random() * scene.width,
            chance.random() * scene.height,
            chance.choice((-1, 1)),
            size * chance.uniform(0.16, 0.36),
        )
        for _ in range(chance.randint(1, 4))
    ]
    drift = chance.random() * math.tau

    def direction(x: float, y: float) -> float:
        turn = drift
        for a, b, phase, strong in waves:
            turn += strong * math.sin((x * a + y * b) * math.pi + phase)
        dx, dy = math.cos(turn), math.sin(turn)
        for cx, cy, way, reach in whirls:
            rx, ry = x - cx, y - cy
            pull = 2.6 * math.exp(-(rx * rx + ry * ry) / (reach * reach))
            far = math.sqrt(rx * rx + ry * ry) + 1.0
            dx, dy = dx - way * ry / far * pull, dy + way * rx / far * pull
        return math.atan2(dy, dx)

    return direction


def _stroke(
    pen: raster.Pen,
    field: _Field,
    start: raster.Point,
    steps: int,
    step: float,
    thick: float,
    colour: Colour,
    s: float,
) -> None:
    """One line, thin at both ends."""
    x, y = start
    spine = []
    for _ in range(steps):
        turn = field(x, y)
        spine.append((x, y, turn))
        x, y = x + math.cos(turn) * step, y + math.sin(turn) * step
    left, right = [], []
    for index, (px, py, turn) in enumerate(spine):
        half = thick * math.sin(math.pi * (index + 0.5) / steps) * 0.5 * s
        nx, ny = -math.sin(turn) * half, math.cos(turn) * half
        left.append((px * s + nx, py * s + ny))
        right.append((px * s - nx, py * s - ny))
    pen.polygon(left + right[::-1], fill=colour)

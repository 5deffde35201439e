"""Skies: a gradient, a sun or a moon, stars, clouds. What stands before them is painted elsewhere."""

import math

from PIL import Image, ImageChops

from . import raster
from .colours import Colour, Palette, mix, shade
from .scene import Scene


def paint(scene: Scene, horizon: float) -> Image.Image:
    """A sky that is lightest at `horizon`, on a canvas of the whole size."""
    chance, palette = scene.chance, scene.palette
    night = "night" in scene.traits
    tones = (
        (0.02, 0.2, 0.42, 0.6) if night else chance.choice(((0.3, 0.55, 0.8, 1.0), (0.42, 0.66, 0.85, 0.97)))
    )
    tall = (scene.width, max(2, round(horizon)))
    image = Image.new("RGB", scene.size, palette.at(tones[-1]))
    image.paste(raster.gradient(tall, [palette.at(t) for t in tones], curve=0.9), (0, 0))
    if night:
        stars(scene, image, horizon * 0.9, 240)
    _clouds(scene, image, horizon, 0.35 if night else 0.6)
    if "rain" not in scene.traits:
        _luminary(scene, image, horizon, moon=night or "moon" in scene.traits)
    return image


def stars(scene: Scene, image: Image.Image, below: float, count: int) -> None:
    """Points of light down to `below`; a few large ones shine."""
    chance, unit = scene.chance, scene.unit
    places = [
        (chance.random() * scene.width, chance.random() ** 1.3 * below, chance.random()) for _ in range(count)
    ]

    def draw(pen: raster.Pen, s: float) -> None:
        for x, y, size in places:
            radius = (0.5 + 1.1 * size**4) * unit * s
            pen.ellipse(
                (x * s - radius, y * s - radius, x * s + radius, y * s + radius), fill=round(90 + 165 * size)
            )

    raster.lay(image, scene.palette.at(1.0), raster.mask(scene.size, draw))
    for x, y, size in places:
        if size > 0.97:
            raster.glow(image, (x, y), 14 * unit, scene.palette.at(0.9), strength=0.8)


def _luminary(scene: Scene, image: Image.Image, horizon: float, *, moon: bool) -> None:
    chance, palette = scene.chance, scene.palette
    x = scene.width * chance.choice((chance.uniform(0.2, 0.42), chance.uniform(0.58, 0.8)))
    y = horizon * (chance.uniform(0.18, 0.5) if moon else chance.uniform(0.3, 0.78))
    radius = scene.height * (chance.uniform(0.035, 0.07) if moon else chance.uniform(0.05, 0.13))
    light = mix(palette.at(1.0), (255, 250, 235), 0.6) if moon else _warm(palette)
    raster.glow(image, (x, y), radius * 7, mix(light, palette.at(0.6), 0.35), strength=0.55)
    raster.glow(image, (x, y), radius * 2.6, light, strength=0.55)
    face = raster.disc(scene.size, (x, y), radius)
    if moon and chance.random() < 0.5:
        turn = chance.uniform(-0.7, 0.7)
        bite = raster.disc(
            scene.size,
            (x + math.cos(turn) * radius * 0.55, y - math.sin(turn) * radius * 0.55),
            radius * 0.95,
        )
        face = ImageChops.subtract(face, bite)
    fill = raster.gradient(scene.size, [shade(light, 0.04), light])
    if moon:
        seas = raster.levels(raster.noise(scene.size, chance, 24, 3), 110, 190, top=60)
        raster.lay(fill, shade(light, -0.18), seas)
    raster.lay(image, fill, face)


def _warm(palette: Palette) -> Colour:
    """A sun takes the accent when that is warm, else the palest colour."""
    red, _, blue = palette.accent
    return palette.accent if red > blue else mix(palette.at(1.0), (255, 246, 220), 0.5)


def _clouds(scene: Scene, image: Image.Image, horizon: float, strength: float) -> None:
    chance = scene.chance
    if chance.random() < 0.3:
        return
    shape = raster.levels(
        raster.noise(scene.size, chance, 3, 5, stretch=chance.uniform(2.0, 4.5)), 120, 205, power=1.3
    )
    fade = raster.ramp(scene.size, 120, 255, end=horizon / scene.height)
    where = ImageChops.multiply(shape, fade).point([round(v * strength) for v in range(256)])
    raster.lay(image, scene.palette.at(0.98), where)

"""Space: clouds of gas lit from within, dust before them, stars, and sometimes a planet with a ring."""

import math

from PIL import Image, ImageChops

from . import raster
from .colours import mix, shade
from .scene import Scene


def paint(scene: Scene) -> Image.Image:
    chance, palette = scene.chance, scene.palette
    width, height = scene.size
    image = raster.gradient(
        scene.size, [shade(palette.at(0.0), -0.05), mix(palette.at(0.0), palette.at(0.2), 0.5)]
    )
    _small_stars(scene, image, 900)
    heart = (width * chance.uniform(0.3, 0.7), height * chance.uniform(0.3, 0.65))
    _cloud(scene, image, heart, palette.at(0.3), 3, 0.95)
    _cloud(scene, image, heart, palette.at(0.55), 4, 0.8)
    _cloud(scene, image, (heart[0] + chance.uniform(-150, 150), heart[1]), palette.accent, 5, 0.42)
    _cloud(scene, image, heart, palette.at(0.85), 6, 0.5)
    dust = raster.levels(raster.noise(scene.size, chance, 5, 5), 125, 185, power=1.2)
    raster.lay(image, shade(palette.at(0.0), -0.04), dust.point([round(v * 0.75) for v in range(256)]))
    raster.glow(image, heart, height * 0.34, palette.at(0.95), strength=0.5)
    _small_stars(scene, image, 500)
    for _ in range(chance.randint(9, 16)):
        _star(scene, image, (chance.random() * width, chance.random() * height), chance.random())
    if "planet" in scene.traits or chance.random() < 0.3:
        _planet(scene, image)
    return raster.vignette(raster.grain(image, chance, 6), 0.4)


def _cloud(
    scene: Scene,
    image: Image.Image,
    heart: raster.Point,
    colour: tuple[int, int, int],
    cells: int,
    strength: float,
) -> None:
    """Gas that thins out from the heart; folded noise gives it filaments."""
    chance = scene.chance
    half = (scene.width // 2, scene.height // 2)  # gas has no edges: half the size looks the same
    body = raster.noise(half, chance, cells, 5)
    folds = raster.noise(half, chance, cells + 1, 4).point(
        [255 - min(255, abs(v - 128) * 5) for v in range(256)]
    )
    shape = ImageChops.multiply(
        raster.levels(body, 85, 195), folds.point([90 + v * 165 // 255 for v in range(256)])
    )
    reach = half[0] * chance.uniform(0.55, 0.8)
    fade = Image.new("L", half)
    veil = Image.radial_gradient("L").point([round(255 * max(0.0, 1 - v / 165)) for v in range(256)])
    wide, high = round(reach * 2), round(reach * chance.uniform(1.1, 1.7))
    veil = veil.resize((wide, high), Image.Resampling.BICUBIC).rotate(
        chance.uniform(-40, 40), Image.Resampling.BICUBIC
    )
    fade.paste(veil, (round((heart[0] - wide) / 2), round((heart[1] - high) / 2)))
    where = ImageChops.multiply(shape, fade).point([round(min(255, v * 2.0) * strength) for v in range(256)])
    where = where.resize(scene.size, Image.Resampling.BICUBIC)
    light = Image.composite(Image.new("RGB", scene.size, colour), Image.new("RGB", scene.size), where)
    image.paste(ImageChops.screen(image, light))


def _small_stars(scene: Scene, image: Image.Image, count: int) -> None:
    chance, unit = scene.chance, scene.unit

    def draw(pen: raster.Pen, s: float) -> None:
        for _ in range(count):
            x, y, size = (
                chance.random() * scene.width * s,
                chance.random() * scene.height * s,
                chance.random(),
            )
            radius = (0.45 + 0.9 * size**5) * unit * s
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=round(60 + 190 * size**2))

    raster.lay(image, mix(scene.palette.at(1.0), (255, 255, 255), 0.5), raster.mask(scene.size, draw))


def _star(scene: Scene, image: Image.Image, place: raster.Point, size: float) -> None:
    """A near star: a core, a halo, and the cross a mirror's struts make of it."""
    unit = scene.unit
    colour = mix(scene.palette.at(1.0), scene.palette.accent, scene.chance.random() * 0.5)
    raster.glow(image, place, (16 + 46 * size**2) * unit, colour, strength=0.85)
    raster.glow(image, place, (4 + 5 * size) * unit, (255, 255, 255), strength=1.0)
    if size > 0.6:
        long = (22 + 60 * (size - 0.6)) * unit
        for turn in (0.0, math.pi / 2):
            for step in range(12):
                far = long * step / 12
                for way in (-1, 1):
                    spot = (place[0] + way * math.cos(turn) * far, place[1] + way * math.sin(turn) * far)
                    raster.glow(
                        image, spot, 2.2 * unit * (1.3 - step / 12), colour, strength=0.8 * (1 - step / 12)
                    )


def _planet(scene: Scene, image: Image.Image) -> None:
    chance, palette, unit = scene.chance, scene.palette, scene.unit
    radius = scene.height * chance.uniform(0.11, 0.2)
    x, y = scene.width * chance.choice((0.22, 0.78)), scene.height * chance.uniform(0.3, 0.72)
    side = round(radius * 2)
    bands = raster.noise((side, side), chance, 3, 4, stretch=chance.choice((3.5, 1.0)))
    surface = Image.composite(
        Image.new("RGB", (side, side), palette.at(0.85)),
        Image.new("RGB", (side, side), palette.at(0.4)),
        raster.levels(bands, 80, 180),
    )
    globe = raster.disc((side, side), (radius, radius), radius - 1)
    turn = chance.uniform(-2.4, -0.7)
    lit = Image.radial_gradient("L").point([255 - round(235 * min(1.0, v / 190) ** 1.4) for v in range(256)])
    lit = lit.resize((side * 2, side * 2), Image.Resampling.BICUBIC)
    left, top = (
        round(side * 0.5 - math.cos(turn) * radius * 0.75),
        round(side * 0.5 - math.sin(turn) * radius * 0.75),
    )
    lit = lit.crop((left, top, left + side, top + side))
    surface = ImageChops.multiply(surface, Image.merge("RGB", (lit, lit, lit)))
    raster.glow(image, (x, y), radius * 1.5, palette.at(0.6), strength=0.5)
    ring = "ring" in scene.traits or chance.random() < 0.65
    if ring:
        _ring(scene, image, (x, y), radius, front=False)
    image.paste(surface, (round(x - radius), round(y - radius)), globe)
    if ring:
        _ring(scene, image, (x, y), radius, front=True)
    raster.lay(
        image, palette.at(0.9), raster.disc(scene.size, (x + radius * 1.9, y - radius * 1.2), 5 * unit)
    )


def _ring(scene: Scene, image: Image.Image, centre: raster.Point, radius: float, *, front: bool) -> None:
    """Half of the ring: what lies behind the planet is drawn before it, the rest after."""
    start, end = (0, 180) if front else (180, 360)

    def draw(pen: raster.Pen, s: float) -> None:
        for band in range(9):
            wide = radius * (1.35 + 0.09 * band) * s
            high = wide * 0.28
            x, y = centre[0] * s, centre[1] * s
            pen.arc(
                (x - wide, y - high, x + wide, y + high),
                start,
                end,
                fill=(200, 90, 160, 120, 220, 60, 150, 110, 70)[band],
                width=round(radius * 0.075 * s),
            )

    raster.lay(image, scene.palette.at(0.92), raster.mask(scene.size, draw))

"""A printed poster: plain shapes in few inks, in a grid or around one great circle, on paper."""

import math
from collections.abc import Callable

from PIL import Image, ImageChops

from . import raster
from .colours import Colour, mix
from .scene import Scene

_Motif = Callable[[raster.Pen, float, float, float, int, list[Colour]], None]


def paint(scene: Scene) -> Image.Image:
    chance, palette = scene.chance, scene.palette
    paper = mix(palette.at(1.0), (250, 245, 232), 0.35)
    inks = [palette.at(0.0), palette.at(0.25), palette.at(0.5), palette.at(0.75), palette.accent]
    fine = raster.FINE
    image = Image.new("RGB", (scene.width * fine, scene.height * fine), paper)
    if chance.random() < 0.5:
        _grid(scene, image, inks, paper)
    else:
        _construction(scene, image, inks, paper)
    image = image.reduce(fine)
    # Ink lies unevenly on paper.
    cloth = raster.noise(scene.size, chance, 160, 2).point([238 + v * 17 // 255 for v in range(256)])
    image = ImageChops.multiply(image, Image.merge("RGB", (cloth, cloth, cloth)))
    return raster.grain(image, chance, 9)


def _grid(scene: Scene, image: Image.Image, inks: list[Colour], paper: Colour) -> None:
    chance = scene.chance
    columns = chance.choice((4, 5, 6))
    cell = image.width / (columns + 0.8)
    rows = max(1, int((image.height - cell * 0.6) / cell))
    left, top = (image.width - columns * cell) / 2, (image.height - rows * cell) / 2
    pen = raster.pen(image)
    motifs = chance.sample(_MOTIFS, 6)
    for row in range(rows):
        for column in range(columns):
            ground, *others = chance.sample([*inks, paper], 4)
            x, y = left + column * cell, top + row * cell
            pen.rectangle((x, y, x + cell, y + cell), fill=ground)
            chance.choice(motifs)(pen, x, y, cell, chance.randrange(4), others)


def _construction(scene: Scene, image: Image.Image, inks: list[Colour], paper: Colour) -> None:
    """One great circle, beams across it, and small shapes that balance them."""
    chance = scene.chance
    wide, high = image.size
    pen = raster.pen(image)
    dark, *bright = inks
    chance.shuffle(bright)
    x, y = wide * chance.uniform(0.35, 0.65), high * chance.uniform(0.4, 0.6)
    radius = high * chance.uniform(0.26, 0.36)
    turn = chance.choice((-1, 1)) * chance.uniform(0.35, 0.8)
    _beam(pen, x, y, turn, wide * 1.5, radius * 0.5, bright[1])
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=bright[0])
    inner = radius * chance.uniform(0.45, 0.62)
    pen.pieslice(
        (x - inner, y - inner, x + inner, y + inner), math.degrees(turn), math.degrees(turn) + 180, fill=dark
    )
    pen.pieslice(
        (x - inner, y - inner, x + inner, y + inner),
        math.degrees(turn) + 180,
        math.degrees(turn) + 360,
        fill=paper,
    )
    for index in range(chance.randint(3, 6)):
        away = radius * (1.05 + 0.16 * index)
        start = chance.uniform(0, 360)
        pen.arc(
            (x - away, y - away, x + away, y + away),
            start,
            start + chance.uniform(50, 150),
            fill=chance.choice((dark, bright[2])),
            width=round(radius * 0.05),
        )
    for index in range(5):
        _beam(
            pen,
            x + (index - 2) * radius * 0.16,
            y + radius * 0.9,
            turn + math.pi / 2,
            wide * 0.55,
            radius * 0.035,
            dark,
        )
    for _ in range(chance.randint(5, 9)):
        size = high * chance.uniform(0.02, 0.07)
        px, py = chance.uniform(0.07, 0.93) * wide, chance.uniform(0.08, 0.92) * high
        colour = chance.choice((dark, *bright))
        kind = chance.randrange(3)
        if kind == 0:
            pen.ellipse((px - size, py - size, px + size, py + size), fill=colour)
        elif kind == 1:
            pen.regular_polygon((px, py, size * 1.2), 3, chance.uniform(0, 120), fill=colour)
        else:
            pen.regular_polygon((px, py, size), 4, math.degrees(turn), fill=colour)
    edge = wide * 0.035
    pen.rectangle((0, 0, wide, high), outline=paper, width=round(edge))


def _beam(
    pen: raster.Pen, x: float, y: float, turn: float, long: float, thick: float, colour: Colour
) -> None:
    dx, dy = math.cos(turn) * long / 2, math.sin(turn) * long / 2
    nx, ny = -math.sin(turn) * thick / 2, math.cos(turn) * thick / 2
    pen.polygon(
        (
            (x - dx + nx, y - dy + ny),
            (x + dx + nx, y + dy + ny),
            (x + dx - nx, y + dy - ny),
            (x - dx - nx, y - dy - ny),
        ),
        fill=colour,
    )


def _corner(x: float, y: float, cell: float, turn: int) -> raster.Point:
    return x + cell * (turn in (1, 2)), y + cell * (turn in (2, 3))


def _quarter(pen: raster.Pen, x: float, y: float, cell: float, turn: int, inks: list[Colour]) -> None:
    cx, cy = _corner(x, y, cell, turn)
    for ring, ink in enumerate(inks):
        radius = cell * (1 - ring * 0.33)
        pen.pieslice(
            (cx - radius, cy - radius, cx + radius, cy + radius), turn * 90, turn * 90 + 90, fill=ink
        )


def _disc(pen: raster.Pen, x: float, y: float, cell: float, turn: int, inks: list[Colour]) -> None:
    for part, ink in zip((0.06, 0.24, 0.38), inks, strict=True):
        edge = cell * part
        pen.ellipse((x + edge, y + edge, x + cell - edge, y + cell - edge), fill=ink)


def _halves(pen: raster.Pen, x: float, y: float, cell: float, turn: int, inks: list[Colour]) -> None:
    pen.pieslice((x, y, x + cell, y + cell), turn * 90, turn * 90 + 180, fill=inks[0])
    edge = cell * 0.25
    pen.pieslice(
        (x + edge, y + edge, x + cell - edge, y + cell - edge), turn * 90 + 180, turn * 90 + 360, fill=inks[1]
    )


def _stripes(pen: raster.Pen, x: float, y: float, cell: float, turn: int, inks: list[Colour]) -> None:
    for index in range(0, 8, 2):
        a, b = cell * index / 8, cell * (index + 1) / 8
        box = (x + a, y, x + b, y + cell) if turn % 2 else (x, y + a, x + cell, y + b)
        pen.rectangle(box, fill=inks[0])


def _triangle(pen: raster.Pen, x: float, y: float, cell: float, turn: int, inks: list[Colour]) -> None:
    corners = [(x, y), (x + cell, y), (x + cell, y + cell), (x, y + cell)]
    pen.polygon(corners[turn:] + corners[: max(0, turn - 1)] if turn else corners[:3], fill=inks[0])
    edge = cell * 0.34
    pen.ellipse((x + edge, y + edge, x + cell - edge, y + cell - edge), fill=inks[1])


def _dots(pen: raster.Pen, x: float, y: float, cell: float, turn: int, inks: list[Colour]) -> None:
    for row in range(4):
        for column in range(4):
            radius = cell * (0.035 + 0.02 * ((row, column, 3 - row, 3 - column)[turn]))
            cx, cy = x + cell * (column + 0.5) / 4, y + cell * (row + 0.5) / 4
            pen.ellipse((cx - radius, cy - radius, cx + radius, cy + radius), fill=inks[0])


def _leaf(pen: raster.Pen, x: float, y: float, cell: float, turn: int, inks: list[Colour]) -> None:
    """Where two quarter discs overlap."""
    steps = [math.pi / 2 * step / 24 for step in range(25)]
    arc = [(math.sin(a), 1 - math.cos(a)) for a in steps]
    outline = [*arc, *((1 - px, 1 - py) for px, py in arc)]
    if turn % 2:
        outline = [(1 - px, py) for px, py in outline]
    pen.polygon([(x + px * cell, y + py * cell) for px, py in outline], fill=inks[0])
    edge = cell * 0.4
    pen.ellipse((x + edge, y + edge, x + cell - edge, y + cell - edge), fill=inks[1])


def _arches(pen: raster.Pen, x: float, y: float, cell: float, turn: int, inks: list[Colour]) -> None:
    for ring in range(4):
        edge = cell * 0.125 * ring
        ink = inks[ring % 3]
        box = [
            (x + edge, y + edge * 2, x + cell - edge, y + 2 * cell - edge * 2),
            (x + edge, y - cell + edge * 2, x + cell - edge, y + cell - edge * 2),
        ]
        start = 180 if turn % 2 == 0 else 0
        pen.pieslice(box[turn % 2], start, start + 180, fill=ink)


_MOTIFS: tuple[_Motif, ...] = (_quarter, _disc, _halves, _stripes, _triangle, _dots, _leaf, _arches)

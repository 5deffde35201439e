"""Stained glass: panes cut around points (Voronoi), set in lead, with light coming through."""

import math

from PIL import Image, ImageChops

from . import raster
from .colours import Colour, mix, shade
from .raster import Point
from .scene import Scene


def paint(scene: Scene) -> Image.Image:
    chance, palette = scene.chance, scene.palette
    width, height = scene.size
    heart = (width * chance.uniform(0.38, 0.62), height * chance.uniform(0.36, 0.6))
    sites = _rose(scene, heart) if chance.random() < 0.6 else _scattered(scene)
    panes = [
        (site, pane) for site, pane in zip(sites, _panes(sites, scene.size), strict=True) if len(pane) > 2
    ]

    fine = raster.FINE
    large = Image.new("RGB", (width * fine, height * fine), palette.at(0.0))
    pen = raster.pen(large)
    reach, turns = math.hypot(width, height) * 0.55, chance.choice((0, 5, 6, 8, 12))
    for site, pane in panes:
        pen.polygon([(x * fine, y * fine) for x, y in pane], fill=_tint(scene, site, heart, reach, turns))
    image = large.reduce(fine)

    # Hand-made glass: streaks and bubbles let more or less light through.
    streaks = raster.noise(scene.size, chance, 14, 4, stretch=0.5).point(
        [196 + v * 59 // 255 for v in range(256)]
    )
    image = ImageChops.multiply(image, Image.merge("RGB", (streaks, streaks, streaks)))
    edges = raster.blurred(_lead(scene, panes, 10.0), 7 * scene.unit)
    raster.lay(image, shade(palette.at(0.0), -0.05), edges.point([round(v * 0.6) for v in range(256)]))
    raster.glow(image, heart, height * 0.75, mix(palette.at(1.0), palette.accent, 0.2), strength=0.42)
    bloom = raster.blurred(image.point([max(0, v - 110) for v in range(256)] * 3), 16 * scene.unit)
    image = ImageChops.screen(image, bloom.point([round(v * 0.55) for v in range(256)] * 3))
    lead = _lead(scene, panes, 4.6)
    raster.lay(image, shade(palette.at(0.0), -0.06), lead)
    shine = ImageChops.subtract(_lead(scene, panes, 1.4), Image.new("L", scene.size, 130))
    raster.lay(image, palette.at(0.45), ImageChops.offset(shine, -1, -1))
    return raster.vignette(raster.grain(image, chance, 4), 0.35)


def _tint(scene: Scene, site: Point, heart: Point, reach: float, turns: int) -> Colour:
    """Light near the heart, deep outside, with spokes of the accent."""
    chance = scene.chance
    dx, dy = site[0] - heart[0], site[1] - heart[1]
    t = 0.98 - 0.78 * min(1.0, math.hypot(dx, dy) / reach) + chance.uniform(-0.16, 0.16)
    if turns and math.cos(math.atan2(dy, dx) * turns) > 0.72:
        return mix(scene.palette.accent, scene.palette.at(t), 0.15)
    if chance.random() < 0.09:
        return shade(scene.palette.accent, chance.uniform(-0.08, 0.06))
    return scene.palette.at(t)


def _rose(scene: Scene, heart: Point) -> list[Point]:
    """Rings around the heart, like the window of a cathedral."""
    chance = scene.chance
    sites, ring, petals = [heart], 0, chance.choice((6, 8, 10))
    radius, step = 0.0, scene.height * chance.uniform(0.07, 0.095)
    while radius < scene.width * 0.95:
        ring += 1
        radius += step * (1 + 0.12 * ring)
        count, shift = petals * min(ring, 4), chance.random() * 0.3
        for index in range(count):
            turn = 2 * math.pi * (index + 0.5 * (ring % 2) + shift) / count + chance.uniform(-0.02, 0.02)
            sites.append((heart[0] + math.cos(turn) * radius, heart[1] + math.sin(turn) * radius))
    return [(x, y) for x, y in sites if -60 < x < scene.width + 60 and -60 < y < scene.height + 60]


def _scattered(scene: Scene) -> list[Point]:
    chance = scene.chance
    columns, rows = 15, 11
    wide, high = scene.width / columns, scene.height / rows
    return [
        (
            (column + 0.5 + chance.uniform(-0.46, 0.46)) * wide,
            (row + 0.5 + chance.uniform(-0.46, 0.46)) * high,
        )
        for row in range(-1, rows + 1)
        for column in range(-1, columns + 1)
    ]


def _panes(sites: list[Point], size: raster.Size) -> list[list[Point]]:
    """For every site the region nearer to it than to any other: a rectangle, cut by each neighbour in turn."""
    border = [
        (-20.0, -20.0),
        (size[0] + 20.0, -20.0),
        (size[0] + 20.0, size[1] + 20.0),
        (-20.0, size[1] + 20.0),
    ]
    panes = []
    for site in sites:
        others = sorted((math.dist(site, other), other) for other in sites if other != site)
        pane = border
        for far, other in others:
            if not pane or far > 2 * max(math.dist(site, corner) for corner in pane):
                break
            pane = _cut(pane, site, other)
        panes.append(pane)
    return panes


def _cut(pane: list[Point], site: Point, other: Point) -> list[Point]:
    """The part of the pane on the site's side of the line half way to the other."""
    nx, ny = other[0] - site[0], other[1] - site[1]
    limit = (other[0] ** 2 + other[1] ** 2 - site[0] ** 2 - site[1] ** 2) / 2
    kept = []
    for index, corner in enumerate(pane):
        before = pane[index - 1]
        here, there = corner[0] * nx + corner[1] * ny - limit, before[0] * nx + before[1] * ny - limit
        if (here < 0) != (there < 0):
            t = there / (there - here)
            kept.append((before[0] + (corner[0] - before[0]) * t, before[1] + (corner[1] - before[1]) * t))
        if here < 0:
            kept.append(corner)
    return kept


def _lead(scene: Scene, panes: list[tuple[Point, list[Point]]], thick: float) -> Image.Image:
    def draw(pen: raster.Pen, s: float) -> None:
        for _, pane in panes:
            corners = [(x * s, y * s) for x, y in pane]
            pen.line(
                [*corners, corners[0]], fill=255, width=max(1, round(thick * s * scene.unit)), joint="curve"
            )

    return raster.mask(scene.size, draw)

"""A picture from words: procedural, from nothing but the prompt and a seed, and the same every time.

The prompt chooses what is painted and in which colours (`words.py`, `colours.py`), chance seeded by prompt and seed
does the rest; each composition has a file of its own. Pure: no clock, no network, no model, no order of sets or
hashes. The same prompt and seed give the same bytes in every process, as long as Pillow stays the same.
"""

from collections.abc import Callable

from PIL import Image

from .. import pictures
from . import city, flow, forest, garden, glass, landscape, nebula, poster, scene, waves, words

SIZE = (1024, 768)

_Painter = Callable[[scene.Scene], Image.Image]

PAINTERS: dict[str, tuple[_Painter, tuple[str, ...]]] = {
    "landscape": (landscape.paint, ("dusk", "dawn", "storm", "lavender", "moss", "gold", "night")),
    "waves": (waves.paint, ("sea", "storm", "dusk", "ink", "night")),
    "forest": (forest.paint, ("forest", "moss", "dawn", "autumn", "night")),
    "city": (city.paint, ("neon", "dusk", "night", "storm")),
    "nebula": (nebula.paint, ("night", "neon", "fire", "sea", "lavender")),
    "glass": (glass.paint, ("primary", "sea", "gold", "neon", "spring", "autumn")),
    "poster": (poster.paint, ("primary", "candy", "autumn", "sea", "ink")),
    "garden": (garden.paint, ("spring", "candy", "lavender", "gold", "autumn")),
    "flow": (flow.paint, ("ink", "fire", "sea", "neon", "lavender", "gold")),
}
"""Every composition, and the palettes that fit it when the prompt names none."""


def draw(prompt: str, seed: int) -> pictures.Picture:
    """The picture, ready to be kept, as PNG."""
    return pictures.encode(paint(prompt, seed), "PNG")


def paint(prompt: str, seed: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """The pixels of the picture, in RGB. About half a second of processor time at 1024 × 768."""
    wish = words.read(prompt)
    chance = scene.chance(prompt, seed)
    painter, fitting = PAINTERS[scene.subject(wish, tuple(PAINTERS), chance)]
    return painter(scene.Scene(size, chance, scene.palette(wish, fitting, chance), wish.traits))

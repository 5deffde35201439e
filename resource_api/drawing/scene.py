"""One picture to be painted: its size, its chance, its colours; and how a wish chooses them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from . import colours
from .colours import Palette
from .words import Wish


@dataclass(frozen=True)
class Scene:
    """What a painter gets. `chance` is its only source of variety."""

    size: tuple[int, int]
    chance: Random
    palette: Palette
    traits: frozenset[str]

    @property
    def width(self) -> int:
        return self.size[0]

    @property
    def height(self) -> int:
        return self.size[1]

    @property
    def unit(self) -> float:
        """The length that looks like one pixel at 1024 × 768, whatever the size."""
        return min(self.size[0] / 1024, self.size[1] / 768)


def chance(prompt: str, seed: int) -> Random:
    """The chance of this prompt and seed. A digest, because Python's own hash differs from process to process."""
    digest = hashlib.sha256(f"{seed}\n{prompt}".encode()).digest()
    return Random(int.from_bytes(digest, "big"))  # noqa: S311  variety, not secrecy


def subject(wish: Wish, of: Sequence[str], chance: Random) -> str:
    """The subject named most often, chance deciding between equals; any of `of` when none is named."""
    named = [each for each in wish.subjects if each in of]
    most = max(map(named.count, named), default=0)
    return chance.choice([each for each in dict.fromkeys(named) if named.count(each) == most] or of)


def palette(wish: Wish, fitting: Sequence[str], chance: Random) -> Palette:
    """The colours wished for: named colours before moods, moods before what is `fitting` for the subject."""
    if wish.hues:
        return colours.around(list(wish.hues), chance)
    return colours.PALETTES[chance.choice(wish.palettes or fitting)]

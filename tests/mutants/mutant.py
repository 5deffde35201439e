"""What a mutant is, and all there are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mutant:
    """One hole. `file` and the files of `tests` are relative to the tree; `old` occurs in `file` exactly once."""

    name: str
    file: str
    old: str
    new: str
    hole: str
    """Who could do what, and where it is forbidden."""
    tests: tuple[str, ...]
    """Tests of which at least one notices, as `path::test`."""
    also: tuple[tuple[str, str], ...] = ()
    """What else is replaced in the file by what, where two checks guard the same door."""

    def opened(self, text: str) -> str:
        """The file's text with the hole in it. Raises ValueError when the code has moved on."""
        for old, new in ((self.old, self.new), *self.also):
            if (count := text.count(old)) != 1:
                raise ValueError(f"{self.name}: its text occurs {count} times in {self.file}, not once")
            text = text.replace(old, new)
        return text


def areas() -> dict[str, tuple[Mutant, ...]]:
    """Every mutant, by area."""
    from . import (
        authorization,
        client_authentication,
        codes,
        credits_,
        gallery,
        headers,
        keys_,
        races,
        records,
        sessions,
        tokens,
        verifier,
    )

    modules = (
        authorization,
        codes,
        client_authentication,
        tokens,
        sessions,
        verifier,
        keys_,
        gallery,
        credits_,
        races,
        headers,
        records,
    )
    return {module.__name__.rpartition(".")[2].rstrip("_"): module.MUTANTS for module in modules}

"""Every text on a page exists in French, and the catalogue holds nothing that no page says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages import extract, pofile
from babel.messages.catalog import Catalog

import authserver
from authserver import i18n

PACKAGE = Path(authserver.__file__).parent
NARROW, WIDE = "\u202f", "\u00a0"  # before ; ? ! and before : and inside « »

Message = str | tuple[str, ...]


def _extracted(method: str, path: Path, keywords: dict[str, tuple[int, ...] | None]) -> Iterator[Message]:
    with path.open("rb") as file:
        for _, message, _, _ in extract.extract(method, file, keywords=keywords, options={"trimmed": "true"}):
            yield message if isinstance(message, str) else tuple(message)


def in_the_source() -> set[Message]:
    found: set[Message] = set()
    for path in PACKAGE.rglob("*.py"):
        found |= set(_extracted("python", path, {"gettext": None, "ngettext": (1, 2), "mark": None}))
    for path in (PACKAGE / "web" / "templates").glob("*.html"):
        found |= set(
            _extracted("jinja2.ext:babel_extract", path, {"_": None, "gettext": None, "ngettext": (1, 2)})
        )
    return found


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    with (i18n.FOLDER / "fr" / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return pofile.read_po(file, locale="fr")


def _texts(catalogue: Catalog) -> dict[Message, list[str]]:
    texts: dict[Message, list[str]] = {}
    for message in catalogue:
        if message.id:
            key = message.id if isinstance(message.id, str) else tuple(message.id)
            texts[key] = [message.string] if isinstance(message.string, str) else list(message.string or ())
    return texts


def test_every_text_is_translated(catalogue: Catalog) -> None:
    translated = {key for key, texts in _texts(catalogue).items() if all(texts)}
    assert in_the_source() - translated == set()


def test_no_translation_is_stale_or_unsure(catalogue: Catalog) -> None:
    assert set(_texts(catalogue)) - in_the_source() == set()
    assert [message.id for message in catalogue if message.id and message.fuzzy] == []
    assert not catalogue.obsolete


def test_a_translation_says_the_same_placeholders_and_markup(catalogue: Catalog) -> None:
    pattern = re.compile(r"%\(\w+\)s|</?[a-z]+[^>]*>")
    for key, texts in _texts(catalogue).items():
        source = key if isinstance(key, str) else key[-1]
        for text in texts:
            assert sorted(pattern.findall(text)) == sorted(pattern.findall(source)), key


def test_french_is_set_the_french_way(catalogue: Catalog) -> None:
    for texts in _texts(catalogue).values():
        for text in texts:
            assert "'" not in text, text
            assert not re.search(rf"[^{NARROW}][;?!]", re.sub(r"&\w+;", "", text)), text
            assert not re.search(r" [:»]|« ", text), text


def test_a_language_is_chosen_by_the_first_wish_there_is() -> None:
    translations = i18n.Translations()
    assert translations.choose(["xx", "fr-CA"], ["en"]).code == "fr"
    assert translations.choose([], ["de", "it"], ["en"]).code == "en"
    assert translations.choose([]).code == "en"


@pytest.mark.parametrize(
    ("header", "tags"),
    [
        ("fr-FR,fr;q=0.9,en;q=0.8", ["fr-FR", "fr", "en"]),
        ("en;q=0.2, fr;q=0.7", ["fr", "en"]),
        ("fr;q=0, en", ["en"]),
        ("fr;q=nonsense, *", ["*"]),
        ("fr;q=nan, en;q=1e9", []),
        ("", []),
    ],
)
def test_accept_language_is_read_by_its_weights(header: str, tags: list[str]) -> None:
    assert i18n.accepted(header) == tags


def test_times_are_told_in_the_readers_way() -> None:
    translations = i18n.Translations()
    assert translations.language("en").clock_time(1_800_000_000) == "08:00 UTC"
    assert translations.language("fr").clock_time(1_800_000_000) == f"8{WIDE}h{WIDE}00 UTC"

"""Which language somebody reads, and every text and date in it.

The texts in the source are English; `locale/<language>/LC_MESSAGES/messages.po` holds each translation, read when the
first page is shown. Nothing compiled is kept on disk: a catalogue takes some hundredths of a second to load, once a
process.
"""

from __future__ import annotations

import datetime
import functools
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # loaded by the first page that is shown
    import babel
    import babel.support

FOLDER = Path(__file__).parent / "locale"
SOURCE = "en"


def mark(message: str) -> str:
    """The same text: marks a constant as a message, to be translated where it is shown."""
    return message


@dataclass(frozen=True)
class Language:
    """One language of the pages: `code` is what `<html lang>` says."""

    code: str
    catalogue: babel.support.NullTranslations
    locale: babel.Locale

    def gettext(self, message: str) -> str:
        """The text in this language; the English one when the catalogue lacks it."""
        return self.catalogue.gettext(message) if message else ""

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        """The text in the form that `number` asks for."""
        return self.catalogue.ngettext(singular, plural, number)

    def clock_time(self, at: float) -> str:
        """The hour and minute of an instant, UTC and saying so: the server doesn't know where the reader is."""
        import babel.dates

        moment = datetime.datetime.fromtimestamp(at, datetime.UTC)
        pattern = "H'\u00a0h\u00a0'mm" if self.code == "fr" else "HH:mm"
        return babel.dates.format_time(moment, pattern, locale=self.locale) + " UTC"

    def date_time(self, at: float) -> str:
        """An instant as date and time, UTC."""
        import babel.dates

        moment = datetime.datetime.fromtimestamp(at, datetime.UTC)
        return babel.dates.format_datetime(moment, "medium", locale=self.locale) + " UTC"


class Translations:
    """All languages there are: English and every catalogue in the folder."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._catalogues: dict[str, Path | None] = {SOURCE: None}
        for path in sorted(folder.glob("*/LC_MESSAGES/messages.po")):
            self._catalogues[path.parent.parent.name] = path

    @property
    def codes(self) -> tuple[str, ...]:
        """The languages' codes, English first."""
        return tuple(self._catalogues)

    def language(self, code: str) -> Language:
        """The language of that code; English when there is none."""
        known = code if code in self._catalogues else SOURCE
        return _language(known, self._catalogues[known])

    def choose(self, *wishes: Iterable[str]) -> Language:
        """The first language we have, wish after wish: each is an ordered list of BCP 47 tags ("fr-CA" gives "fr")."""
        for tags in wishes:
            for tag in tags:
                code = tag.replace("_", "-").split("-")[0].lower()
                if code in self._catalogues:
                    return self.language(code)
        return self.language(SOURCE)


@functools.cache
def _language(code: str, path: Path | None) -> Language:
    import babel
    import babel.support

    catalogue = babel.support.NullTranslations() if path is None else _catalogue(path, code)
    return Language(code, catalogue, babel.Locale.parse(code))


def _catalogue(path: Path, code: str) -> babel.support.Translations:
    import babel.support
    from babel.messages import mofile, pofile

    with path.open("rb") as file:
        catalogue = pofile.read_po(file, locale=code)
    compiled = io.BytesIO()
    mofile.write_mo(compiled, catalogue)
    compiled.seek(0)
    return babel.support.Translations(compiled)


def accepted(header: str) -> list[str]:
    """The tags of an Accept-Language header, best first (RFC 9110 §12.5.4); what can't be read is skipped."""
    wishes: list[tuple[float, int, str]] = []
    for position, part in enumerate(header[:1000].split(",")):
        tag, _, parameter = part.strip().partition(";")
        quality = 1.0
        if parameter.strip().startswith("q="):
            try:
                quality = float(parameter.strip()[2:])
            except ValueError:
                continue
        if tag and 0 < quality <= 1:
            wishes.append((-quality, position, tag.strip()))
    return [tag for _, _, tag in sorted(wishes)]

"""The Jinja environment: autoescaping always on, undefined names are errors, texts through gettext."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # loaded by the first page that is opened
    import jinja2

FOLDER = Path(__file__).parent.parent / "templates"


class Templates:
    """All pages' templates, each compiled when it is first needed."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder

    def render(self, name: str, context: dict[str, Any]) -> str:
        """The page's text. Raises jinja2.UndefinedError when a template asks for something not given."""
        return _environment(self._folder).get_template(name).render(context)


@functools.cache
def _environment(folder: Path) -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        auto_reload=False,
    )

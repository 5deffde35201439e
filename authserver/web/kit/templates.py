"""The Jinja environment: autoescaping always on, undefined names are errors, texts through gettext."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import jinja2

FOLDER = Path(__file__).parent.parent / "templates"


class Templates:
    """All pages' templates, compiled once per process."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._environment = _environment(folder)

    def render(self, name: str, context: dict[str, Any]) -> str:
        """The page's text. Raises jinja2.UndefinedError when a template asks for something not given."""
        return self._environment.get_template(name).render(context)


@functools.cache
def _environment(folder: Path) -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        auto_reload=False,
    )

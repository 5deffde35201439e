"""`authserver config`: what is set, and what could be."""

from __future__ import annotations

import re
from typing import Any

import typer
from pydantic import SecretStr

from .. import settings
from . import terminal

app = terminal.group(
    "See the settings and what each one means.\n\n\b\nExamples:\n  authserver config show --json"
)


@app.command("show", help="Print every setting as it is now, secrets masked. Exit 3 when one is wrong.")
def show(as_json: terminal.Json = False) -> None:
    config = settings.load()
    terminal.show(
        {settings.PREFIX + name.upper(): _shown(getattr(config, name)) for name in type(config).model_fields},
        as_json=as_json,
    )


@app.command("reference", help="Print a table of all settings in Markdown.")
def reference() -> None:
    typer.echo(settings.reference(), nl=False)


def _shown(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return "********"
    if isinstance(value, str):
        return re.sub(r"(?<=://)([^/@:]*):[^/@]*@", r"\1:********@", value)
    return (
        list(value)
        if isinstance(value, tuple)
        else value
        if isinstance(value, (int, type(None)))
        else str(value)
    )

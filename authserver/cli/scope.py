"""`authserver scope`: what an API lets an app do, in words that people read."""

from __future__ import annotations

from typing import Annotated

import typer

from .. import apis
from . import running, terminal

app = terminal.group(
    "Give APIs scopes, with the sentences people read on the consent page.\n\n\b\nExamples:\n"
    "  authserver scope add photos:read --api https://api.example.org --en 'see your photos' --fr 'voir vos photos'\n"
    "  authserver scope list"
)


@app.command("add", help="Give an API a scope. Both sentences go on with `this app wants to …`.")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Such as photos:read.")],
    api: Annotated[str, typer.Option(help="The API's identifier.")],
    en: Annotated[str, typer.Option(help="What it allows, in English.")],
    fr: Annotated[str, typer.Option(help="What it allows, in French.")],
    as_json: terminal.Json = False,
) -> None:
    scope = running.transact(lambda here, session: apis.add_scope(session, api, name, en, fr, here.now))
    terminal.show(
        {"name": scope.name, "api": api, "en": scope.sentence_en, "fr": scope.sentence_fr}, as_json=as_json
    )


@app.command("list", help="List all scopes, or those of one API.")
def list_scopes(
    api: Annotated[str | None, typer.Option(help="The API's identifier.")] = None,
    as_json: terminal.Json = False,
) -> None:
    found = running.transact(lambda _here, session: apis.list_apis(session))
    if api is not None and api not in {each.identifier for each in found}:
        raise apis.UnknownApiError(f"There is no API {api!r}. `authserver api list` shows all.")
    records = [
        {"name": scope.name, "api": each.identifier, "en": scope.sentence_en, "fr": scope.sentence_fr}
        for each in found
        if api in (None, each.identifier)
        for scope in each.scopes
    ]
    terminal.table(records, ("name", "api", "en", "fr"), as_json=as_json)

"""`authserver api`: the audiences of access tokens."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .. import apis
from . import running, terminal

app = terminal.group(
    "Register APIs: the audiences of access tokens.\n\n\b\nExamples:\n"
    "  authserver api create https://api.example.org --name 'Image gallery'\n"
    "  authserver api list --json"
)


@app.command(
    "create",
    help="Register an API by its identifier: the `aud` of its tokens, and the `resource` to ask for.",
)
def create(
    identifier: Annotated[
        str, typer.Argument(metavar="IDENTIFIER", help="An absolute address, without fragment.")
    ],
    name: Annotated[str, typer.Option(help="What people call it.")],
    access_token_seconds: Annotated[
        int | None, typer.Option(help="How long its access tokens live, 60 to 3600 seconds.")
    ] = None,
    as_json: terminal.Json = False,
) -> None:
    made = running.transact(
        lambda here, session: apis.create(
            session, identifier, name, here.now, access_token_seconds=access_token_seconds
        )
    )
    terminal.show(_shown(made), as_json=as_json)


@app.command("list", help="List all APIs with their scopes.")
def list_apis(as_json: terminal.Json = False) -> None:
    found = running.transact(lambda _here, session: apis.list_apis(session))
    terminal.table([_shown(api) for api in found], ("identifier", "name", "scopes"), as_json=as_json)


def _shown(api: apis.Api) -> dict[str, Any]:
    return {
        "id": api.id,
        "identifier": api.identifier,
        "name": api.name,
        "access_token_seconds": api.access_token_seconds,
        "scopes": [scope.name for scope in api.scopes],
    }

"""`authserver client`: registered apps."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import typer

from ..oauth import clients
from . import exits, running, terminal

app = terminal.group(
    "Register apps and change what is registered.\n\n\b\nExamples:\n"
    "  authserver client create --name 'Photo print' --redirect https://print.example/callback --scope images:read\n"
    "  authserver client create --type spa --name Viewer --redirect https://view.example/ --origin https://view.example\n"
    "  authserver client create --type machine --name Backup --scope images:read\n"
    "  authserver client update app_… --add-redirect-uri https://print.example/other\n"
    "  authserver client rotate-secret app_… --overlap-hours 24"
)


class Type(StrEnum):
    """Kinds of apps, for the defaults that fit each."""

    WEB = "web"
    SPA = "spa"
    NATIVE = "native"
    MACHINE = "machine"
    FIRST_PARTY = "first-party"


_BROWSER_GRANTS = ("authorization_code", "refresh_token")
DEFAULTS: dict[Type, dict[str, Any]] = {
    Type.WEB: {"auth_method": "client_secret_basic", "grant_types": _BROWSER_GRANTS},
    Type.SPA: {"auth_method": "none", "grant_types": _BROWSER_GRANTS},
    Type.NATIVE: {"auth_method": "none", "grant_types": _BROWSER_GRANTS},
    Type.MACHINE: {"auth_method": "client_secret_basic", "grant_types": ("client_credentials",)},
    Type.FIRST_PARTY: {
        "auth_method": "client_secret_post",
        "grant_types": ("password", "refresh_token"),
        "first_party": True,
    },
}

ClientId = Annotated[str, typer.Argument(metavar="CLIENT_ID")]
Names = list[str] | None


@app.command("create", help="Register an app. Its secret is printed this once.")
def create(
    name: Annotated[str, typer.Option(help="What people read on the consent page.")],
    kind: Annotated[
        Type,
        typer.Option(
            "--type",
            help="web: has a server; spa, native: can keep no secret; machine: acts for itself; "
            "first-party: may ask for passwords.",
        ),
    ] = Type.WEB,
    redirect: Annotated[Names, typer.Option(help="Where answers go; again for each.")] = None,
    scope: Annotated[Names, typer.Option(help="What it may ask for; again for each.")] = None,
    origin: Annotated[Names, typer.Option(help="A web origin that calls from a browser (CORS).")] = None,
    introspects: Annotated[Names, typer.Option(help="An API whose tokens it may introspect.")] = None,
    grant: Annotated[Names, typer.Option(help="Grant types instead of the type's own.")] = None,
    auth_method: Annotated[
        str | None, typer.Option(help="client_secret_basic, client_secret_post or none.")
    ] = None,
    homepage: Annotated[str | None, typer.Option(help="Its home page.")] = None,
    access_token_seconds: Annotated[int | None, typer.Option(help="60 to 3600.")] = None,
    refresh_grace_seconds: Annotated[int | None, typer.Option(help="0 to 120.")] = None,
    without_pkce: Annotated[
        bool, typer.Option("--without-pkce", help="Don't require PKCE of this confidential app. Unsafe.")
    ] = False,
    as_json: terminal.Json = False,
) -> None:
    values = DEFAULTS[kind] | {
        "name": name,
        "redirect_uris": redirect or (),
        "scopes": scope or (),
        "origins": origin or (),
        "introspects": introspects or (),
        "homepage": homepage,
        "access_token_seconds": access_token_seconds,
        "refresh_grace_seconds": refresh_grace_seconds,
        "require_pkce": not without_pkce,
    }
    if grant:
        values["grant_types"] = tuple(grant)
    if auth_method:
        values["auth_method"] = auth_method
    made = running.transact(lambda here, session: clients.create(session, now=here.now, **values))
    terminal.show(_shown(made.client) | _secret(made.secret), as_json=as_json)
    if made.secret is not None:
        terminal.say("The secret is shown this once; only its digest is kept.")


@app.command("list", help="List apps in the order they were registered.")
def list_clients(
    after: Annotated[str | None, typer.Option(help="Begin after this client id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 100,
    as_json: terminal.Json = False,
) -> None:
    found = running.transact(lambda _here, session: clients.list_page(session, after=after, limit=limit))
    terminal.table(
        [_shown(client) for client in found],
        ("client_id", "name", "auth_method", "grant_types", "disabled_at"),
        as_json=as_json,
    )


@app.command("show", help="Show all that is registered of an app, never its secrets.")
def show(client_id: ClientId, as_json: terminal.Json = False) -> None:
    client = running.transact(lambda _here, session: clients.get(session, client_id))
    terminal.show(_shown(client), as_json=as_json)


@app.command(
    "update", help="Change what is registered. A new name or redirect address makes everyone be asked again."
)
def update(
    client_id: ClientId,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    homepage: Annotated[str | None, typer.Option(help="A new home page.")] = None,
    add_redirect_uri: Annotated[Names, typer.Option(help="One more address for answers.")] = None,
    remove_redirect_uri: Annotated[Names, typer.Option(help="One address less.")] = None,
    add_scope: Annotated[Names, typer.Option(help="One more scope it may ask for.")] = None,
    remove_scope: Annotated[Names, typer.Option(help="One scope less.")] = None,
    add_origin: Annotated[Names, typer.Option(help="One more web origin.")] = None,
    remove_origin: Annotated[Names, typer.Option(help="One web origin less.")] = None,
    access_token_seconds: Annotated[int | None, typer.Option(help="60 to 3600.")] = None,
    refresh_grace_seconds: Annotated[int | None, typer.Option(help="0 to 120.")] = None,
    as_json: terminal.Json = False,
) -> None:
    plain = {
        "name": name,
        "homepage": homepage,
        "access_token_seconds": access_token_seconds,
        "refresh_grace_seconds": refresh_grace_seconds,
    }
    lists = {
        "redirect_uris": (add_redirect_uri, remove_redirect_uri),
        "scopes": (add_scope, remove_scope),
        "origins": (add_origin, remove_origin),
    }

    def work(here: running.Here, session: Any) -> clients.Client:
        client = clients.get(session, client_id)
        changes: dict[str, Any] = {key: value for key, value in plain.items() if value is not None}
        for member, (added, removed) in lists.items():
            if added or removed:
                changes[member] = _edited(getattr(client, member), added or [], removed or [], member)
        if not changes:
            raise exits.CommandError("Nothing to change: give at least one option.", exits.USAGE)
        return clients.update(session, client_id, now=here.now, **changes)

    terminal.show(_shown(running.transact(work)), as_json=as_json)


@app.command(
    "rotate-secret", help="Make a new secret. It is printed this once; the old one lives on for the overlap."
)
def rotate_secret(
    client_id: ClientId,
    overlap_hours: Annotated[
        float, typer.Option(min=0, max=24 * 30, help="How long the old secret still works.")
    ] = 24,
    as_json: terminal.Json = False,
) -> None:
    secret = running.transact(
        lambda here, session: clients.rotate_secret(
            session, client_id, now=here.now, overlap_seconds=overlap_hours * 3600
        )
    )
    terminal.show({"client_id": client_id} | _secret(secret), as_json=as_json)
    terminal.say(f"The secret is shown this once. The old one works for {overlap_hours:g} hours more.")


@app.command("disable", help="Stop an app at once: it gets no tokens, and those it has are refused here.")
def disable(client_id: ClientId, yes: terminal.Yes = False) -> None:
    terminal.confirm(f"Stop {client_id} for everyone who uses it?", yes=yes)
    running.transact(lambda here, session: clients.disable(session, client_id, now=here.now))
    terminal.say(
        f"{client_id} is disabled. APIs that verify offline accept its access tokens until they expire."
    )


@app.command("enable", help="Let a disabled app work again.")
def enable(client_id: ClientId) -> None:
    running.transact(lambda here, session: clients.enable(session, client_id, now=here.now))
    terminal.say(f"{client_id} may ask for tokens again.")


def _edited(values: tuple[str, ...], added: list[str], removed: list[str], what: str) -> tuple[str, ...]:
    missing = [value for value in removed if value not in values]
    if missing:
        raise exits.CommandError(f"{missing[0]!r} is not among the app's {what}.", exits.NOT_FOUND)
    return tuple(dict.fromkeys([*(value for value in values if value not in removed), *added]))


def _secret(secret: str | None) -> dict[str, str]:
    return {} if secret is None else {"client_secret": secret}


def _shown(client: clients.Client) -> dict[str, Any]:
    return {
        "client_id": client.client_id,
        "name": client.name,
        "homepage": client.homepage,
        "auth_method": client.auth_method,
        "grant_types": list(client.grant_types),
        "redirect_uris": list(client.redirect_uris),
        "scopes": list(client.scopes),
        "origins": list(client.origins),
        "introspects": list(client.introspects),
        "first_party": client.first_party,
        "require_pkce": client.require_pkce,
        "access_token_seconds": client.access_token_seconds,
        "refresh_grace_seconds": client.refresh_grace_seconds,
        "created_at": terminal.moment(client.created_at),
        "disabled_at": terminal.moment(client.disabled_at),
    }

"""The `resource-api` command. What a command does is imported only when it is asked for.

Data goes to standard output, talk to standard error. The exit codes are in `exits`.
"""

from __future__ import annotations

import gc
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

EXAMPLES = """\b
Examples:
  resource-api serve
  resource-api serve --port 8001 --workers 2
  resource-api migrate
  resource-api config show --json

\b
Exit codes: 0 done, 1 unexpected failure, 2 wrong usage, 3 configuration not valid,
4 not reachable or not ready, 5 exists already or a conflict, 6 not found,
7 refused or not confirmed, 8 a check found problems, 130 interrupted.
"""
SERVE = """The API. SQLite is migrated by itself; on PostgreSQL an old schema is refused (exit 4).

\b
Examples:
  resource-api serve
  resource-api serve --port 9001 --workers 2
  RESOURCE_API_RESOURCE=https://api.example.org resource-api serve --host 0.0.0.0 --trusted-proxies 10.0.0.0/8
  resource-api serve --host 0.0.0.0 --port 443 --tls-cert chain.pem --tls-key key.pem
"""
MIGRATE = """Bring the database to what this version needs. Several may run at once; later ones find it done.

\b
Examples:
  resource-api migrate
  RESOURCE_API_DATABASE_URL=postgresql://gallery@db/gallery resource-api migrate
"""
BACKUP = """Copy the SQLite database into a new file, whole and checked, while the API goes on serving.

The pictures are files: copy their folder afterwards. PostgreSQL has a tool of its own, pg_dump.

\b
Examples:
  resource-api backup /backup/gallery.db
"""
SYSTEMD = """Print a systemd unit that runs the API with as few rights as it needs.

Settings stay in a file `.env`, readable by root alone. Commands that are typed in its folder read it too.

\b
Examples:
  cd /etc/resource-api && resource-api systemd > /etc/systemd/system/resource-api.service
  systemctl daemon-reload && systemctl enable --now resource-api
"""
PROXY = """Print the configuration of a TLS proxy in front of the API, filled from its settings.

\b
Examples:
  resource-api proxy nginx > /etc/nginx/conf.d/resource-api.conf
  resource-api proxy caddy >> /etc/caddy/Caddyfile
  resource-api proxy nginx --node 10.0.0.11:8001 --node 10.0.0.12:8001
"""
CONFIG = """See the settings and what each one means.

\b
Examples:
  resource-api config show --json
  resource-api config reference
"""
_MANNERS: dict[str, Any] = {
    "no_args_is_help": True,
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
}

app = typer.Typer(
    help=f"An image gallery that trusts the access tokens of an OAuth 2.0 server.\n\n{EXAMPLES}",
    context_settings={"help_option_names": ["-h", "--help"]},
    **_MANNERS,
)
config = typer.Typer(help=CONFIG, **_MANNERS)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata  # slow, and only this option needs it

        typer.echo(f"resource-api {metadata.version('authserver')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command(help=SERVE, short_help="The API. Migrates SQLite by itself.")
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; one per core is right.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="A PEM certificate chain.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its PEM private key.")] = None,
    trusted_proxies: Annotated[
        str | None, typer.Option(help="Proxies whose X-Forwarded-For is believed, separated by commas.")
    ] = None,
) -> None:
    from . import serving

    flags = {
        "host": host,
        "port": port,
        "workers": workers,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "trusted_proxies": trusted_proxies,
    }
    serving.serve({name: value for name, value in flags.items() if value is not None})


@app.command(help=MIGRATE, short_help="Bring the database to what this version needs.")
def migrate() -> None:
    import asyncio

    from .. import settings
    from . import shape

    typer.echo(asyncio.run(shape.migrate(settings.load())), err=True)


@app.command(help=BACKUP, short_help="Copy the SQLite database while the API serves.")
def backup(file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")]) -> None:
    from .. import settings
    from . import backups

    typer.echo(backups.write(settings.load(), file), err=True)


@app.command(help=SYSTEMD, short_help="Print a systemd unit that runs the API.")
def systemd() -> None:
    from .. import settings
    from . import units

    unit, advice = units.write(settings.load())
    typer.echo(unit)
    typer.echo(advice, err=True)


class Proxy(StrEnum):
    """Proxies we know how to configure."""

    NGINX = "nginx"
    CADDY = "caddy"


@app.command(help=PROXY, short_help="Print the configuration of a TLS proxy in front.")
def proxy(
    kind: Annotated[Proxy, typer.Argument(help="nginx or caddy.")],
    node: Annotated[
        list[str] | None,
        typer.Option(help="HOST:PORT of a node; again for each. Not given: as set, on this machine."),
    ] = None,
) -> None:
    from .. import settings
    from . import proxies

    snippet, advice = proxies.write(settings.load(), kind, node or [])
    typer.echo(snippet)
    if advice:
        typer.echo(advice, err=True)


@config.command("show", help="Print every setting as it is now, passwords masked. Exit 3 when one is wrong.")
def show(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    import json

    from .. import settings

    shown = settings.shown(settings.load())
    if as_json:
        typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))
        return
    width = max(map(len, shown))
    for name, value in shown.items():
        text = "-" if value in (None, []) else ", ".join(value) if isinstance(value, list) else value
        typer.echo(f"{name:<{width}}  {text}")


@config.command("reference", help="Print a table of all settings in Markdown.")
def reference() -> None:
    from .. import settings

    typer.echo(settings.reference(), nl=False)


app.add_typer(config, name="config")


def main() -> None:
    """The console command: every error that is the operator's to mend becomes one sentence and an exit code."""
    # Imports make much and drop little: to look through it as often as Python does takes a tenth of a start.
    gc.set_threshold(100_000)
    try:
        app(prog_name="resource-api")
    except Exception as error:
        from . import exits

        explained = exits.explain(error)
        if explained is None:
            raise
        code, text = explained
        typer.echo(text, err=True)
        sys.exit(code)


if __name__ == "__main__":
    main()

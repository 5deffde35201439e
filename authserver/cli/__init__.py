"""The `authserver` command. Each group of commands is a module here, imported only when it is asked for.

Data goes to standard output, talk to standard error. The exit codes are in `exits`.
"""

from __future__ import annotations

import gc
import importlib
import sys
from typing import Annotated, Any, cast

import typer
import typer.core
import typer.main

from . import exits

# name: (module, what it is for); the order is the order of --help.
COMMANDS = {
    "demo": ("demo", "Both services with people, apps and pictures to try; can be run again."),
    "serve": ("serve", "The server. Migrates SQLite by itself."),
    "migrate": ("migrate", "Bring the database to what this version needs."),
    "client": ("client", "Register apps and change what is registered."),
    "api": ("api", "Register APIs: the audiences of access tokens."),
    "scope": ("scope", "Give APIs scopes, with the sentences people read."),
    "user": ("user", "Make accounts, disable and enable them."),
    "keys": ("signing_keys", "See, rotate and revoke signing keys."),
    "secret": ("secret", "Rotate the key for what is stored encrypted."),
    "backup": ("backup", "Copy the SQLite database while the server serves."),
    "restored": ("restored", "After the database came from a backup: end all that was issued before."),
    "cleanup": ("cleanup", "Remove what has expired, as serve does by itself."),
    "systemd": ("systemd", "Print a systemd unit that runs the server."),
    "proxy": ("proxy", "Print the configuration of a TLS proxy in front."),
    "config": ("config", "See the settings and what each one means."),
}
EXAMPLES = """\b
Examples:
  authserver demo
  authserver serve --port 8000 --workers 2
  authserver client create --name "Photo print" --redirect https://print.example/cb --scope images:read
  authserver keys list --json

\b
Exit codes: 0 done, 1 unexpected failure, 2 wrong usage, 3 configuration not valid,
4 not reachable or not ready, 5 exists already or a conflict, 6 not found,
7 refused or not confirmed, 8 a check found problems, 130 interrupted.
"""


class _Commands(typer.core.TyperGroup):
    """Knows its commands by name, so that `--help` and one command don't pay for all of them."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        # The suggestions for a mistyped command look at these names; get_command imports what is meant.
        self.commands = cast("Any", dict.fromkeys(COMMANDS))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f".{COMMANDS[cmd_name][0]}", __name__)
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, sentence) for name, (_, sentence) in COMMANDS.items()])


app = typer.Typer(
    cls=_Commands,
    help=f"An OAuth 2.0 authorization server.\n\n{EXAMPLES}",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata  # slow, and only this option needs it

        typer.echo(f"authserver {metadata.version('authserver')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """The console command: every error that is the operator's to mend becomes one sentence and an exit code."""
    # Imports make much and drop little: to look through it as often as Python does takes a tenth of a start.
    gc.set_threshold(100_000)
    try:
        app(prog_name="authserver")
    except exits.CommandError as error:
        typer.echo(error, err=True)
        sys.exit(error.code)
    except Exception as error:
        from . import errors  # the rooms are heavy, and most commands end well

        explained = errors.explain(error)
        if explained is None:
            raise
        code, text = explained
        typer.echo(text, err=True)
        sys.exit(code)


if __name__ == "__main__":
    main()

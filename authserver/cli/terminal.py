"""How commands talk: data on standard output, as a table or JSON; everything else on standard error."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from . import exits

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]


def group(help_text: str) -> typer.Typer:
    """A group of commands with our manners."""
    return typer.Typer(
        help=help_text,
        callback=_group,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )


def _group() -> None:
    """With a callback a group of one command stays a group: Typer would make it that command."""


def say(text: str) -> None:
    """A sentence for the person."""
    with contextlib.suppress(OSError):  # a full disk under the log keeps no server from starting
        typer.echo(text, err=True)


def show(record: Mapping[str, Any], *, as_json: bool) -> None:
    """One thing, a member a line."""
    if as_json:
        typer.echo(json.dumps(record, indent=2, ensure_ascii=False))
        return
    width = max(len(name) for name in record)
    for name, value in record.items():
        lines = [_text(each) for each in value] if isinstance(value, (list, tuple)) else [_text(value)]
        for index, line in enumerate(lines or ["-"]):
            typer.echo(f"{name if not index else '':<{width}}  {line}")


def table(records: Sequence[Mapping[str, Any]], columns: Iterable[str], *, as_json: bool) -> None:
    """Many things: all members as JSON, or these columns as a table."""
    if as_json:
        typer.echo(json.dumps(list(records), indent=2, ensure_ascii=False))
        return
    if not records:
        say("There are none.")
        return
    from rich import box, console
    from rich.table import Table

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for record in records:
        drawn.add_row(*(_cell(record[column]) for column in columns))
    console.Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else 200).print(drawn)


def moment(at: float | None) -> str | None:
    """A time as people and programs read it: 2026-11-24T10:54:00Z."""
    return None if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def confirm(question: str, *, yes: bool) -> None:
    """Go on only when the person says so; where nobody can be asked, `--yes` must have been given."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise exits.CommandError(f"{question} Nobody is here to ask: add --yes to go on.", exits.REFUSED)
    if not typer.confirm(question, err=True):
        raise exits.CommandError("Nothing was changed.", exits.REFUSED)


def _cell(value: Any) -> str:
    return " ".join(map(_text, value)) if isinstance(value, (list, tuple)) else _text(value)


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)

"""`authserver user`: accounts."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from .. import audit, settings
from ..people import passwords, users
from . import exits, running, terminal

app = terminal.group(
    "Make accounts, disable and enable them.\n\n\b\nExamples:\n"
    "  authserver user create ana@example.org --name Ana\n"
    "  echo 'four unrelated words work well' | authserver user create ana@example.org --password-stdin\n"
    "  authserver user disable ana@example.org"
)
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The account's e-mail address or id.")]


@app.command("create", help="Make an account. The password is asked for, or read from standard input.")
def create(
    email: Annotated[str, typer.Argument(metavar="EMAIL")],
    name: Annotated[str, typer.Option(help="How the person is called.")] = "",
    locale: Annotated[str | None, typer.Option(help="en or fr: the language of pages and mail.")] = None,
    admin: Annotated[bool, typer.Option("--admin", help="An administrator.")] = False,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    as_json: terminal.Json = False,
) -> None:
    if locale not in (None, "en", "fr"):
        raise exits.CommandError(f"There are pages in en and fr, not in {locale!r}.", exits.USAGE)
    password = _password(from_stdin=password_stdin)

    async def run() -> users.User:
        async with running.opened(settings.load()) as here:
            users.check_email(email)
            lane = here.oauth.passwords
            await check_password(lane, password, inputs=(email, name, here.settings.product_name))
            digest = await lane.hash(password)
            return await here.database.transaction(
                lambda session: add(
                    session, email, digest, now=here.now, name=name, locale=locale, admin=admin
                )
            )

    terminal.show(_shown(asyncio.run(run())), as_json=as_json)


def add(
    session: Session, email: str, digest: str, *, now: float, name: str, locale: str | None, admin: bool
) -> users.User:
    """An account made by an operator, and the event that says so. Raises EmailTakenError."""
    user = users.add(session, email, digest, now=now, name=name, locale=locale, is_admin=admin)
    audit.record(session, "user_created", now=now, user_id=user.id)
    return user


async def check_password(lane: passwords.Lane, password: str, *, inputs: tuple[str, ...]) -> None:
    """Raises CommandError for a password that the registration page would refuse too."""
    problems = await lane.check_new(password, inputs=inputs)
    if problems:
        raise exits.CommandError(
            "That password is refused: it must have 12 to 128 characters and be hard to guess. "
            "Four unrelated words work well.",
            exits.USAGE,
        )


@app.command("list", help="List accounts in the order they were made.")
def list_users(
    after: Annotated[str | None, typer.Option(help="Begin after this account id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 100,
    as_json: terminal.Json = False,
) -> None:
    found = running.transact(lambda _here, session: users.list_page(session, after=after, limit=limit))
    terminal.table(
        [_shown(user) for user in found],
        ("id", "email", "name", "admin", "created_at", "disabled_at"),
        as_json=as_json,
    )


@app.command("disable", help="End the person's sessions and tokens at once, and let nobody sign in.")
def disable(email: Email, yes: terminal.Yes = False) -> None:
    terminal.confirm(f"Sign {email} out everywhere and let them in no more?", yes=yes)
    running.transact(lambda here, session: users.disable(session, _find(session, email).id, now=here.now))
    terminal.say(
        f"{email} is disabled. Access tokens that were issued end within minutes at APIs that verify offline."
    )


@app.command("enable", help="Let a disabled account sign in again.")
def enable(email: Email) -> None:
    running.transact(lambda here, session: users.enable(session, _find(session, email).id, now=here.now))
    terminal.say(f"{email} may sign in again.")


def _find(session: Session, email: str) -> users.User:
    user = users.find_by_email(session, email) if "@" in email else users.find(session, email)
    if user is None:
        raise users.UnknownUserError(f"There is no account {email!r}. `authserver user list` shows all.")
    return user


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise exits.CommandError("Nobody is here to ask for the password: use --password-stdin.", exits.USAGE)
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _shown(user: users.User) -> dict[str, Any]:
    return {
        "id": user.id,
        "email": user.email,
        "name": user.name,
        "admin": user.is_admin,
        "created_at": terminal.moment(user.created_at),
        "disabled_at": terminal.moment(user.disabled_at),
    }

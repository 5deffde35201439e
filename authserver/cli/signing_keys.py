"""`authserver keys`: the life of signing keys."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from keys.ring import Ring

from ..oauth import signing_keys
from . import running, terminal

app = terminal.group(
    "See, rotate and revoke signing keys. They rotate by themselves; see docs/keys.md.\n\n\b\nExamples:\n"
    "  authserver keys list\n"
    "  authserver keys rotate\n"
    "  authserver keys revoke KID --yes"
)


@app.command("list", help="List the keys and where in their life they are.")
def list_keys(as_json: terminal.Json = False) -> None:
    def work(here: running.Here, session: Any) -> list[dict[str, Any]]:
        return _shown(signing_keys.ring(here.oauth, session), here.now)

    terminal.table(
        running.transact(work),
        ("kid", "alg", "state", "published_at", "signs_at", "stopped_at"),
        as_json=as_json,
    )


@app.command("rotate", help="Let the next key sign from now on. Refused while APIs may not have seen it.")
def rotate(
    emergency: Annotated[
        bool, typer.Option("--emergency", help="Even if APIs may refuse new tokens for up to 5 minutes.")
    ] = False,
) -> None:
    running.transact(lambda here, session: signing_keys.rotate(here.oauth, session, emergency=emergency))
    terminal.say(
        "The next key signs now, on every node within a second; another one is published to follow it."
    )


@app.command("revoke", help="Unpublish a key at once: tokens signed with it are refused within 5 minutes.")
def revoke(
    kid: Annotated[str, typer.Argument(metavar="KID", help="As `authserver keys list` shows it.")],
    yes: terminal.Yes = False,
) -> None:
    terminal.confirm(f"Refuse every token that {kid} signed?", yes=yes)
    changed = running.transact(lambda here, session: signing_keys.revoke(here.oauth, session, kid))
    terminal.say("It is unpublished." if changed else "It was unpublished already.")


def _shown(ring: Ring, now: float) -> list[dict[str, Any]]:
    return [
        {
            "kid": record.kid,
            "alg": record.alg,
            "state": record.state(now, ring.policy).value,
            **{
                name: terminal.moment(getattr(record, name))
                for name in ("published_at", "signs_at", "stopped_at", "revoked_at")
            },
        }
        for record in ring.records
    ]

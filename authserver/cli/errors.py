"""The errors of the rooms below, with the exit code of each: the one place where they become codes."""

from __future__ import annotations

from datetime import UTC, datetime

import keys.errors

from .. import apis, credentials, database, migrations, settings
from ..oauth import clients, redirect_uris
from ..people import passwords, users
from . import exits

CODES: tuple[tuple[type[Exception] | tuple[type[Exception], ...], int], ...] = (
    ((settings.ConfigurationError, credentials.SealedError), exits.CONFIGURATION),
    ((database.UnavailableError, migrations.AheadError, passwords.BusyError), exits.NOT_READY),
    ((users.EmailTakenError, apis.TakenError), exits.CONFLICT),
    ((users.EmailError, apis.ApiError, clients.ClientError, redirect_uris.RedirectUriError), exits.USAGE),
    (
        (
            users.UnknownUserError,
            apis.UnknownApiError,
            clients.UnknownClientError,
            keys.errors.NoSuchKeyError,
        ),
        exits.NOT_FOUND,
    ),
    (keys.errors.NextKeyTooYoungError, exits.REFUSED),
)


def explain(error: Exception) -> tuple[int, str] | None:
    """Exit code and text for an error that the operator can do something about, None for any other."""
    for kinds, code in CODES:
        if isinstance(error, kinds):
            return code, _text(error)
    return None


def _text(error: Exception) -> str:
    if isinstance(error, keys.errors.NextKeyTooYoungError):
        ready = datetime.fromtimestamp(error.ready_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        return (
            f"Not yet: APIs may not have seen the next key. It may sign from {ready}.\n"
            "In an emergency: authserver keys rotate --emergency. APIs that hold an older key list "
            "refuse new tokens for up to 5 minutes."
        )
    if isinstance(error, users.EmailTakenError):
        return f"There is an account for {error} already. `authserver user list` shows all."
    if isinstance(error, database.UnavailableError):
        reason = str(error).partition("\n")[0].rpartition(">: ")[2].rstrip(": ")  # without the driver's class
        why = f": {reason}" if reason else ""
        return f"The database does not answer{why}. Check AUTHSERVER_DATABASE_URL and that it is running."
    return str(error) or type(error).__name__

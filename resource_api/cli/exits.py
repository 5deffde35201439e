"""Exit codes (docs/commands.md lists them), the error that ends a command on purpose, and what others become."""

from __future__ import annotations

DONE, FAILED, USAGE, CONFIGURATION, NOT_READY, CONFLICT, NOT_FOUND, REFUSED = range(8)
INTERRUPTED = 130


class CommandError(Exception):
    """A command can't go on; the text says what happened and what to type."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


def explain(error: Exception) -> tuple[int, str] | None:
    """Exit code and text for an error that the operator can do something about, None for any other."""
    from sqlalchemy import exc  # heavy, and most commands end well

    from .. import database, settings

    if isinstance(error, CommandError):
        return error.code, str(error)
    if isinstance(error, settings.ConfigurationError):
        return CONFIGURATION, str(error)
    if isinstance(error, exc.ArgumentError):
        return CONFIGURATION, "RESOURCE_API_DATABASE_URL is not the address of a database."
    if isinstance(error, database.UnavailableError):
        return (
            NOT_READY,
            f"The database does not answer{_reason(error)}. Check RESOURCE_API_DATABASE_URL and that it is running.",
        )
    if isinstance(error, exc.DBAPIError):
        return NOT_READY, f"The database refuses{_reason(error.orig)}. Check RESOURCE_API_DATABASE_URL."
    return None


def _reason(error: object) -> str:
    """What the driver says, without the name of its error's class."""
    reason = str(error).partition("\n")[0].rpartition(">: ")[2]
    return f": {reason}" if reason else ""

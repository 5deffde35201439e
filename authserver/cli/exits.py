"""Exit codes (docs/commands.md lists them), and the error that a command ends with on purpose."""

from __future__ import annotations

DONE, FAILED, USAGE, CONFIGURATION, NOT_READY, CONFLICT, NOT_FOUND, REFUSED = range(8)
INTERRUPTED = 130


class CommandError(Exception):
    """A command can't go on; the text says what happened and what to type."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code

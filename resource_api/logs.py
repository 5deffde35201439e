"""Structured logs: JSON lines, or colours on a terminal. What must never be written is removed here as a last net."""

import contextlib
import functools
import logging
import re
import sys
from typing import Any, TextIO

from . import lean
from .settings import Settings

with lean.without("rich"):  # for tracebacks in colours, which we don't print
    import structlog

HIDDEN = "…"
MAX_LENGTH = 2_000  # of one value; a line stays well under 16 KiB

_SECRET = ("authorization", "cookie", "token", "secret", "password", "idempotency_key")
# JWTs, the authorization server's other tokens, and passwords in addresses, wherever somebody may have put them.
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?")
_TOKEN = re.compile(r"\b((?:rt|ac|cs|se|ar|br)_)[0-9A-Za-z]{20,}")
_USERINFO = re.compile(r"(://[^/\s:@]*):[^/\s@]+@")
# What moves the cursor, colours, breaks or turns round a line on a terminal.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def configure(settings: Settings) -> None:
    """Sets up this process's logging, once, before anything is logged."""
    console = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    render: Any = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,  # the console's own would print every local variable
        _redact,
        *([_make_visible] if console else []),  # JSON escapes by itself
    ]
    # Our own lines go straight out: by way of the standard library each would cost a quarter of a request.
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=functools.partial(_Lines, sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # "keys" says what came of a fetch


def get(name: str) -> Any:
    """The logger of one module; its calls are `log.info("event", key=value)`."""
    return structlog.get_logger(f"resource_api.{name}")


class _Lines(structlog.WriteLogger):
    """Writes finished lines; has the name that they say. A full disk under the log loses lines, never a request."""

    def __init__(self, stream: TextIO, name: str) -> None:
        super().__init__(stream)
        self.name = name

    def msg(self, message: str) -> None:
        with contextlib.suppress(OSError):
            super().msg(message)

    debug = info = warning = error = critical = exception = msg


def _redact(_logger: object, _method: str, line: Any) -> Any:
    """Hide values whose name says they are secret, and whatever looks like a token in the others; cut what is long."""
    for key, value in line.items():
        if any(word in key.lower() for word in _SECRET):
            line[key] = HIDDEN
        elif not key.startswith("_") and not isinstance(value, bool | int | float | None):
            line[key] = _clean(str(value))
    return line


def _clean(text: str) -> str:
    text = _USERINFO.sub(rf"\1:{HIDDEN}@", _JWT.sub(HIDDEN, _TOKEN.sub(rf"\1{HIDDEN}", text)))
    # A traceback may be long, and its end says the most.
    return (
        text
        if len(text) <= MAX_LENGTH
        else f"{text[: MAX_LENGTH // 4]} {HIDDEN} {text[-MAX_LENGTH * 3 // 4 :]}"
    )


def _make_visible(_logger: object, _method: str, line: Any) -> Any:
    """Escape what a caller might make a terminal do; only tracebacks have lines."""
    for key, value in line.items():
        if isinstance(value, str):
            lines = value.split("\n") if key in ("exception", "stack") else [value]
            line[key] = "\n".join(_CONTROL.sub(_escaped, part) for part in lines)
    return line


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()

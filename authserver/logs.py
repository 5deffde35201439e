"""Structured logs on stderr: JSON lines, or colours on a terminal.

Nobody logs secrets; should one slip in, the last processor here removes it. Events that must not be lost go to
`audit`.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import json
import logging
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, TextIO

from . import lean
from .settings import Settings

with lean.without("rich"):  # for tracebacks in colours, which we don't print
    import structlog

# Of the request that runs now; its lines are found by it.
request_id: ContextVar[str] = ContextVar("request_id", default="")

HIDDEN = "…"
MAX_LENGTH = 2_000  # of one value; a line stays well under 16 KiB

# At debug level, these print what they were given.
QUIET = ("authlib", "asyncio", "aiosqlite", "redis", "httpcore2", "httpx2")
UVICORN = ("uvicorn", "uvicorn.error", "uvicorn.access")

_SECRET_WORDS = frozenset(
    [
        "authorization",
        "cookie",
        "password",
        "secret",
        "token",
        "code",
        "verifier",
        "assertion",
        "credential",
        "credentials",
        "private",
    ]
)
# Our tokens (prefix, base62, checksum), JWTs, and credentials in addresses.
_TOKEN = re.compile(r"\b((?:rt|ac|cs|se|ar|br)_)[0-9A-Za-z]{20,}")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?")
_USERINFO = re.compile(r"(://[^/\s:@]*):[^/\s@]+@")
# What moves the cursor, colours, breaks or turns round a line on a terminal.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def configure(settings: Settings) -> None:
    """Sets up this process' logging, once, before anything is logged."""
    console = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    render: Any = structlog.dev.ConsoleRenderer() if console else _to_json
    shared: list[Any] = [
        structlog.processors.format_exc_info,
        _identify,
        redact,
        _describe,  # nothing of it needs a look for secrets
        *([_make_visible] if console else []),  # JSON escapes by itself
    ]
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    # Our own lines go straight out: by way of the standard library they would cost half a signature more each.
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=functools.partial(_Lines, sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.processors.StackInfoRenderer(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(level, logging.INFO))
    # Their handlers are uvicorn's own format; the line of each request is written by the web.
    for name in UVICORN:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = name != "uvicorn.access"


def get_logger(name: str = "") -> Any:
    """The logger of one room; its calls are `log.info("event", key=value)`."""
    return structlog.get_logger(f"authserver.{name}" if name else "authserver")


class _Lines(structlog.WriteLogger):
    """Writes finished lines; has the name that they say. A full disk under the log loses lines, never a request."""

    def __init__(self, stream: TextIO, name: str) -> None:
        super().__init__(stream)
        self.name = name

    def msg(self, message: str) -> None:
        with contextlib.suppress(OSError):
            super().msg(message)

    debug = info = warning = error = critical = exception = msg


def _identify(_logger: object, _method: str, line: Any) -> Any:
    """Which request it is about. Its id may be the caller's own text."""
    if found := request_id.get():
        line["request_id"] = found
    return line


def _describe(logger: Any, method: str, line: Any) -> Any:
    """How serious, whose, when: one step instead of structlog's, since each request logs a line."""
    line["level"] = method
    line["logger"] = line["_record"].name if "_record" in line else logger.name
    line["ts"] = datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z")
    return line


# Made once: `json.dumps` with anything but its defaults makes one each time.
_ENCODER = json.JSONEncoder(default=str)


def _to_json(_logger: object, _method: str, line: Any) -> str:
    return _ENCODER.encode(line)


_PLAIN = frozenset((bool, int, float, type(None)))


def redact(_logger: object, _method: str, line: Any) -> Any:
    """Hide values whose name says they are secret, and whatever looks like a token in the others; cut what is long."""
    for key, value in line.items():
        if key.startswith("_"):
            continue  # what structlog itself passes along is not ours to change
        if _is_secret(key):
            line[key] = HIDDEN
        elif value.__class__ not in _PLAIN:
            line[key] = _clean(value)
    return line


def _make_visible(_logger: object, _method: str, line: Any) -> Any:
    """Escape what a caller might make a terminal do; only tracebacks have lines."""
    for key, value in line.items():
        if isinstance(value, str):
            lines = value.split("\n") if key in ("exception", "stack") else [value]
            line[key] = "\n".join(_CONTROL.sub(_escaped, part) for part in lines)
    return line


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


@functools.lru_cache(maxsize=1024)
def _is_secret(key: str) -> bool:
    return not _SECRET_WORDS.isdisjoint(key.lower().replace("-", "_").split("_"))


def _clean(value: Any) -> Any:
    if value.__class__ in _PLAIN:
        return value
    if isinstance(value, str):
        # Most have nothing in common with the patterns, which is quicker to see than to search for them.
        if "_" not in value and "eyJ" not in value and "://" not in value and len(value) <= MAX_LENGTH:
            return value
        text = _USERINFO.sub(rf"\1:{HIDDEN}@", _JWT.sub(HIDDEN, _TOKEN.sub(rf"\1{HIDDEN}", value)))
        # A traceback may be long, and its end says the most.
        return (
            text
            if len(text) <= MAX_LENGTH
            else f"{text[: MAX_LENGTH // 4]} {HIDDEN} {text[-MAX_LENGTH * 3 // 4 :]}"
        )
    if isinstance(value, Mapping):
        return {key: HIDDEN if _is_secret(str(key)) else _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item) for item in value]
    return _clean(str(value))

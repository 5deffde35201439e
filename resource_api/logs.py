"""Structured logs: JSON lines, or colours on a terminal. What must never be written is removed here as a last net."""

import logging
import sys
from typing import Any

import structlog

from .settings import Settings

_SECRET = ("authorization", "cookie", "token", "secret", "password", "access_token", "idempotency_key")


def configure(settings: Settings) -> None:
    """Sets up this process's logging, once, before anything is logged."""
    console = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    render: Any = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
        structlog.processors.StackInfoRenderer(),
        *([] if console else [structlog.processors.format_exc_info]),
        _redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
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
    return structlog.stdlib.get_logger(f"resource_api.{name}")


def _redact(_logger: object, _method: str, line: Any) -> Any:
    for key in line:
        if any(word in key.lower() for word in _SECRET):
            line[key] = "…"
    return line

"""SQL that is compiled once a process instead of once an engine: each test opens engines of its own, and most of what
it would wait for is SQLAlchemy writing the same statements anew.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine


class _Compiled(dict[Any, Any]):
    """By the name of the dialect, where SQLAlchemy's key has the dialect of one engine."""

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get(_shared(key), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__(_shared(key), compiled)


def _shared(key: Any) -> Any:
    dialect, *rest = key
    return (dialect.name, dialect.driver, *rest)


_compiled = _Compiled()


def share() -> None:
    """From now on, for all engines of this process."""
    sa.event.listen(Engine, "engine_connect", _give)


def _give(connection: sa.Connection) -> None:
    connection.execution_options(compiled_cache=_compiled)

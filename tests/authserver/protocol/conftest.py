"""The running server with two APIs in it, and a counter of the statements a request costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.support import databases

from . import flows
from .flows import World

# Of this test alone: the server's background tasks were started in another context.
_statements: ContextVar[list[str] | None] = ContextVar("statements", default=None)

Counted = Callable[[], AbstractContextManager[list[str]]]


@sa.event.listens_for(Engine, "before_cursor_execute")
def _count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
    seen = _statements.get()
    if seen is not None:
        seen.append(statement)


@contextmanager
def _counting() -> Iterator[list[str]]:
    seen: list[str] = []
    token = _statements.set(seen)
    try:
        yield seen
    finally:
        _statements.reset(token)


@pytest.fixture
def counted() -> Counted:
    """A context manager that lists the SQL run inside it, but for the statements of background tasks."""
    return _counting


@pytest.fixture
def template(request: pytest.FixtureRequest, template: databases.Template) -> databases.Template:
    """A world's database has its APIs from the beginning."""
    return ("world", flows.build) if "world" in request.fixturenames else template


@pytest.fixture
def world(authserver: Any) -> World:
    """The running server with two APIs in it."""
    return World(authserver)

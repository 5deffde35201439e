"""The pytest plugin that looks on while a mutant is tried: whether it is this tree that is tested, and how what failed.

A test kills a mutant by an assertion that fails. One that only stumbles (a missing attribute, a timeout, an import that
fails, a server that crashes with a 500 where it did not before) says that the mutant is broken, not that its hole is
noticed; so those are told apart here.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from .mutant import ROOT

REPORT = "MUTANT_REPORT"
PACKAGES = ("authserver", "keys", "resource_api")

_seen: list[dict[str, Any]] = []
_crashes = 0


def pytest_sessionstart() -> None:
    """An installed package elsewhere must not be what is tested."""
    for name in PACKAGES:
        found = importlib.import_module(name).__file__
        if found is None or ROOT not in Path(found).resolve().parents:
            raise pytest.UsageError(f"{name} comes from {found}, not from {ROOT}")
    _count_crashes()


def _count_crashes() -> None:
    send = httpx2.AsyncClient.send

    async def counted(self: httpx2.AsyncClient, request: httpx2.Request, **more: Any) -> httpx2.Response:
        global _crashes  # noqa: PLW0603, one counter for the one session
        response = await send(self, request, **more)
        _crashes += response.status_code == 500
        return response

    setattr(httpx2.AsyncClient, "send", counted)  # noqa: B010, mypy refuses the plain assignment


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    global _crashes  # noqa: PLW0603
    report = yield
    if report.when == "setup":
        _crashes = 0
    name = item.nodeid.rpartition("::")[2].partition("[")[0]
    message = ""
    if call.excinfo is not None:
        message = next(iter(str(call.excinfo.value).splitlines()), "") or call.excinfo.typename
    _seen.append(
        {
            "test": f"{item.nodeid.partition('::')[0]}::{name}",
            "outcome": report.outcome,
            "asserted": call.excinfo is not None and _is_assertion(call.excinfo.value),
            "crashes": _crashes,
            "message": message,
        }
    )
    return report


def _is_assertion(error: BaseException) -> bool:
    # `pytest.raises` that sees no error says so by a failure of its own; so does a test that takes too long.
    late = str(error).startswith("Timeout")
    return isinstance(error, AssertionError | pytest.fail.Exception) and not late


def pytest_sessionfinish() -> None:
    Path(os.environ[REPORT]).write_text(json.dumps(_seen), encoding="utf-8")

"""Imports without what a library would load along for others: a fifth of a start."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from typing import Any, cast


@contextlib.contextmanager
def without(*names: str) -> Iterator[None]:
    """While this lasts, these modules are not to be found; libraries that could use them do without."""
    found = cast("dict[str, Any]", sys.modules)
    before = {name: found[name] for name in names if name in found}
    found.update(dict.fromkeys(names))
    try:
        yield
    finally:
        for name in names:
            del found[name]
        found.update(before)


def load_fastapi() -> None:
    """It describes OpenAPI in sixty models, for a document made from them when somebody asks: built then, if ever."""
    from pydantic import BaseModel

    # Nobody here has models of Pydantic 1, and FastAPI would load all of it to see that.
    cast("dict[str, Any]", sys.modules).setdefault("pydantic.v1", None)
    BaseModel.model_config["defer_build"] = True
    try:
        with without("email_validator"):
            importlib.import_module("fastapi")
    finally:
        del BaseModel.model_config["defer_build"]

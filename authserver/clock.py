"""Time is passed in: whoever needs it is handed a `Clock`, so that tests move it. Nothing else lives here."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]
"""Answers the moment, as epoch seconds."""


def system() -> float:
    """The machine's own time, as epoch seconds."""
    return time.time()

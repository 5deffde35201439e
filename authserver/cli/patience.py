"""How long `serve` waits for whom. Units and proxies are made to fit."""

from __future__ import annotations

GRACE_SECONDS = 25
"""For requests that have begun when it is told to stop."""

KEEP_ALIVE_SECONDS = 15
"""For the next request on a connection."""

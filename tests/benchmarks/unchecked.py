"""The gallery with its one reader of credentials taken out, to see what the check costs.

`python -m tests.benchmarks.unchecked PORT` serves it; UNCHECKED_OWNER says who every caller is.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from fastapi import Request

from resource_api import auth, cli, state


async def _anyone(request: Request[Any], house: state.State) -> auth.Caller:
    return _CALLER


if __name__ == "__main__":
    _CALLER = auth.Caller(os.environ["UNCHECKED_OWNER"], True, "app_web", frozenset(auth.SCOPES))
    auth._verified = _anyone
    sys.argv = ["resource-api", "serve", "--port", sys.argv[1]]
    cli.main()

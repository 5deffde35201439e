"""The protocol's endpoints, one file each: they read a request, ask the oauth room, and write its answer."""

from __future__ import annotations

from . import authorize, introspect, revoke, token, well_known

# Tried in turn: what is asked most comes first.
ROUTERS = [token.router, authorize.router, revoke.router, introspect.router, well_known.router]

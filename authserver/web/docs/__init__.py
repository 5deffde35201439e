"""What the service says of itself: the reference of its operations, OpenAPI documents, a page per error."""

from __future__ import annotations

from . import errors, openapi, reference

ROUTERS = [reference.router, openapi.router, errors.router]

"""What the service says about itself: the reference of its operations, OpenAPI documents, and a page for every error."""

from __future__ import annotations

from . import errors, openapi, reference

ROUTERS = [reference.router, openapi.router, errors.router]

"""Versions of what we answer: `ETag`, `If-None-Match` and `If-Match` (RFC 9110 §13)."""

import base64
import hashlib
import re
from typing import Any

from fastapi import Request, Response

from .problems import Problem

CACHED: dict[str, Any] = {
    "parameters": [
        {
            "name": "If-None-Match",
            "in": "header",
            "schema": {"type": "string"},
            "description": "The ETag you have: 304 when nothing has changed.",
        }
    ],
    "responses": {"304": {"description": "You have this version."}},
}
"""What `answer` means for a route's description, as its `openapi_extra`."""

GUARDED: dict[str, Any] = {
    "parameters": [
        {
            "name": "If-Match",
            "in": "header",
            "schema": {"type": "string"},
            "description": "The ETag you have: 412 when it is no longer the current one.",
        }
    ],
    "responses": {"412": {}},
}
"""What `require` means for a route's description, as its `openapi_extra`."""

_ONE = re.compile(r'(W/)?("[\x21\x23-\x7e]*")')


def of(content: bytes) -> str:
    """The strong tag of these bytes."""
    return f'"{base64.urlsafe_b64encode(hashlib.sha256(content).digest()[:15]).decode()}"'


def unchanged(request: Request, tag: str) -> bool:
    """True when the caller already has this version (weak comparison, RFC 9110 §13.1.2)."""
    sent = ",".join(request.headers.getlist("if-none-match"))
    return sent.strip() == "*" or any(each == tag for _, each in _ONE.findall(sent))


def require(request: Request, tag: str) -> None:
    """Raises `Problem` 412 when the caller means another version (strong comparison, RFC 9110 §13.1.1)."""
    sent = ",".join(request.headers.getlist("if-match"))
    if (
        sent
        and sent.strip() != "*"
        and not any(each == tag and not weak for weak, each in _ONE.findall(sent))
    ):
        raise Problem("precondition_failed", "The object is no longer the version that If-Match names.")


def answer(
    request: Request, content: bytes, media_type: str, *, tag: str | None = None, **headers: str
) -> Response:
    """200 with the content, or 304 without; to be kept by the caller's own cache and asked again at every use."""
    tag = tag or of(content)
    sent = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    if unchanged(request, tag):
        return Response(status_code=304, headers=sent)
    return Response(content, media_type=media_type, headers=sent)

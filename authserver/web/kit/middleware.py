"""The one layer around every request: its id, its true peer, its size, its headers, its log line, and its last resort.

Pure ASGI: responses stream through, context variables reach the endpoints, and nothing is buffered.
"""

from __future__ import annotations

import functools
import re
import time
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ... import audit, credentials, logs
from . import forms, pages, peers, problems, state

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_STALE_MAY = ("/livez", "/readyz", "/metrics")
_COUNTED = frozenset((*problems.METHODS, "HEAD"))

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Content-Security-Policy": f"{pages.CSP}; form-action 'none'",
    "Cache-Control": "no-store",
}
HSTS = "max-age=63072000; includeSubDomains"


class Edge:
    """Wraps the application. HEAD is answered as GET without its body, since FastAPI's routes know no HEAD."""

    def __init__(self, app: ASGIApp, here: state.State, limit: int = forms.LIMIT) -> None:
        self.app = app
        self.here = here
        self.trusted = peers.networks(here.settings.trusted_proxies)
        self.limit = limit
        usual = HEADERS | ({"Strict-Transport-Security": HSTS} if here.settings.secure else {})
        self.headers = [(name.lower().encode(), value.encode()) for name, value in usual.items()]

    @functools.cached_property
    def log(self) -> Any:
        """Bound once, with the first request: to bind it takes longer than some of what it logs."""
        return logs.get_logger("http").bind()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _Exchange(self, scope, receive, send).run()
        else:
            await self.app(scope, receive, send)


class _Exchange:
    """One request and its answer."""

    def __init__(self, edge: Edge, scope: Scope, receive: Receive, send: Send) -> None:
        self.edge, self.scope, self._receive, self._send = edge, dict(scope), receive, send
        self.method = scope["method"]
        self.given = _given(scope)
        self.request_id = _identify(self.given[b"x-request-id"])
        self.status = 0
        self.received = 0
        self.started_at = time.perf_counter()

    async def run(self) -> None:
        peer = peers.address(self.scope, self.edge.trusted)
        self.scope["client"] = (peer, 0) if peer else None
        self.scope.setdefault("state", {})
        self.scope["state"] = {**self.scope["state"], "request_id": self.request_id}
        if self.method == "HEAD":
            self.scope["method"] = "GET"
        audit_token = audit.context.set(audit.Context(request_id=self.request_id, ip=peer))
        logs_token = logs.request_id.set(self.request_id)
        try:
            await self._answer()
        finally:
            audit.context.reset(audit_token)
            self._record(peer)
            logs.request_id.reset(logs_token)

    async def _answer(self) -> None:
        request = Request(self.scope, self.receive)
        try:
            early = self._refusal(request)
            await (early or self.edge.app)(self.scope, self.receive, self.send)
        except Exception:
            self.edge.log.exception("unexpected", path=self.scope["path"], method=self.method)
            if self.status:
                raise  # the answer has begun: the server must cut the connection, or a cut-off page looks whole
            await problems.answer(request, "internal_error")(self.scope, self.receive, self.send)

    def _refusal(self, request: Request) -> ASGIApp | None:
        length = self._declared_length()
        if length is None:
            return problems.answer(request, "bad_request", detail="Content-Length is not a number.")
        if length > self.edge.limit:
            return problems.answer(request, "content_too_large", headers={"Connection": "close"})
        if any(coding.lower() != "identity" for coding in self.given[b"content-encoding"]):
            return problems.answer(
                request,
                "unsupported_media_type",
                detail="Send the body without Content-Encoding.",
                headers={"Accept-Encoding": "identity"},  # RFC 9110 §12.5.3
            )
        if (
            self.edge.here.cache.stale
            and self.scope["path"].removeprefix(self.edge.here.settings.path) not in _STALE_MAY
        ):
            return problems.unavailable(request)
        return None

    def _declared_length(self) -> int | None:
        values = self.given[b"content-length"]
        if not values:
            return 0
        return int(values[0]) if len(values) == 1 and values[0].isascii() and values[0].isdigit() else None

    async def receive(self) -> Message:
        message = await self._receive()
        self.received += len(message.get("body", b""))
        if self.received > self.edge.limit:
            raise HTTPException(413)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = {name for name, _ in message["headers"]}  # in small letters, as ASGI has them
            usual = [header for header in self.edge.headers if header[0] not in given]
            own = (b"x-request-id", self.request_id.encode())
            message = {**message, "headers": [*message["headers"], *usual, own]}
        elif message["type"] == "http.response.body" and self.method == "HEAD":
            message = {**message, "body": b""}
        await self._send(message)

    def _record(self, peer: str) -> None:
        seconds = time.perf_counter() - self.started_at
        route = getattr(self.scope.get("route"), "path", None) or "unmatched"
        method = self.method if self.method in _COUNTED else "other"
        self.edge.here.metrics.request(method, route, self.status, seconds)
        self.edge.log.info(
            "request",
            method=self.method[:20],
            path=self.scope["path"][:500],
            route=route,
            status=self.status,
            milliseconds=round(seconds * 1000, 1),
            ip=peer,
        )


def _given(scope: Scope) -> dict[bytes, list[str]]:
    """The values of the headers that are looked at here, found in one pass."""
    values: dict[bytes, list[str]] = {b"content-length": [], b"content-encoding": [], b"x-request-id": []}
    for name, value in scope["headers"]:
        if name in values:
            values[name].append(value.decode("latin-1"))
    return values


def _identify(given: list[str]) -> str:
    return given[0] if len(given) == 1 and _SANE_ID.fullmatch(given[0]) else credentials.new_id()

"""What holds for every request, whichever route answers: request id, sizes, HEAD, CORS, headers, one log line.

One middleware, outermost. Errors that routes raise are turned into answers in `app.py`; only what nobody foresaw is
caught here.
"""

import ipaddress
import re
import time
from collections.abc import Callable
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import database, ids, logs, settings, uploads
from .metrics import Metrics
from .problems import Problem

BODY_BYTES = 64 * 1024
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_EXPOSED = (
    "ETag, Idempotency-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, "  # what a script may read
    "WWW-Authenticate, X-Request-Id"
)
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, "
    "X-Request-Id",
    "Access-Control-Max-Age": "600",
}
_LOCAL = ("/metrics", "/readyz")

log = logs.get("http")


class Hygiene:
    """The outermost layer of the app."""

    def __init__(self, app: ASGIApp, *, settings: settings.Settings, metrics: Metrics) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._trusted = _networks(settings.trusted_proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        database.asked_at.set(time.monotonic())
        headers = Headers(scope=scope)
        request_id = _request_id(headers)
        status = 0

        async def finish(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                self._complete(MutableHeaders(scope=message), scope, headers, request_id)
            elif scope["method"] == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        inner = {**scope, "state": {**scope.get("state", {}), "request_id": request_id}}
        inner["client"] = (self._address(scope, headers), 0)
        if scope["path"].startswith(self._settings.path + "/"):
            # A proxy may pass our public path on or take it off; routes are found either way.
            inner["root_path"] = self._settings.path
        if scope["method"] == "HEAD":
            inner["method"] = "GET"
        try:
            if (early := self._early(inner, headers, request_id)) is not None:
                await early(inner, receive, finish)
            else:
                await self._app(inner, _limited(receive, _allowed(inner)), finish)
        except Exception:
            log.exception("unforeseen", request_id=request_id, method=scope["method"], path=scope["path"])
            if status:
                raise
            problem = Problem("internal_error", "Something went wrong on our side; it was recorded.")
            await render(problem, self._settings, request_id)(inner, receive, finish)
        finally:
            seconds = time.perf_counter() - started
            route = getattr(inner.get("route"), "path", "unknown")
            self._metrics.answered(scope["method"], route, status or 500, seconds)
            log.info(
                "request",
                request_id=request_id,
                method=scope["method"],
                path=scope["path"],
                status=status or 500,
                milliseconds=round(seconds * 1000, 1),
                ip=inner["client"][0],
            )

    def _early(self, scope: Scope, headers: Headers, request_id: str) -> Response | None:
        """What can be answered without any route."""
        if (
            scope["method"] == "OPTIONS"
            and "origin" in headers
            and "access-control-request-method" in headers
        ):
            return Response(status_code=204, headers=_PREFLIGHT)
        if any(coding.lower() != "identity" for coding in headers.getlist("content-encoding")):
            return self._problem(
                "unsupported_media_type", "Send the body without Content-Encoding.", request_id
            )
        names = [name for name, _ in parse_qsl(scope["query_string"].decode("latin-1"), True)]
        if len(set(names)) < len(names):
            return self._problem("invalid_request", "A parameter of the address is there twice.", request_id)
        length = headers.get("content-length", "0")
        if not re.fullmatch(r"[0-9]{1,18}", length):
            return self._problem("invalid_request", "Content-Length is not a number.", request_id)
        if int(length) > (limit := _allowed(scope)):
            return self._problem("too_large", f"The body may have {limit} bytes.", request_id)
        return None

    def _problem(self, code: str, detail: str, request_id: str) -> Response:
        return render(Problem(code, detail), self._settings, request_id)

    def _complete(self, answer: MutableHeaders, scope: Scope, asked: Headers, request_id: str) -> None:
        answer["X-Request-Id"] = request_id
        answer["X-Content-Type-Options"] = "nosniff"
        answer["Referrer-Policy"] = "no-referrer"
        answer["Cross-Origin-Resource-Policy"] = "same-origin"
        answer.setdefault("Cache-Control", "no-store")
        answer.setdefault(
            "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; sandbox"
        )
        if self._settings.secure:
            answer["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        if "origin" in asked and scope["path"] not in _LOCAL:
            # Any origin, never credentials: a token is not sent by a browser on its own.
            answer["Access-Control-Allow-Origin"] = "*"
            answer["Access-Control-Expose-Headers"] = _EXPOSED

    def _address(self, scope: Scope, headers: Headers) -> str:
        """The caller's address: the nearest one in X-Forwarded-For that no trusted proxy has, or the peer's own."""
        peer = scope["client"][0] if scope.get("client") else ""
        chain = [each.strip() for line in headers.getlist("x-forwarded-for") for each in line.split(",")]
        address = peer
        while _inside(address, self._trusted) and chain:
            before = chain.pop()
            if _parsed(before) is None:
                break
            address = before
        return str(address)


def render(problem: Problem, settings: settings.Settings, request_id: str) -> Response:
    """The answer for a problem (RFC 9457)."""
    return JSONResponse(
        problem.body(settings.resource, request_id),
        problem.kind.status,
        problem.headers,
        media_type="application/problem+json",
    )


def request_id(request: Request) -> str:
    """The id of this request, as in X-Request-Id and in the log."""
    return str(request.state.request_id)


def allowed(request: Request, addresses: tuple[str, ...]) -> bool:
    """True when the caller's address is among these addresses and networks."""
    return _inside(request.client.host if request.client else "", _networks(addresses))


def _request_id(headers: Headers) -> str:
    sent = headers.get("x-request-id", "")
    return sent if _REQUEST_ID.fullmatch(sent) else ids.new()


def _allowed(scope: Scope) -> int:
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    return uploads.FORM_BYTES if path == uploads.PATH else BODY_BYTES


def _limited(receive: Receive, limit: int) -> Receive:
    """Counts what arrives: a body without Content-Length, or with a false one, ends here too."""
    total = 0

    async def counted() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > limit:
            raise Problem("too_large", f"The body may have {limit} bytes.")
        return message

    return counted


_networks: Callable[[tuple[str, ...]], tuple[settings.Network, ...]] = settings.networks


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None


def _inside(address: str, networks: tuple[settings.Network, ...]) -> bool:
    parsed = _parsed(address)
    if parsed is None:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return any(parsed.version == network.version and parsed in network for network in networks)

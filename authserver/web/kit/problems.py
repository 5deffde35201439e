"""Error answers that are not OAuth's: RFC 9457 problem details for programs, one page for people, chosen by Accept.

Two voices: the caller gets a sentence and the request id, the detail goes to the log.
"""

from __future__ import annotations

import http
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from ... import database, i18n, logs
from ...oauth import authorization_requests
from ...people import passwords
from . import csrf, forms, language, pages, state

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
RETRY_SECONDS = 2

# code: (status, title, what to do). The page of each code is in web/docs/error_codes.py.
PROBLEMS: Mapping[str, tuple[int, str, str]] = {
    "bad_request": (
        400,
        i18n.mark("We could not read this request"),
        i18n.mark("Something in it is malformed. Go back and try once more."),
    ),
    "not_found": (
        404,
        i18n.mark("There is nothing here"),
        i18n.mark("The address may be mistyped, or the page is gone."),
    ),
    "method_not_allowed": (
        405,
        i18n.mark("This address does not work that way"),
        i18n.mark("The page exists, but not for this kind of request."),
    ),
    "content_too_large": (
        413,
        i18n.mark("That was too much at once"),
        i18n.mark("A request may be 64 KiB long. Shorten what you sent and try again."),
    ),
    "unsupported_media_type": (
        415,
        i18n.mark("We can’t read that kind of content"),
        i18n.mark("Forms are sent as application/x-www-form-urlencoded in UTF-8."),
    ),
    "validation_failed": (
        422,
        i18n.mark("Something in this request is not as it should be"),
        i18n.mark("Check the members named below."),
    ),
    "form_expired": (
        403,
        i18n.mark("This form was open too long, or came from elsewhere"),
        i18n.mark("Nothing was changed. Go back to the page, reload it, and send the form again."),
    ),
    "request_expired": (
        400,
        i18n.mark("This sign-in request is over"),
        i18n.mark(
            "It was already answered, it is more than ten minutes old, or it was started in another browser. "
            "Go back to the application and start again."
        ),
    ),
    "too_many_requests": (
        429,
        i18n.mark("Too many tries"),
        i18n.mark("Wait a little, then try again."),
    ),
    "internal_error": (
        500,
        i18n.mark("Something went wrong on our side"),
        i18n.mark("It has been recorded under the number below, and nothing was changed. Please try again."),
    ),
    "unavailable": (
        503,
        i18n.mark("We are not able to answer right now"),
        i18n.mark("Nothing was changed. Try again in a few seconds."),
    ),
}

_BY_STATUS = {status: code for code, (status, _, _) in PROBLEMS.items() if code != "request_expired"}


def answer(
    request: Request,
    code: str,
    *,
    detail: str | None = None,
    headers: Mapping[str, str] | None = None,
    errors: Sequence[Mapping[str, Any]] = (),
    status: int | None = None,
) -> Response:
    """The error `code` as a page when the caller prefers HTML, else as problem details in English."""
    usual, title, advice = PROBLEMS[code]
    status = status or usual
    response: Response
    if wants_html(request):
        response = pages.render(
            request,
            "error.html",
            status=status,
            title=title,
            advice=advice,
            code=code,
            show_request_id=status != 404,
        )
    else:
        response = _problem(request, code, status, title, detail or advice, errors)
    response.headers.update(headers or {})
    return response


def _problem(
    request: Request, code: str, status: int, title: str, detail: str, errors: Sequence[Mapping[str, Any]]
) -> Response:
    body: dict[str, Any] = {
        "type": f"{state.of(request).settings.issuer}/docs/errors/{code}",
        "title": title,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = list(errors)
    if status != 404:  # a 404 is the same for every address, byte for byte
        body["request_id"] = getattr(request.state, "request_id", "")
    return Response(
        json.dumps(body, ensure_ascii=False).encode(
            errors="replace"
        ),  # a member's name may be half a surrogate
        status,
        {"Cache-Control": "no-store"},
        media_type="application/problem+json",
    )


def wants_html(request: Request) -> bool:
    """Whether Accept prefers a page: it names text/html before any JSON type."""
    accept = request.headers.get("accept", "").lower()
    page, data = accept.find("text/html"), accept.find("json")
    return page >= 0 and (data < 0 or page < data)


async def on_http(request: Request, error: Exception) -> Response:
    """404, 405, 413 and the other errors that Starlette and FastAPI raise."""
    assert isinstance(error, HTTPException)
    status = error.status_code
    headers = dict(error.headers or {})
    if status == 405:
        headers["Allow"] = ", ".join(allowed_methods(request))
    code = _BY_STATUS.get(status)
    if code is None:
        code, title = (
            ("bad_request", http.HTTPStatus(status).phrase) if status < 500 else ("internal_error", None)
        )
        return answer(request, code, status=status, detail=title, headers=headers)
    return answer(request, code, headers=headers)


def allowed_methods(request: Request) -> list[str]:
    """Every method some route takes at this path (RFC 9110 §10.2.1), HEAD wherever GET is."""
    scope = {**request.scope, "path_params": {}}
    found = []
    for method in METHODS:
        trial = {**scope, "method": method}
        if any(route.matches(trial)[0] is Match.FULL for route in request.app.router.routes):
            found += ["GET", "HEAD"] if method == "GET" else [method]
    return found


async def on_validation(request: Request, error: Exception) -> Response:
    """422 with the place and the rule of each fault; never what was sent (it may be a password)."""
    assert isinstance(error, RequestValidationError)
    faults = [
        {"pointer": "/" + "/".join(str(part)[:100] for part in fault["loc"]), "detail": fault["msg"]}
        for fault in error.errors()[:20]
    ]
    return answer(request, "validation_failed", errors=faults)


async def on_form(request: Request, error: Exception) -> Response:
    """A body that isn't a form we read."""
    assert isinstance(error, forms.FormError)
    return answer(request, _BY_STATUS.get(error.status, "bad_request"), detail=error.description)


async def on_forgery(request: Request, error: Exception) -> Response:
    """A form from elsewhere, where the page had nothing worth keeping."""
    assert isinstance(error, csrf.ForgeryError)
    return answer(request, "form_expired")


async def on_request_gone(request: Request, error: Exception) -> Response:
    """The authorization request of this page is over, or belongs to another browser."""
    assert isinstance(error, authorization_requests.RequestGone)
    return answer(request, "request_expired")


async def on_unavailable(request: Request, error: Exception) -> Response:
    """The database is away, the password lane is full, or the cache is stale: try again soon."""
    assert isinstance(error, database.UnavailableError | passwords.BusyError)
    return unavailable(request)


async def on_machine(request: Request, error: Exception) -> Response:
    """The machine refuses us a file: none may be opened any more, or a disk fails. That passes; the log says what."""
    logs.get_logger("http").error("the machine refuses", path=request.url.path, exc_info=error)
    return unavailable(request)


def unavailable(request: Request) -> Response:
    """503 that says when to come back."""
    return answer(request, "unavailable", headers={"Retry-After": str(RETRY_SECONDS)})


def retry_after(resets_at: float, now: float) -> dict[str, str]:
    """The Retry-After header for a limit that ends at `resets_at`, in whole seconds, at least one."""
    return {"Retry-After": str(max(1, math.ceil(resets_at - now)))}


def form_expired(request: Request) -> str:
    """What a page says above its form when that came from elsewhere or was open for too long."""
    texts = language.of(request)
    return texts.gettext(
        "This form was open too long, or it was sent from somewhere else. Nothing was changed. Send it again from here."
    )

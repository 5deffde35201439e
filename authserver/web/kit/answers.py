"""Turns what the oauth room answers into responses: an `Answer` into JSON, an `Outcome` into a redirect or a page."""

from __future__ import annotations

import pydantic_core
from starlette.requests import Request
from starlette.responses import Response

from ...oauth import authorize
from ...oauth.messages import Answer
from . import authorization_errors, cookies, state


def send(answer: Answer) -> Response:
    """The JSON response for an endpoint of the protocol; never cacheable unless the answer says so itself.

    Who may read it depends on its Origin (`protocol.cors`).
    """
    headers = {"Cache-Control": "no-store", "Vary": "Origin", **answer.headers}
    if answer.body is None:
        return Response(status_code=answer.status, headers=headers)
    body = pydantic_core.to_json(answer.body)
    headers.setdefault("Content-Type", "application/json")
    return Response(body, answer.status, headers)


def redirect(request: Request, path: str) -> Response:
    """303 to one of our own pages, by a path below the issuer: no host is ever read from the request."""
    return _see_other(request, state.of(request).settings.path + path)


def _see_other(request: Request, location: str) -> Response:
    response = Response(status_code=303, headers={"Location": location})
    cookies.set_browser(request, response)
    return response


def follow(request: Request, outcome: authorize.Outcome) -> Response:
    """Sends the person where the request goes next: back to the app, to a page of ours, or to an error."""
    match outcome:
        case authorize.Redirect(location=location):
            return _see_other(request, location)
        case authorize.Ask(request_id=request_id, next=page):
            return redirect(request, f"/{page}?request={request_id}")
        case authorize.ErrorPage():
            return authorization_errors.page(request, outcome)

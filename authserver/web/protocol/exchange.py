"""What token, revoke and introspect share: a strict form in, JSON out, and errors in the words of RFC 6749 §5.2."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from ... import database
from ...oauth import messages
from ...oauth.context import OAuth
from ..kit import answers, forms, state
from . import cors

Verb = Callable[[OAuth, Session, messages.Request], messages.Answer]
Run = Callable[[Callable[[Session], messages.Answer]], Awaitable[messages.Answer]]


async def answer(request: Request, verb: Verb, *, writes: bool = True) -> tuple[messages.Answer, Response]:
    """Ask `verb` in one transaction; its answer, and the response made of it."""
    here = state.of(request)
    run: Run = here.database.transaction if writes else here.database.read
    try:
        sent = read(request, await forms.read(request))
        said = await run(lambda session: verb(here.oauth, session, sent))
    except forms.FormError as error:
        said = _unreadable(here.settings.issuer, error)
    except database.Refused as refused:
        said = refused.answer
    response = answers.send(said)
    cors.may_read(request, response, said.origins)
    return said, response


def read(request: Request, form: messages.Items) -> messages.Request:
    """The request as the oauth room takes it. Its query is left out: secrets in addresses aren't honoured."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    client = request.client
    ip = client.host if client else ""
    return messages.Request(request.method, request.scope["path"], headers, [], form, ip)


def _unreadable(issuer: str, error: forms.FormError) -> messages.Answer:
    """RFC 6749 knows no 415: a body of another type is an invalid request that says what to send."""
    body = {
        "error": error.error,
        "error_description": error.description,
        "error_uri": f"{issuer}/docs/errors/{error.error}",
    }
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    return messages.Answer(400 if error.status == 415 else error.status, body, headers)

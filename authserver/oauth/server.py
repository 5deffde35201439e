"""The protocol's front door for clients: token, revocation and introspection requests in, answers out.

Grants and endpoints are named here. `authorize` is the front door for browsers.
"""

from __future__ import annotations

from collections.abc import Callable

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from authlib.oauth2.rfc6749.endpoint import Endpoint
from sqlalchemy.orm import Session

from .. import database
from . import authorization_server, context, errors, grants, introspection, messages, revocation

ENDPOINTS = (revocation.RevocationEndpoint, introspection.IntrospectionEndpoint)


def make(oauth: context.OAuth, session: Session) -> authorization_server.AuthorizationServer:
    """The protocol for one request, with all grants registered."""
    server = authorization_server.AuthorizationServer(oauth, session)
    for grant, extensions in grants.ALL:
        server.register_grant(grant, extensions)
    return server


def token(oauth: context.OAuth, session: Session, request: messages.Request) -> messages.Answer:
    """Answer a token request (RFC 6749 §3.2). An error answer is raised as database.Refused."""

    def answer(
        server: authorization_server.AuthorizationServer, sent: messages.ProtocolRequest
    ) -> messages.Answer:
        if not sent.payload.grant_type:
            raise InvalidRequestError("Missing 'grant_type' in request.")
        made: messages.Answer = server.create_token_response(sent)
        return made

    return _answer(oauth, session, request, answer)


def revoke(oauth: context.OAuth, session: Session, request: messages.Request) -> messages.Answer:
    """Answer a revocation request (RFC 7009 §2). An error answer is raised as database.Refused."""
    return _endpoint(oauth, session, request, revocation.RevocationEndpoint)


def introspect(oauth: context.OAuth, session: Session, request: messages.Request) -> messages.Answer:
    """Answer an introspection request (RFC 7662 §2). An error answer is raised as database.Refused."""
    return _endpoint(oauth, session, request, introspection.IntrospectionEndpoint)


def _endpoint(
    oauth: context.OAuth, session: Session, request: messages.Request, endpoint: type[Endpoint]
) -> messages.Answer:
    def answer(
        server: authorization_server.AuthorizationServer, sent: messages.ProtocolRequest
    ) -> messages.Answer:
        server.register_endpoint(endpoint)
        made: messages.Answer = server.create_endpoint_response(endpoint.ENDPOINT_NAME, sent)
        return made

    return _answer(oauth, session, request, answer)


def _answer(
    oauth: context.OAuth,
    session: Session,
    request: messages.Request,
    ask: Callable[[authorization_server.AuthorizationServer, messages.ProtocolRequest], messages.Answer],
) -> messages.Answer:
    server = make(oauth, session)
    sent = messages.ProtocolRequest(request, oauth.settings.issuer)
    try:
        twice = messages.repeated(request.form)
        if twice:
            raise InvalidRequestError(f"Sent more than once: {errors.plain(min(twice))}.")
        answer = ask(server, sent)
    except OAuth2Error as error:
        answer = server.handle_error_response(sent, error)
    if answer.status >= 400:
        raise database.Refused(answer)
    return answer

"""Who is calling: a client proves itself by the one method it registered, on every endpoint.

Whatever goes wrong, the answer is the same, so that nobody learns which clients exist (RFC 6749 §2.3, §5.2).
Only wrong guesses are counted: 256 bits can't be guessed, so the limit spares our time and shows up in the
audit, and never locks a client out that knows its secret.
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Callable
from typing import NoReturn
from urllib.parse import unquote_plus

from authlib.oauth2.rfc6749 import ClientAuthentication as AuthlibClientAuthentication
from authlib.oauth2.rfc6749 import InvalidClientError, InvalidRequestError
from sqlalchemy.orm import Session

from .. import database, limits
from . import client_secrets, clients, context, errors, messages

WRONG_GUESSES, GUESS_SECONDS = 100, 900

_BASIC = re.compile(r"basic +([A-Za-z0-9+/]+={0,2})\Z", re.IGNORECASE)
_CLIENT_ID = re.compile(r"[\x20-\x7e]{1,2048}\Z")  # RFC 6749 appendix A.1; nothing else goes to the database

Find = Callable[[str | None], clients.Client | None]


class ClientAuthentication(AuthlibClientAuthentication):
    """Authlib's registry of methods, with our three in it; another method joins by `register`.

    It lives for one request, as the server does that holds it. What is registered knows neither of them: a circle
    would stay in memory, with the secret, until the garbage collector comes.
    """

    def __init__(self, oauth: context.OAuth, session: Session) -> None:
        super().__init__(functools.partial(find, oauth, session))
        self.oauth = oauth
        self.session = session
        self.now = oauth.clock()
        by_secret = functools.partial(_by_secret, self.now)
        self.register("client_secret_basic", by_secret)
        self.register("client_secret_post", by_secret)
        self.register("none", _by_id)

    def authenticate(
        self, request: messages.ProtocolRequest, methods: list[str], endpoint: str
    ) -> clients.Client:
        """The client that sent the request, by its own method if that is among `methods`.

        Raises InvalidRequestError for several credentials, ClientAuthenticationError, BusyError.
        """
        request.presented = presented = read(request)
        own = [method for method in methods if method == presented.method]
        try:
            client: clients.Client = super().authenticate(request, own, endpoint)
        except InvalidClientError:
            self._refuse(presented, request.ip)
        return client

    def _refuse(self, presented: messages.Presented, ip: str) -> NoReturn:
        database.release(self.session)
        key = f"client-secret/{limits.address(ip)}"
        guess = database.await_(self.oauth.limits.claim(key, limit=WRONG_GUESSES, seconds=GUESS_SECONDS))
        if guess.allowed or guess.over == 1:  # a flood goes on record once, or strangers could fill the disk
            self.oauth.audit_buffer.add(
                "client_authentication_failed",
                now=self.now,
                client_id=errors.plain(presented.client_id or ""),
            )
        if not guess.allowed and presented.secret is not None:
            raise errors.BusyError(
                "Too many wrong client secrets from this address.",
                status_code=429,
                retry_after_seconds=guess.resets_at - self.now,
            )
        raise errors.ClientAuthenticationError


def find(oauth: context.OAuth, session: Session, client_id: str | None) -> clients.Client | None:
    """The client, unless it is unknown or disabled."""
    if client_id is None or _CLIENT_ID.match(client_id) is None:
        return None
    client = clients.find(oauth.cache, session, client_id)
    return None if client is None or client.disabled_at is not None else client


def _by_secret(now: float, query_client: Find, request: messages.ProtocolRequest) -> clients.Client | None:
    client = _by_id(query_client, request)
    kept = client.secrets if client is not None else ()
    # Compared even when there is no such client: the answer takes as long.
    right = client_secrets.matches(kept, request.presented.secret or "", now)
    return client if right else None


def _by_id(query_client: Find, request: messages.ProtocolRequest) -> clients.Client | None:
    return query_client(request.presented.client_id)


def read(request: messages.ProtocolRequest) -> messages.Presented:
    """The credential in a request. Raises InvalidRequestError when there are two (RFC 6749 §2.3)."""
    form = request.form
    header = request.headers.get("authorization")
    assertion = "client_assertion" in form or "client_assertion_type" in form
    if (header is not None) + ("client_secret" in form) + assertion > 1:
        raise InvalidRequestError("The request holds two client credentials; send one.")
    client_id = form.get("client_id")
    if assertion:
        return messages.Presented(None)
    if header is None:
        secret = form.get("client_secret")
        return messages.Presented("none" if secret is None else "client_secret_post", client_id, secret)
    basic = _basic(header)
    if basic is None:
        return messages.Presented(None)
    if client_id is not None and client_id != basic[0]:
        raise InvalidRequestError("The client_id in the body isn't the one in the Authorization header.")
    return messages.Presented("client_secret_basic", *basic)


def _basic(header: str) -> tuple[str, str] | None:
    """Id and secret of a Basic header; both are form-encoded inside it (RFC 6749 §2.3.1, RFC 7617 §2)."""
    found = _BASIC.match(header)
    if found is None:
        return None
    try:
        text = base64.b64decode(found[1], validate=True).decode("utf-8")
        client_id, colon, secret = text.partition(":")
        client_id, secret = unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (client_id, secret) if colon and client_id and secret else None

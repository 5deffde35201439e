"""Answers that travel through the browser to the client's redirect URI."""

from __future__ import annotations

from urllib.parse import quote, urlencode


def answer(redirect_uri: str, issuer: str, state: str | None, **parameters: str) -> str:
    """Where to send the browser: the URI's own query stays as registered, ours follows, each name once.

    Carries the issuer (RFC 9207) and the state byte for byte (RFC 6749 §4.1.2), in errors too.
    """
    if state is not None:
        parameters["state"] = state
    query = urlencode(parameters | {"iss": issuer}, quote_via=quote)
    if "?" not in redirect_uri:
        return f"{redirect_uri}?{query}"
    return f"{redirect_uri}{'' if redirect_uri.endswith(('?', '&')) else '&'}{query}"

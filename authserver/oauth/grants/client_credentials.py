"""`client_credentials`: a client acts for itself, as a principal of its own (RFC 6749 §4.4).

The hot path: client, scopes and key come from the cache, nothing is stored, no statement runs.
"""

from __future__ import annotations

from authlib.oauth2.rfc6749 import ClientCredentialsGrant as AuthlibClientCredentialsGrant

from ..issuing import IssuingGrant


class ClientCredentialsGrant(IssuingGrant, AuthlibClientCredentialsGrant):
    """No person, no refresh token: the client asks again."""

    PERSON = False

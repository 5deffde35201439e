"""PKCE as we take it: S256 alone, always named, and required of every client unless lifted for it (RFC 7636)."""

from __future__ import annotations

import re

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidRequestError
from authlib.oauth2.rfc7636 import CodeChallenge

from .issuing import IssuingGrant

METHODS = ["S256"]
# Authlib's patterns end in "$", which lets a final newline pass. An S256 challenge is 32 bytes of base64url.
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z")


class S256(CodeChallenge):
    """Authlib's extension with one method, and nothing left to a default."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = METHODS

    def validate_code_challenge(self, grant: IssuingGrant, redirect_uri: None) -> None:
        """At the authorization endpoint; raises InvalidRequestError."""
        sent = grant.request.payload.data
        challenge, method = sent.get("code_challenge"), sent.get("code_challenge_method")
        if challenge is None and method is None and not grant.request.client.require_pkce:
            return
        if challenge is None:
            raise InvalidRequestError("Missing 'code_challenge': this server requires PKCE with S256.")
        if method is None:
            raise InvalidRequestError("Missing 'code_challenge_method': it must be S256.")
        if method not in METHODS:
            raise InvalidRequestError("'code_challenge_method' must be S256.")
        if not _CHALLENGE.match(challenge):
            raise InvalidRequestError(
                "'code_challenge' must be the 43 characters of BASE64URL(SHA256(verifier))."
            )
        super().validate_code_challenge(grant, redirect_uri)

    def validate_code_verifier(self, grant: IssuingGrant, result: None) -> None:
        """At the token endpoint, before the code is claimed; raises InvalidRequestError, InvalidGrantError."""
        verifier = grant.request.form.get("code_verifier")
        if verifier is not None and not _VERIFIER.match(verifier):
            raise InvalidRequestError(
                "'code_verifier' has 43 to 128 of the characters of RFC 7636 section 4.1."
            )
        if verifier is not None and grant.request.authorization_code.code_challenge is None:
            raise InvalidGrantError("The authorization request had no 'code_challenge', so no verifier fits.")
        super().validate_code_verifier(grant, result)

"""The adapter for FastAPI: a verifier as a dependency, with the answers of RFC 6750 §3 and RFC 9728 §5.1.

    auth = Auth("https://auth.example.org", audience="https://api.example.org")

    @app.get("/images", dependencies=[auth.scope("images:read")])
    @app.get("/me")
    async def me(token: Annotated[AccessToken, Depends(auth)]): ...

The only file of this package that imports FastAPI. It reads HTTP and writes refusals; what makes a token good
is decided in `verifier`.
"""

import logging
import math
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

from fastapi import APIRouter, HTTPException, Request, Security
from fastapi.openapi.models import OAuth2, OAuthFlowAuthorizationCode, OAuthFlows
from fastapi.responses import JSONResponse
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from . import errors
from .access_token import AccessToken
from .verifier import Verifier

_log = logging.getLogger("keys")

# RFC 6750 §2.1: the scheme in any case, one space, one token.
_BEARER = re.compile(r"bearer ([A-Za-z0-9\-._~+/]+=*)", re.IGNORECASE)
_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")
_DERIVED: Final = "derived from the audience"


class RefusedError(HTTPException):
    """A request that is refused: a status, the headers that explain it, and one sentence as `detail`.

    `error` is the code of RFC 6750 §3.1, or None where none belongs. FastAPI's own handler answers
    `{"detail": …}`; `problem` in this module answers RFC 9457 problem details instead.
    """

    def __init__(self, status: int, error: str | None, detail: str, headers: dict[str, str]) -> None:
        self.error = error
        super().__init__(status, detail, headers)


class Auth(SecurityBase):
    """Protects routes with the access tokens of `issuer` for `audience`. Nothing is fetched before a token comes.

    `Depends(auth)` gives the `AccessToken`. Refusals: 401 without a token or with a bad one, 403 when a scope
    is missing, 400 for credentials sent twice or in the address, 503 with `Retry-After` without keys.
    """

    def __init__(
        self,
        issuer: str,
        *,
        audience: str,
        jwks_url: str | None = None,
        scopes: Mapping[str, str] | None = None,
        resource_metadata: str | None = _DERIVED,
        verifier: Verifier | None = None,
    ) -> None:
        """Raise ValueError for settings that make no sense, as `Verifier` does.

        `scopes` are sentences for the API's documentation, by scope. `resource_metadata` is the address that
        challenges name (RFC 9728); by default it follows from an audience that is an address, None leaves it
        out. A `verifier` of one's own replaces the usual one, for other algorithms, leeways or sources of
        keys.
        """
        if verifier is not None and (verifier.issuer, verifier.audience) != (issuer, audience):
            raise ValueError("The verifier is for another issuer or audience.")
        self.issuer = issuer
        self.audience = audience
        self.verifier = verifier or Verifier(issuer, audience, jwks_url=jwks_url)
        self.resource_metadata = (
            _metadata_url(audience) if resource_metadata == _DERIVED else resource_metadata
        )
        self._flow = OAuthFlowAuthorizationCode(
            authorizationUrl=f"{issuer}/oauth/authorize",
            tokenUrl=f"{issuer}/oauth/token",
            scopes=dict(scopes or {}),
        )
        # What FastAPI reads to describe the routes in its OpenAPI document.
        self.model = OAuth2(flows=OAuthFlows(authorizationCode=self._flow))
        self.scheme_name = "oauth2"

    async def __call__(self, connection: HTTPConnection, needed: SecurityScopes) -> AccessToken:
        """The dependency: return the verified token, or raise RefusedError."""
        try:
            token = await self.verifier.averify(self._credentials(connection, needed))
            token.require(*needed.scopes)
        except errors.InvalidTokenError as error:
            _log.info("A token was refused: %s", error.detail)
            raise self._refused(401, "invalid_token", error.description) from error
        except errors.InsufficientScopeError as error:
            raise self._refused(403, "insufficient_scope", error.description, needed.scopes) from error
        except errors.KeySetUnavailableError as error:
            _log.error("A token could not be judged: %s", error.detail)
            seconds = max(1, math.ceil(error.retry_after_seconds))
            raise RefusedError(503, None, error.description, {"Retry-After": str(seconds)}) from error
        return token

    def scope(self, *scopes: str) -> Any:
        """Return a dependency that asks for a token with all of these scopes.

        For `dependencies=[…]`, as the default of a parameter, or in `Annotated[AccessToken, …]`.
        Raise ValueError for text that can't be a scope (RFC 6749 §3.3).
        """
        for scope in scopes:
            if not _SCOPE.fullmatch(scope):
                raise ValueError(f"{scope!r} can't be a scope.")
            self._flow.scopes.setdefault(scope, "")
        return Security(self, scopes=scopes)

    @property
    def router(self) -> APIRouter:
        """One route to include in the application: the protected resource metadata that challenges point to.

        Raise ValueError when there is no address for it, i.e. the audience isn't an http(s) address.
        """
        if self.resource_metadata is None:
            raise ValueError("There is no resource_metadata address to serve.")
        router = APIRouter()
        path = urlsplit(self.resource_metadata).path
        router.add_api_route(
            path,
            self._metadata,
            methods=["GET"],
            operation_id="protectedResourceMetadata",
            summary="Protected resource metadata",
        )
        return router

    async def _metadata(self) -> dict[str, str | list[str]]:
        """Tell clients which authorization server to ask, and for which scopes (RFC 9728)."""
        return {
            "resource": self.audience,
            "authorization_servers": [self.issuer],
            "scopes_supported": sorted(self._flow.scopes),
            "bearer_methods_supported": ["header"],
        }

    def _credentials(self, connection: HTTPConnection, needed: SecurityScopes) -> str:
        """The one token, from the one place it may stand in (RFC 9700 §4.3.2: never the address)."""
        if "access_token" in connection.query_params:
            raise self._refused(400, "invalid_request", "Send the token in the Authorization header only.")
        sent = connection.headers.getlist("authorization")
        if len(sent) > 1:
            raise self._refused(400, "invalid_request", "There is more than one Authorization header.")
        if not sent or sent[0].partition(" ")[0].lower() != "bearer":
            # RFC 6750 §3.1: who brings no credentials gets no error code, only what is needed.
            raise self._refused(
                401, None, "Send an access token in the Authorization header, as Bearer.", needed.scopes
            )
        bearer = _BEARER.fullmatch(sent[0])
        if bearer is None:
            raise self._refused(
                400, "invalid_request", "The Authorization header must be Bearer, one space, and one token."
            )
        return bearer[1]

    def _refused(
        self, status: int, error: str | None, detail: str, scopes: list[str] | None = None
    ) -> RefusedError:
        parameters = {"error": error, "error_description": detail} if error is not None else {}
        if scopes:
            parameters["scope"] = " ".join(scopes)
        if self.resource_metadata is not None:
            parameters["resource_metadata"] = self.resource_metadata
        challenge = ", ".join(f'{name}="{text}"' for name, text in parameters.items())
        return RefusedError(status, error, detail, {"WWW-Authenticate": f"Bearer {challenge}".rstrip()})


async def problem(_: Request, refused: Exception) -> JSONResponse:
    """Answer a RefusedError as problem details (RFC 9457); give it to `app.add_exception_handler`."""
    if not isinstance(refused, RefusedError):
        raise refused
    titles = {400: "Bad request", 401: "Unauthorized", 403: "Forbidden", 503: "Service unavailable"}
    body = {"type": "about:blank", "title": titles[refused.status_code], "status": refused.status_code}
    body |= {"detail": refused.detail} | ({"error": refused.error} if refused.error else {})
    return JSONResponse(body, refused.status_code, refused.headers, media_type="application/problem+json")


def _metadata_url(audience: str) -> str | None:
    """Where the metadata of a resource is (RFC 9728 §3.1), for one whose identifier is an address."""
    parts = urlsplit(audience)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return None
    path = "/.well-known/oauth-protected-resource" + (parts.path if parts.path != "/" else "")
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))

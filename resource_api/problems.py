"""What we say when we refuse: RFC 9457 problem details, and the catalogue behind their documentation pages.

`Problem` is the only exception routes and verbs raise to answer an error. Its two voices: `detail` is for the
caller, `log` for the operator. How an answer is rendered as HTML documentation is `docs.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kind:
    """One entry of the catalogue: the last part of `type`, and what its page explains."""

    code: str
    status: int
    title: str
    cause: str
    remedy: str


KINDS = {
    kind.code: kind
    for kind in (
        Kind(
            "invalid_request",
            400,
            "The request cannot be understood",
            "The request is malformed: two Authorization headers, a token in the address, a body that is not "
            "UTF-8 JSON, a repeated member or nesting that is too deep.",
            "Read the detail, which names the part. Send the token once, in the Authorization header.",
        ),
        Kind(
            "invalid_cursor",
            400,
            "The cursor is not one of ours",
            "The value of `cursor` was not made by this API, or was cut or changed on its way.",
            "Send `next_cursor` of the previous page exactly as it came, or leave it out to start again.",
        ),
        Kind(
            "missing_token",
            401,
            "An access token is needed",
            "The request carries no `Authorization: Bearer …` header.",
            "Fetch the document named by `resource_metadata` in WWW-Authenticate, get a token from the "
            "authorization server it names, and send it as `Authorization: Bearer TOKEN`.",
        ),
        Kind(
            "invalid_token",
            401,
            "The access token is not valid",
            "The token has expired, is meant for another API, comes from another issuer, or is no access token.",
            "Get a new token for this API's identifier (`resource=`). The detail says which check failed.",
        ),
        Kind(
            "insufficient_credits",
            402,
            "Not enough credits",
            "The balance is smaller than the price. Nothing was charged and nothing was made.",
            "GET /credits shows the balance, GET /credits/ledger how it came about.",
        ),
        Kind(
            "insufficient_scope",
            403,
            "The token lacks a scope",
            "The access token is valid, and does not carry every scope this operation needs.",
            "Ask the authorization server for the scopes named in `scope` of WWW-Authenticate.",
        ),
        Kind(
            "person_required",
            403,
            "Only a person can do this",
            "The token was issued to an application acting for itself (client credentials). It owns what it "
            "uploads, but has no profile, no credits and no shares.",
            "Use a token that a person granted, from the authorization code flow.",
        ),
        Kind(
            "not_owner",
            403,
            "Only the owner can do this",
            "The object is shared with you, and what you asked for needs more than the share allows.",
            "Ask the owner to do it, or to share it with edit access. Deleting and sharing stay the owner's.",
        ),
        Kind(
            "not_found",
            404,
            "There is nothing here",
            "No such address, or no such object among those you may see. We do not say which.",
            "Check the id. Lists show every object that the token may see.",
        ),
        Kind(
            "method_not_allowed",
            405,
            "This method does not exist here",
            "The address exists, and does not know this method.",
            "The Allow header lists the methods it knows.",
        ),
        Kind(
            "conflict",
            409,
            "Something else is already there",
            "The change collides with what exists, for example a handle that is taken.",
            "Read the detail, choose another value and try again.",
        ),
        Kind(
            "precondition_failed",
            412,
            "The object has changed",
            "If-Match names a version that is no longer the current one.",
            "Read the object again, look at what changed, and repeat the request with its new ETag.",
        ),
        Kind(
            "too_large",
            413,
            "The request is too large",
            "JSON bodies may have 64 KiB, uploads 10 MiB, and a picture as many pixels as the detail says.",
            "Send less, or a smaller picture.",
        ),
        Kind(
            "quota_exceeded",
            413,
            "Your images fill the room you have",
            "Every owner has the same room for images, and this one would not fit any more. Nothing was charged.",
            "Delete images you no longer need, then try again.",
        ),
        Kind(
            "unsupported_media_type",
            415,
            "This media type is not accepted",
            "The Content-Type is not the one this operation takes, the body is compressed, or the file is no "
            "PNG, JPEG or WebP picture.",
            "Send JSON as `application/json`, files as `multipart/form-data`, without Content-Encoding.",
        ),
        Kind(
            "validation_failed",
            422,
            "Some values are not acceptable",
            "The request was understood, and at least one value breaks a rule. Unknown members are refused too.",
            "`errors` names each place as a JSON pointer (or a parameter) and says which rule it breaks.",
        ),
        Kind(
            "unknown_handle",
            422,
            "Nobody has this handle",
            "No person has chosen this handle. Handles are chosen at /me; they are no e-mail addresses.",
            "Ask the person for their handle. After 30 unknown ones in an hour, the rest of the hour answers 429.",
        ),
        Kind(
            "idempotency_key_reused",
            422,
            "This Idempotency-Key belongs to another request",
            "The key was used before for the same operation, with a different body.",
            "Use a new key for a new request, or repeat the first body exactly.",
        ),
        Kind(
            "too_many_requests",
            429,
            "Too many requests",
            "A limit was reached. It is there so that nobody can guess handles or keep the machine busy.",
            "Wait as many seconds as Retry-After says.",
        ),
        Kind(
            "internal_error",
            500,
            "Something went wrong on our side",
            "An unexpected failure. It was recorded under the request id; nothing was half done.",
            "Try again. If it stays, tell the operator the request id.",
        ),
        Kind(
            "keys_unavailable",
            503,
            "The signing keys cannot be fetched",
            "The token cannot be judged, because this API has not reached the authorization server's key set "
            "for a day, or ever.",
            "Try again after Retry-After seconds. Nothing is wrong with the token as far as we know.",
        ),
        Kind(
            "busy",
            503,
            "Busy",
            "The database does not answer, or too many pictures are waiting to be made.",
            "Try again after Retry-After seconds. What costs credits is repeated safely with an Idempotency-Key.",
        ),
        Kind(
            "storage_full",
            507,
            "There is no room left",
            "The file store cannot take the picture. Nothing was charged.",
            "Try again later; the operator has been told by the log.",
        ),
    )
}


class Problem(Exception):
    """An error answer. Raised anywhere below a route; a transaction it leaves is rolled back."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: list[dict[str, str]] | None = None,
        log: str | None = None,
    ) -> None:
        super().__init__(code)
        self.kind = KINDS[code]
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = errors
        self.log = log

    def body(self, resource: str, request_id: str) -> dict[str, Any]:
        """The problem document. A 404 has no request id: it must not differ between foreign and unknown."""
        members: dict[str, Any] = {
            "type": f"{resource}/docs/errors/{self.kind.code}",
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
        }
        if self.errors is not None:
            members["errors"] = self.errors
        if self.kind.status != 404:
            members["request_id"] = request_id
        return members


def not_found() -> Problem:
    """The one answer for what does not exist and for what is somebody else's."""
    return Problem("not_found", "There is nothing at this address that you may see.")


def not_owner() -> Problem:
    """The caller sees the object and may not do this to it."""
    return Problem("not_owner", "This object is shared with you; this needs more than the share allows.")


def invalid(pointer: str, detail: str) -> Problem:
    """One value breaks a rule; `pointer` is a JSON pointer into the body, or a parameter's name."""
    return Problem(
        "validation_failed",
        "One value is not acceptable.",
        errors=[{"pointer": pointer, "detail": detail}],
    )


def busy(retry_after_seconds: int = 2) -> Problem:
    """Try again shortly."""
    return Problem(
        "busy",
        "The service is busy; try again shortly.",
        headers={"Retry-After": str(retry_after_seconds)},
    )

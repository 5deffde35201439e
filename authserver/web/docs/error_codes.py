"""Every error code the service answers with: what it means, what to look at, what to do. Texts only.

A test compares this with the codes in the source: an error without a page, or a page without an error, fails.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...i18n import mark


@dataclass(frozen=True)
class ErrorText:
    """One error's page, in English messages: its cause, the thing to check, the way to mend it."""

    cause: str
    check: str
    fix: str


OAUTH: dict[str, ErrorText] = {
    "invalid_request": ErrorText(
        mark("A parameter is missing, sent twice, or has a value that cannot be read (RFC 6749 §5.2)."),
        mark(
            "Compare your parameters with the reference. Each may be sent once; only "
            "resource may be repeated."
        ),
        mark(
            "Send the form as application/x-www-form-urlencoded in UTF-8, with credentials in one place only."
        ),
    ),
    "invalid_client": ErrorText(
        mark(
            "The application could not be authenticated: unknown id, wrong secret, or "
            "another method than its own."
        ),
        mark("Each application has one method: client_secret_basic, client_secret_post or none."),
        mark(
            "Check the id and the secret for cut-off characters, or make a new secret; the "
            "old one keeps working meanwhile."
        ),
    ),
    "invalid_grant": ErrorText(
        mark(
            "The code, the refresh token or the password is wrong, used up, expired, or "
            "belongs to another application."
        ),
        mark(
            "A code works once, for 60 seconds, with the redirect_uri and the code_verifier "
            "it was asked with."
        ),
        mark("Start the flow again. If a code was used twice, all tokens that came of it have been revoked."),
    ),
    "unauthorized_client": ErrorText(
        mark("This application is not registered for what it asked: a grant type or a response type."),
        mark("Look at the application’s grant types with: authserver client show."),
        mark("Ask an administrator to add the grant type, or use one that the application has."),
    ),
    "unsupported_grant_type": ErrorText(
        mark("The grant_type is missing from this server."),
        mark(
            "The metadata lists what is there: grant_types_supported in "
            "/.well-known/oauth-authorization-server."
        ),
        mark(
            "Use authorization_code, refresh_token or client_credentials. The implicit grant "
            "does not exist here."
        ),
    ),
    "unsupported_response_type": ErrorText(
        mark("The response_type is not one of this server’s."),
        mark("The only response_type is code."),
        mark("Send response_type=code with a code_challenge (PKCE, RFC 7636)."),
    ),
    "invalid_scope": ErrorText(
        mark(
            "A scope is unknown, not allowed for this application, wider than what was "
            "granted, or of a second API."
        ),
        mark("Scopes are case-sensitive, separated by one space. One token is for one API."),
        mark("Ask for less, or ask an administrator to allow the scope for the application."),
    ),
    "invalid_target": ErrorText(
        mark("The resource is not an API of this server, or there are several (RFC 8707)."),
        mark("Compare resource with the API’s identifier, character by character."),
        mark("Send one resource, exactly as the API’s documentation writes it, or none."),
    ),
    "access_denied": ErrorText(
        mark("The person pressed Cancel, or an administrator’s rule forbids it."),
        mark("Nothing is broken: this is an answer."),
        mark("Say in your application what it needs the access for, and offer to try again."),
    ),
    "login_required": ErrorText(
        mark("The application asked for an answer without any page (prompt=none), and nobody is signed in."),
        mark("A session may have ended, or max_age asks for a fresher sign-in."),
        mark("Send the person through the flow again without prompt=none."),
    ),
    "consent_required": ErrorText(
        mark(
            "The application asked for an answer without any page (prompt=none), and the "
            "person has not allowed this yet."
        ),
        mark(
            "Consent is remembered per scope, and asked again after the application’s name "
            "or addresses changed."
        ),
        mark("Send the person through the flow again without prompt=none."),
    ),
    "request_not_supported": ErrorText(
        mark("A request object was sent; this server does not read them."),
        mark("Look for a parameter called request."),
        mark("Send the parameters themselves."),
    ),
    "request_uri_not_supported": ErrorText(
        mark("A reference to a request object was sent; this server does not fetch them."),
        mark("Look for a parameter called request_uri."),
        mark("Send the parameters themselves."),
    ),
    "registration_not_supported": ErrorText(
        mark("The application described itself inside the request; this server does not read that."),
        mark("Look for a parameter called registration."),
        mark("Have the application registered beforehand and send its client_id."),
    ),
    "temporarily_unavailable": ErrorText(
        mark("Too many tries, or no room to check a password at this moment."),
        mark("The Retry-After header says in how many seconds to come back."),
        mark("Wait that long and send the same request again."),
    ),
    "redirect_uri_mismatch": ErrorText(
        mark(
            "The return address (redirect_uri) of the request is none of those registered "
            "for the application."
        ),
        mark(
            "The error page shows both addresses with the difference marked. They are "
            "compared character by character."
        ),
        mark(
            "Send the registered address, or have an administrator register the one you "
            "send: authserver client update."
        ),
    ),
}

HTTP: dict[str, ErrorText] = {
    "bad_request": ErrorText(
        mark(
            "The request is malformed: bad encoding, a NUL character, or lengths that contradict each other."
        ),
        mark("Look at what your client really sends, for instance with curl -v."),
        mark("Encode text as UTF-8 and values as form or JSON encoding asks."),
    ),
    "not_found": ErrorText(
        mark("There is no such address, or nothing there that you may know of."),
        mark("Compare the address with the reference; a path may start with the issuer’s own path."),
        mark("Follow links instead of building addresses where you can."),
    ),
    "method_not_allowed": ErrorText(
        mark("The address exists, but not for this method."),
        mark("The Allow header lists the methods that work."),
        mark("Use one of them. Changes are made with POST, never with GET."),
    ),
    "content_too_large": ErrorText(
        mark("The request’s body is longer than 64 KiB."),
        mark("Look at the size of what you send."),
        mark("Send less; nothing this server reads is that long."),
    ),
    "unsupported_media_type": ErrorText(
        mark("The body is not of the kind this address reads."),
        mark("Look at the Content-Type you send, its charset included."),
        mark("Send application/x-www-form-urlencoded in UTF-8."),
    ),
    "validation_failed": ErrorText(
        mark("The request can be read, but members of it break a rule, or are not known."),
        mark("The answer’s errors name each member and the rule. What you sent is never repeated."),
        mark("Correct these members. Unknown members are refused, not ignored."),
    ),
    "form_expired": ErrorText(
        mark("The form was open for more than twelve hours, or another site made the browser send it."),
        mark("Cookies may be blocked for this server, or the browser hides where a form comes from."),
        mark("Open the page again and send the form from there."),
    ),
    "request_expired": ErrorText(
        mark(
            "The authorization request was answered already, is older than ten minutes, or "
            "was begun in another browser."
        ),
        mark("Back buttons and bookmarks of a sign-in page lead here."),
        mark("Go back to the application and start again."),
    ),
    "too_many_requests": ErrorText(
        mark("Too many tries in a short time."),
        mark("The Retry-After header says in how many seconds to come back."),
        mark("Wait that long. Repeated tries don’t make the pause longer."),
    ),
    "internal_error": ErrorText(
        mark("Something went wrong on our side. Nothing was changed."),
        mark("The answer carries a request id; the server’s log has the rest under it."),
        mark("Try again; if it stays, give the request id to the administrator."),
    ),
    "unavailable": ErrorText(
        mark("The database does not answer, or this process is overloaded or too far behind."),
        mark("The /readyz address says whether the server is ready."),
        mark("Wait as long as Retry-After says and send the request again."),
    ),
}

ALL: dict[str, ErrorText] = {**OAUTH, **HTTP}

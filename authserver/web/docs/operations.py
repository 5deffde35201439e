"""Every operation that programs call, described once: the reference page and the OpenAPI documents are made from this.

Texts are English messages of the catalogues. A test compares the list with the application's routes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ...i18n import mark


@dataclass(frozen=True)
class Field:
    """A parameter of a query or a form."""

    name: str
    text: str
    required: bool = False
    kind: str = "string"
    example: str = ""
    repeatable: bool = False


@dataclass(frozen=True)
class Reply:
    """One way an operation answers; `schema` names a component of the OpenAPI document."""

    status: int
    text: str
    media: str = ""
    schema: str = ""


@dataclass(frozen=True)
class Operation:
    """One method at one path."""

    method: str
    path: str
    id: str
    tag: str
    summary: str
    text: str
    auth: str
    query: tuple[Field, ...] = ()
    form: tuple[Field, ...] = ()
    replies: tuple[Reply, ...] = field(default=())


OAUTH, DISCOVERY, OPERATION = mark("OAuth"), mark("Discovery"), mark("Running the server")

JSON = "application/json"
ANYONE = mark("Anyone.")
CLIENT = mark(
    "The client’s own method: Basic header, client_id and client_secret in the form, or client_id alone."
)
CONFIDENTIAL = mark("A client with a secret: Basic header, or client_id and client_secret in the form.")

CREDENTIALS = (
    Field("client_id", mark("Who asks. Leave it out when the Authorization header says so.")),
    Field("client_secret", mark("Only for clients registered with client_secret_post.")),
)
REFUSALS = (
    Reply(400, mark("Refused; the member error says why."), JSON, "Error"),
    Reply(401, mark("The client could not be authenticated."), JSON, "Error"),
    Reply(429, mark("Too many tries; Retry-After says when to come back."), JSON, "Error"),
    Reply(503, mark("No answer possible now; Retry-After says when to come back."), JSON, "Error"),
)

AUTHORIZE = (
    Field("response_type", mark("Always code."), required=True, example="code"),
    Field("client_id", mark("The application’s id."), required=True, example="app_…"),
    Field(
        "redirect_uri",
        mark("Where the answer goes: a registered address, character by character."),
        required=True,
        kind="uri",
        example="https://photoprint.example/callback",
    ),
    Field(
        "scope",
        mark("What is asked for, separated by spaces. Without it: all that the application may ask."),
        example="images:read",
    ),
    Field("state", mark("Comes back unchanged with the answer.")),
    Field("code_challenge", mark("BASE64URL(SHA256(code_verifier)), RFC 7636."), required=True),
    Field("code_challenge_method", mark("Always S256."), required=True, example="S256"),
    Field("resource", mark("The API the token is for (RFC 8707)."), kind="uri"),
    Field("prompt", mark("none, login or consent: whether people are asked (OpenID Connect Core §3.1.2.1).")),
    Field("max_age", mark("How many seconds ago the sign-in may have been."), kind="integer"),
    Field("login_hint", mark("The e-mail address to offer in the form.")),
    Field("ui_locales", mark("The languages of the pages, best first."), example="fr en"),
)
AUTHORIZE_REPLIES = (
    Reply(
        303,
        mark("To this server’s pages, or back to the application with code, state and iss, or with error."),
    ),
    Reply(
        400,
        mark("A page saying what is wrong; nothing is ever sent to an address that isn’t registered."),
        "text/html",
    ),
)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        "GET",
        "/oauth/authorize",
        "authorize",
        OAUTH,
        mark("Ask a person for access"),
        mark(
            "Send the person’s browser here (RFC 6749 §4.1, with PKCE). The code lives for "
            "60 seconds and works once."
        ),
        ANYONE,
        query=AUTHORIZE,
        replies=AUTHORIZE_REPLIES,
    ),
    Operation(
        "POST",
        "/oauth/authorize",
        "authorizeByForm",
        OAUTH,
        mark("Ask a person for access, parameters in a form"),
        mark("The same with the parameters in the body, for long requests."),
        ANYONE,
        form=AUTHORIZE,
        replies=AUTHORIZE_REPLIES,
    ),
    Operation(
        "POST",
        "/oauth/token",
        "token",
        OAUTH,
        mark("Get an access token"),
        mark(
            "For a code, a refresh token, the client itself, or (first-party clients only) a "
            "password (RFC 6749 §3.2)."
        ),
        CLIENT,
        form=(
            Field(
                "grant_type",
                mark("authorization_code, refresh_token, client_credentials or password."),
                required=True,
                example="client_credentials",
            ),
            Field("code", mark("authorization_code: the code that came back.")),
            Field("redirect_uri", mark("authorization_code: the same as at /oauth/authorize."), kind="uri"),
            Field("code_verifier", mark("authorization_code: the text the challenge was made of.")),
            Field("refresh_token", mark("refresh_token: the newest one; each use gives a new one.")),
            Field("username", mark("password: the e-mail address.")),
            Field("password", mark("password: the password.")),
            Field("scope", mark("Less than was granted, or what the client asks for itself.")),
            Field("resource", mark("The API the token is for (RFC 8707)."), kind="uri", repeatable=True),
            *CREDENTIALS,
        ),
        replies=(Reply(200, mark("The token."), JSON, "Token"), *REFUSALS),
    ),
    Operation(
        "POST",
        "/oauth/revoke",
        "revoke",
        OAUTH,
        mark("End a token"),
        mark(
            "Ends a refresh token with everything that came of it, or one access token (RFC "
            "7009). APIs that verify "
            "tokens offline notice when the access token expires."
        ),
        CLIENT,
        form=(
            Field("token", mark("The refresh or access token."), required=True),
            Field("token_type_hint", mark("access_token or refresh_token; only a hint.")),
            *CREDENTIALS,
        ),
        replies=(Reply(200, mark("It is over, or it never was one of this client’s.")), *REFUSALS),
    ),
    Operation(
        "POST",
        "/oauth/introspect",
        "introspect",
        OAUTH,
        mark("Ask whether a token is live"),
        mark("For the client the token was issued to, or one registered for the token’s API (RFC 7662)."),
        CONFIDENTIAL,
        form=(
            Field("token", mark("The refresh or access token."), required=True),
            Field("token_type_hint", mark("access_token or refresh_token; only a hint.")),
            *CREDENTIALS,
        ),
        replies=(
            Reply(
                200, mark("What the token says, or active: false and nothing else."), JSON, "Introspection"
            ),
            *REFUSALS,
        ),
    ),
    Operation(
        "GET",
        "/.well-known/oauth-authorization-server",
        "serverMetadata",
        DISCOVERY,
        mark("What this server offers"),
        mark(
            "Server metadata (RFC 8414). When the issuer has a path, it is also found where that RFC puts it."
        ),
        ANYONE,
        replies=(Reply(200, mark("The metadata."), JSON, "Metadata"),),
    ),
    Operation(
        "GET",
        "/.well-known/jwks.json",
        "keySet",
        DISCOVERY,
        mark("The public keys that tokens are signed with"),
        mark(
            "Keep them for five minutes at most, and fetch them again when a token names a "
            "key you don’t know (RFC 7517)."
        ),
        ANYONE,
        replies=(
            Reply(200, mark("The key set."), "application/jwk-set+json", "KeySet"),
            Reply(304, mark("Nothing changed since the ETag you sent.")),
        ),
    ),
    Operation(
        "GET",
        "/livez",
        "livez",
        OPERATION,
        mark("Whether the process answers"),
        mark("200 as long as it does."),
        ANYONE,
        replies=(Reply(200, mark("It does."), "text/plain"),),
    ),
    Operation(
        "GET",
        "/readyz",
        "readyz",
        OPERATION,
        mark("Whether this process can do its work"),
        mark(
            "Database, schema, signing keys and cache are checked; verbose names each, for "
            "listed addresses only."
        ),
        ANYONE,
        query=(Field("verbose", mark("Name each check.")),),
        replies=(Reply(200, mark("Ready."), "text/plain"), Reply(503, mark("Not ready."), "text/plain")),
    ),
    Operation(
        "GET",
        "/metrics",
        "metrics",
        OPERATION,
        mark("Numbers for Prometheus"),
        mark("Only for the addresses listed in AUTHSERVER_METRICS_ALLOW; 404 for all others."),
        ANYONE,
        replies=(Reply(200, mark("The text exposition format."), "text/plain"),),
    ),
    Operation(
        "GET",
        "/openapi.json",
        "openapiJson",
        OPERATION,
        mark("This reference for programs, as JSON"),
        mark("OpenAPI 3.1."),
        ANYONE,
        replies=(Reply(200, mark("The document."), JSON),),
    ),
    Operation(
        "GET",
        "/openapi.yaml",
        "openapiYaml",
        OPERATION,
        mark("This reference for programs, as YAML"),
        mark("OpenAPI 3.1."),
        ANYONE,
        replies=(Reply(200, mark("The document."), "application/yaml"),),
    ),
)

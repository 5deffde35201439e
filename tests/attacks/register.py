"""The catalogue of attacks in a few words a row, and where the rows are that no test here carries in its name.

A row's test is named `test_row_<n>_…` (`test_rows_<n>_and_<m>_…`, `test_row_<n>_to_<m>_…`), in whatever file. What has
none is either tested under another name (ELSEWHERE), or tries something that this product does not offer (NOT_OFFERED).
"""

from __future__ import annotations

from typing import NamedTuple

ROWS: dict[int, str] = {
    # Group A, the authorization endpoint and redirects
    1: "addresses that are almost the registered one",
    2: "mistakes told to an address that is not registered",
    3: "javascript: and other schemes as an address",
    4: "a native app's port, and what else changes with it",
    5: "an address that brings a code or state of its own",
    6: "a parameter sent twice",
    7: "other response types, also inside a running request",
    8: "other response modes",
    9: "markup, line ends and masses in state and hints",
    10: "iss in every answer, whatever Host says",
    11: "prompt, max_age: silent answers and fresh sign-ins",
    12: "redirects that repeat a form or believe Host",
    13: "request objects, and addresses to fetch them from",
    # Group B, codes and PKCE
    14: "a code used again, later",
    15: "a code used by a hundred at once",
    16: "a code of another client",
    17: "another redirect URI at the token endpoint",
    18: "an expired code that nobody has swept",
    19: "no challenge, plain, and malformed challenges",
    20: "wrong, malformed and unasked verifiers",
    21: "the challenge changed inside a running request",
    22: "secrets that are almost right, and their entropy",
    23: "person or client disabled between code and tokens",
    # Group C, the token endpoint and client authentication
    24: "other methods, other bodies, parameters in the query",
    25: "parameters sent twice",
    26: "two client credentials at once",
    27: "another authentication method than the registered one",
    28: "malformed Authorization headers",
    29: "assertions signed by the client (private_key_jwt)",
    30: "grants not offered, or not to this client",
    31: "scopes unregistered, malformed, in masses",
    32: "a machine's token where a person is meant",
    33: "guessing client secrets, and finding out clients",
    # Group D, refresh, revocation, introspection
    34: "a refresh token of generations ago",
    35: "a refresh token used by a hundred at once",
    36: "generations within one second",
    37: "a used token after every process was killed",
    38: "a retry, inside its window and outside",
    39: "a refresh token of another client",
    40: "a refresh after person, consent or client ended",
    41: "idle and absolute ends of a family",
    42: "revoking what is one's own, another's, unknown",
    43: "revoking against refreshing",
    44: "introspection by strangers and about anything",
    # Group E, issued tokens, key sets, rotation
    45: "what a token says, and what it must not",
    46: "private members in the key set",
    47: "rotation and emergency under load",
    48: "ID tokens and their algorithms",
    49: "claims injected by names and scopes",
    # Group F, how a resource server validates
    50: "alg: none, HMAC with the public key, others",
    51: "keys brought along in the header",
    52: "crit, b64, zip",
    53: "another shape or spelling of the same token",
    54: "times beyond the leeway and of other types",
    55: "other audiences and issuers",
    56: "another kind of JWT or secret as an access token",
    57: "every route with every subset of scopes",
    58: "tokens in addresses, bodies, cookies, twice",
    59: "a new person with an old person's name or address",
    60: "the memory of verified tokens",
    61: "unknown keys in masses, and a broken issuer",
    # Group G, DPoP, PAR, mTLS
    62: "DPoP proofs",
    63: "bound tokens as bearer tokens",
    64: "DPoP proofs replayed",
    65: "dpop_jkt and nonces",
    66: "pushed authorization requests",
    67: "client certificates in headers",
    # Group H, dynamic registration, and requests that the server makes
    68: "registration without the right token",
    69: "privileged members at registration",
    70: "malformed metadata at registration",
    71: "addresses in metadata that lead inside",
    72: "redirects and rebinding of what is fetched",
    73: "a host that sends floods when we fetch",
    74: "client secrets read back",
    75: "a client that looks like another",
    # Group I, consent, forged forms, frames, redirects, markup
    76: "forms sent by other sites",
    77: "what is allowed is not what was shown",
    78: "consent that should be asked again",
    79: "pages in frames, and openers",
    80: "next= and its like leading elsewhere",
    81: "the end_session endpoint",
    82: "markup in everything that is shown",
    83: "content security policy, uploads opened as pages",
    # Group J, sign-in, factors, reset, registration, finding out
    84: "who has an account, by what answers say",
    85: "who has an account, by how long answers take",
    86: "guessing one account by all doors and spellings",
    87: "guessing many accounts from one address",
    88: "guessing in order to lock somebody out",
    89: "short, long, weak and look-alike passwords",
    90: "what is open between two factors",
    91: "one-time codes",
    92: "recovery codes",
    93: "passkeys",
    94: "password reset by mail",
    95: "registering addresses that look like another's",
    96: "writing one's own privileges into the account",
    # Group K, sessions and cookies
    97: "attributes of every cookie",
    98: "a session planted before sign-in",
    99: "a session after sign-out, new password, disabling",
    100: "two people in one browser",
    101: "malformed and doubled cookies",
    102: "idle and absolute end of a session",
    # Group L, API keys
    103: "API keys made for others",
    104: "API keys that reach further than their owner",
    105: "the life of an API key",
    106: "API keys that are almost right",
    # Group M, objects, functions, properties
    107: "every route × caller × object",
    108: "other spellings of an id, and lists of ids",
    109: "a parent of one owner with a child of another",
    110: "lists, cursors and conditions that tell too much",
    111: "members that may not be written",
    112: "other spellings of a path, other methods",
    113: "what was shared until a moment ago",
    # Group N, credits
    114: "the last credit spent by many at once",
    115: "idempotency keys",
    116: "amounts that are no amounts",
    117: "everything with credits at once",
    # Group O, limits and exhaustion
    118: "one caller under many addresses",
    119: "bodies without end",
    120: "headers and addresses without end",
    121: "slow and silent connections",
    122: "JSON and form bombs",
    123: "compressed bodies",
    124: "floods of password hashes",
    125: "rows and memory that strangers make grow",
    126: "ranges, limits and searches without end",
    127: "pictures that are bombs, scripts or places",
    # Group P, webhooks
    128: "webhook addresses that lead inside",
    129: "webhook signatures",
    130: "webhook receivers that fail",
    131: "webhooks about others' objects",
    132: "webhooks in masses and in circles",
    # Group Q, the admin plane
    133: "what is public is known",
    134: "secrets shown to administrators",
    135: "administrators' forms",
    136: "administrators of another tenant",
    # Group R, logs and leaks
    137: "secrets in logs, errors and the database",
    138: "line ends and escapes in what is logged",
    139: "every security event leaves one record",
    140: "errors that tell about the inside",
    # Group S, HTTP
    141: "headers of every answer",
    142: "private answers in caches",
    143: "other origins",
    144: "other methods",
    145: "Host and forwarded headers",
    146: "requests with two readings",
    147: "TLS",
    148: "injected SQL, templates, paths",
    # Group T, at the same time
    149: "the same thing created by a hundred at once",
    150: "a change against the requests it concerns",
    151: "answers mixed up between people",
    # Group U, faults
    152: "processes killed at random",
    153: "the database stopped, slow, full",
    154: "clocks that jump",
    155: "full disks",
    156: "Valkey gone",
    157: "stopping and upgrading under load",
    158: "an old backup put back",
    159: "mail and other helpers gone",
}

AUTHORIZE = "tests/authserver/protocol/test_authorize.py::"
DISCOVERY = "tests/authserver/protocol/test_discovery.py::"
FLOW = "tests/authserver/protocol/test_code_flow.py::"

ELSEWHERE: dict[int, tuple[str, ...]] = {
    8: (AUTHORIZE + "test_a_mistake_goes_back_to_a_registered_address",),
    10: (
        AUTHORIZE + "test_a_mistake_goes_back_to_a_registered_address",
        AUTHORIZE + "test_what_comes_back_does_not_depend_on_the_host_header",
        DISCOVERY + "test_the_metadata_says_what_there_is",
    ),
    13: (AUTHORIZE + "test_a_mistake_goes_back_to_a_registered_address",),
    17: (
        FLOW + "test_no_wrong_request_burns_the_code",
        FLOW + "test_the_redirect_uri_may_be_left_out_with_pkce",
        FLOW + "test_without_pkce_the_redirect_uri_has_to_be_repeated",
    ),
    19: (AUTHORIZE + "test_a_mistake_goes_back_to_a_registered_address",),
    74: ("tests/authserver/protocol/test_clients.py::test_a_client_gets_an_id_and_a_secret_shown_once",),
    75: (
        "tests/authserver/protocol/test_clients.py::test_what_makes_no_sense_is_refused_with_the_reason",
        "tests/authserver/sign_in/test_consent.py::test_an_app_cannot_dress_up_its_name",
        "tests/authserver/sign_in/test_consent.py::test_the_page_names_the_app_its_hosts_and_every_scope",
    ),
    120: ("tests/wire/test_bad_requests.py::test_a_bad_request_is_refused_and_reaches_nobody",),
}


class NotOffered(NamedTuple):
    """Why a row has nothing to attack here, and the words that then stand in no path, table or discovery document."""

    reason: str
    absent: tuple[str, ...] = ()


_ASSERTIONS = NotOffered(
    "Clients prove themselves by a secret; no assertion is read (row 27).", ("jwt", "assertion")
)
_REGISTRATION = NotOffered(
    "Administrators register clients, by command; there is no endpoint for it.",
    ("/oauth/register", "registration_"),
)
_FETCHING = NotOffered(
    "The server fetches nothing that somebody names.", ("jwks_uris", "logo_uri", "request_uris")
)
_API_KEYS = NotOffered(
    "There are no API keys: programs get tokens as clients.", ("api_key", "api-key", "apikey")
)
_WEBHOOKS = NotOffered("There are no webhooks.", ("hook",))
_ADMINISTRATION = NotOffered("Administrators use commands; there are no pages for them.", ("/admin",))
_FACTORS = NotOffered(
    "A password is the only factor.", ("totp", "mfa", "otp", "webauthn", "passkey", "recovery")
)
_MAIL = NotOffered(
    "No mail is sent yet, so nothing is reset or proven by it.", ("password_reset", "forgot", "verif")
)

NOT_OFFERED: dict[int, NotOffered] = {
    29: _ASSERTIONS,
    68: _REGISTRATION,
    69: _REGISTRATION,
    70: _REGISTRATION,
    71: _FETCHING,
    72: _FETCHING,
    73: _FETCHING,
    81: NotOffered(
        "Apps can't sign people out here: ID tokens are not issued.", ("end_session", "logout_uri")
    ),
    90: _FACTORS,
    91: _FACTORS,
    92: _FACTORS,
    93: _FACTORS,
    94: _MAIL,
    96: NotOffered(
        "The account has no page that changes it, and the API of it none either.", ("/account", "userinfo")
    ),
    103: _API_KEYS,
    104: _API_KEYS,
    105: _API_KEYS,
    106: _API_KEYS,
    128: _WEBHOOKS,
    129: _WEBHOOKS,
    130: _WEBHOOKS,
    131: _WEBHOOKS,
    132: _WEBHOOKS,
    134: _ADMINISTRATION,
    135: _ADMINISTRATION,
    136: _ADMINISTRATION,
    147: NotOffered("The services speak plain HTTP to a proxy, which has the certificates."),
    159: _MAIL,
}

"""What is said to the authorization server: good requests, and odd values to spoil them with."""

from __future__ import annotations

import base64

from . import grammar
from .grammar import request

SPA = "https://spa.test"

GOOD = (
    request(
        "POST",
        "/oauth/token",
        auth="basic",
        grant_type="=authorization_code",
        code="basic.code",
        redirect_uri="cb",
        code_verifier="verifier",
        resource="resource",
    ),
    request(
        "POST",
        "/oauth/token",
        client_id="public.id",
        grant_type="=authorization_code",
        code="public.code",
        redirect_uri="cb",
        code_verifier="verifier",
    ),
    request(
        "POST",
        "/oauth/token",
        auth="basic",
        grant_type="=refresh_token",
        refresh_token="basic.refresh",
        scope="scope",
    ),
    request(
        "POST",
        "/oauth/token",
        client_id="public.id",
        grant_type="=refresh_token",
        refresh_token="public.refresh",
    ),
    request(
        "POST",
        "/oauth/token",
        auth="machine",
        grant_type="=client_credentials",
        scope="scope",
        resource="resource",
    ),
    request(
        "POST",
        "/oauth/token",
        client_id="post.id",
        client_secret="post.secret",
        grant_type="=password",
        username="email",
        password="password",
        scope="scope",
    ),
    request("POST", "/oauth/revoke", auth="basic", token="basic.refresh", token_type_hint="=refresh_token"),
    request("POST", "/oauth/revoke", client_id="public.id", token="public.refresh"),
    request("POST", "/oauth/introspect", auth="machine", token="access", token_type_hint="=access_token"),
    request(
        "POST", "/oauth/introspect", client_id="post.id", client_secret="post.secret", token="basic.refresh"
    ),
    *(
        request(
            method,
            "/oauth/authorize",
            place,
            person=person,
            response_type="=code",
            client_id=app,
            redirect_uri=uri,
            scope="scope",
            state="=xyz",
            code_challenge="challenge",
            code_challenge_method="=S256",
            resource="resource",
            prompt=prompt,
            max_age="=3600",
            login_hint="email",
            ui_locales="=fr en",
        )
        for method, place, person, app, uri, prompt in (
            ("GET", "query", "ana", "basic.id", "cb", "="),
            ("GET", "query", "ana", "public.id", "loopback", "=consent"),
            ("GET", "query", "", "public.id", "private", "=login"),
            ("POST", "body", "ana", "basic.id", "cb", "=none"),
        )
    ),
    request("GET", "/login", "query", request="request", lang="=fr"),
    request("POST", "/login", email="email", password="password", request="request"),
    request(
        "POST", "/register", email="=new@example.test", name="=New", password="=nine lives of a purple cat"
    ),
    request("GET", "/register", "query", request="request"),
    request("GET", "/consent", "query", person="ana", request="request"),
    request(
        "POST",
        "/consent",
        person="ana",
        request="request",
        decision="=allow",
        scope="=images:read",
        scope_="=images:write",
    ),
    request("POST", "/consent", person="ana", request="request", decision="=deny"),
    request("GET", "/logout", "query", person="ana"),
    request("POST", "/logout", request="request"),
    request("GET", "/", "query", person="ana", lang="=en"),
    request("GET", "/.well-known/oauth-authorization-server", "query"),
    request("GET", "/.well-known/jwks.json", "query"),
    request("OPTIONS", "/oauth/token", "query"),
    request("GET", "/docs/errors/invalid_grant", "query"),
    request("GET", "/static/pages.css", "query"),
    request("GET", "/openapi.json", "query"),
    request("GET", "/readyz", "query", verbose="="),
)

MADE = ("basic.code", "public.code", "basic.refresh", "public.refresh", "access", "request")
FIXED = ("cb", "loopback", "private", "scope", "resource", "challenge", "verifier", "email", "password")
APPS = ("basic", "post", "public", "machine")
# fmt: off
_LITERALS = (
    "", "0", "-1", "1e9", "99999999999999999999", "true", "null", "none", "plain", "code token", "query", "fragment",
    "form_post", "allow", "deny", "openid offline_access", "other:read", "images:read other:read", "*", "S256", "login",
    "none login", "authorization_code", "refresh_token", "client_credentials", "password", "https://evil.test/",
    "urn:ietf:params:oauth:grant-type:device_code", "//evil.test", "javascript:alert(1)", "http://localhost:8000/",
    "urn:ietf:params:oauth:request_uri:x", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbmEifQ.", "zz", "fr", "a@b", "x" * 200,
    "\N{GRINNING FACE}",
)
_FIELDS = (
    "grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret", "refresh_token", "scope",
    "resource", "audience", "username", "password", "token", "token_type_hint", "response_type", "response_mode",
    "state", "nonce", "code_challenge", "code_challenge_method", "prompt", "max_age", "login_hint", "id_token_hint",
    "ui_locales", "request", "request_uri", "registration", "claims", "display", "acr_values", "email", "name",
    "website", "decision", "person", "shown", "form_token", "lang", "client_assertion", "client_assertion_type",
    "assertion", "device_code", "dpop_jkt", "iss", "", "__proto__", "scope[]", "constructor",
)


def _basic(text: bytes) -> bytes:
    return b"Basic " + base64.b64encode(text)


_ODD: dict[str, tuple[bytes, ...]] = {
    "content-type": (
        b"", b"application/json", b"multipart/form-data; boundary=x", b"text/plain", b"\xff\xfe/\xff", b";",
        b"/" * 2000,
        b"application/x-www-form-urlencoded; charset=utf-16", b'application/x-www-form-urlencoded; charset="utf-8',
        b"APPLICATION/X-WWW-FORM-URLENCODED ; Charset=UTF-8", b"application/x-www-form-urlencoded, application/json",
    ),
    "authorization": (
        b"", b"Basic", b"Basic ", b"Basic !!!", b"Basic =", _basic(b"\xff\xfe:\xff"), _basic(b"no colon"), _basic(b":"),
        _basic(b"a:b:c"), _basic(b"%00:%00"), _basic(b"%ED%A0%80:%zz"), b"Basic " + b"A" * 9000, b"basic\tYTpi",
        b"Basic YTpi, Basic YTpi", b"Bearer x.y.z", b"Bearer " + b"x" * 5000, b'Digest username="ana"', b"DPoP x",
        b"\xff\xff", b"Negotiate YII=",
    ),
    "accept": (
        b"", b"application/json", b"text/html", b"*/*;q=0", b"text/html;q=0,application/json", b"\xff", b"a" * 3000,
    ),
    "cookie": (
        b"", b"=", b"authserver_local=x", b"authserver_local=se_x; authserver_local=se_x", b"lang=fr.zzzzzzzzzzzz",
        b"authserver_local_browser=br_x; lang=\xff", b"authserver_local_known=" + b"x" * 600, b"a=b;" * 800,
        b"__Host-authserver=x", b"\xff=\xff", b'lang="\\303\\251"',
    ),
    "sec-fetch-site": (b"", b"cross-site", b"same-site", b"none", b"\xff", b"same-origin, none"),
    "origin": (b"", b"null", SPA.encode(), b"https://evil.test", b"http://localhost:8000", b"\xff", b"x" * 400),
    "accept-language": (
        b"fr", b"*", b";q=", b"fr;q=9999999999999999999999", b"\xff", b"a-" * 500, b"fr;q=nan, en;q=inf",
    ),
    "x-request-id": (b"", b"x" * 65, b"\xff", b"<script>", b"..", b"good-id-1"),
    "content-length": (b"", b"-1", b"1e3", b"999999999999", b"\xff", b"+5", b" 5 "),
    "content-encoding": (b"gzip", b"", b"\xff"),
    "transfer-encoding": (b"chunked",),
    "x-forwarded-for": (b"127.0.0.1, \xff",),
    "x-forwarded-proto": (b"https",),
    "x-forwarded-host": (b"evil.test",),
    "forwarded": (b"for=127.0.0.1;host=evil.test",),
    "host": (b"evil.test",),
    "if-none-match": (b"*", b'\xff",'),
    "range": (b"bytes=0-0",),
    "user-agent": (b"\xff" * 700, b""),
    "expect": (b"100-continue",),
    "x-http-method-override": (b"DELETE",),
    "referer": (b"\xff",),
}
# fmt: on

WORDS = grammar.Words(
    values=(
        *(
            f"{app}.{part}"
            for app in APPS
            for part in ("id", "secret")
            if (app, part) != ("public", "secret")
        ),
        *FIXED,
        *MADE,
        *(f"={text}" for text in _LITERALS),
    ),
    fields=_FIELDS,
    headers=tuple((name, value) for name, values in _ODD.items() for value in values),
    paths=sorted({each.path for each in GOOD}),
)

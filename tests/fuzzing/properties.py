"""What every answer is, whatever was asked. Each returns when all is well, and asserts with what it saw."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from urllib.parse import unquote_plus, urlsplit

from tests.support.authserver import ISSUER

from . import oauth_stage, stage

# What a program says to its programmer, and nobody else.
_INSIDES = re.compile(
    rb"Traceback \(most recent|sqlalchemy|asyncpg|aiosqlite|sqlite3|psycopg|greenlet|pydantic|\.py\", line|"
    rb"SELECT .{1,200} FROM|INSERT INTO|UPDATE .{1,80} SET|at 0x[0-9a-f]{8}|site-packages|\$argon2id"
)
_OAUTH_MEMBERS = {"error", "error_description", "error_uri"}
_ERROR_TEXT = re.compile(r"[\x20\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 §5.2
_HEADER_TEXT = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# Places whose text may come back: to the app, into the form it came from, or in the sentence that says what is wrong.
_ECHOED = {
    "state",
    "email",
    "name",
    "login_hint",
    "client_id",
    "redirect_uri",
    "request",
    "scope",
    "resource",
}
_HTTP_ERRORS = {400, 404, 405, 413, 414, 415, 431, 503}


def served(answer: stage.Answer) -> None:
    """An answer that means what it says: no failure of ours, nothing of our insides, no header out of place."""
    assert 200 <= answer.status < 500 or (answer.status == 503 and answer.header("retry-after").isdigit()), (
        answer
    )
    found = _INSIDES.search(answer.everything)
    assert found is None, found
    for name, value in answer.headers:
        assert _HEADER_TEXT.fullmatch(value), (name, value)
    assert "x=y" not in [value for name, value in answer.headers if name == "set-cookie"], answer.headers
    assert answer.header("x-content-type-options") == "nosniff"
    assert answer.header("x-request-id")
    if answer.status == 429:
        assert int(answer.header("retry-after")) >= 1, answer.headers


def keeps_secrets(sent: stage.Sent, answer: stage.Answer, secrets: Collection[str]) -> None:
    """No secret of the world comes out, unless the caller wrote it where the answer repeats what was written."""
    query, body = (text.decode("latin-1") for text in (sent.target.partition(b"?")[2], sent.body))
    repeated = [
        unquote_plus(part.partition("=")[2])
        for part in (*query.split("&"), *body.split("&"))
        if part.partition("=")[0] in _ECHOED
    ]
    if answer.media_type == "text/html":
        repeated.append(unquote_plus(query))  # the links to other languages lead to the page's own address
    everything = answer.everything.decode("latin-1")
    for secret in secrets:
        assert secret not in everything or any(secret in value for value in repeated), (secret, answer)


def oauth_shape(sent: stage.Sent, answer: stage.Answer) -> None:
    """The form of an answer of the authorization server, by the kind of its place."""
    path = sent.path
    if path in oauth_stage.JSON_ENDPOINTS and sent.method == "POST":
        _endpoint(answer)
    elif answer.status >= 400:
        assert answer.media_type in ("text/html", "application/problem+json"), answer
        if answer.media_type == "application/problem+json":
            problem(answer, ISSUER)
    if answer.media_type == "text/html":
        policy = answer.header("content-security-policy")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert b"<img src=x" not in answer.body
    _goes_only_where_it_may(answer)


def _endpoint(answer: stage.Answer) -> None:
    assert "no-store" in answer.header("cache-control"), answer
    if answer.media_type in ("application/problem+json", "text/html"):  # HTTP itself went wrong, not OAuth
        assert answer.status in _HTTP_ERRORS, answer
        return
    if answer.status == 200 and not answer.body:
        return  # revoked, or a HEAD
    assert answer.media_type == "application/json", answer
    members = json.loads(answer.body)
    if answer.status == 200:
        assert "error" not in members
        return
    assert {"error", "error_uri"} <= set(members) <= _OAUTH_MEMBERS, answer
    assert members["error_uri"] == f"{ISSUER}/docs/errors/{members['error']}"
    assert _ERROR_TEXT.fullmatch(members["error"])
    assert _ERROR_TEXT.fullmatch(members.get("error_description", "none"))
    assert answer.status in (400, 401, 413, 429, 503), answer
    if answer.status == 401:
        assert answer.header("www-authenticate"), answer.headers


def problem(answer: stage.Answer, base: str) -> None:
    """RFC 9457, with a page of ours as its type."""
    if not answer.body:
        return  # the answer to a HEAD
    members = json.loads(answer.body)
    assert members["status"] == answer.status
    assert re.fullmatch(re.escape(base) + r"/docs/errors/[a-z_]+", members["type"]), members
    assert {"title", "detail"} <= set(members)
    assert "no-store" in answer.header("cache-control")
    if answer.status != 404:
        assert members["request_id"] == answer.header("x-request-id")


def _goes_only_where_it_may(answer: stage.Answer) -> None:
    if 300 <= answer.status < 400 and answer.status != 304:
        assert answer.status == 303, answer
    location = answer.header("location")
    if not location or re.match(r"/[A-Za-z]*(\?request=ar_[A-Za-z0-9]+)?\Z", location):
        return
    place = urlsplit(location)
    bare = f"{place.scheme}://{place.netloc}{place.path}" if place.netloc else f"{place.scheme}:{place.path}"
    if place.hostname == "127.0.0.1":
        bare = f"http://127.0.0.1{place.path}"
        assert place.username is None
    assert bare in oauth_stage.REDIRECTS, location

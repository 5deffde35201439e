"""How every answer behaves, whatever is asked: headers, ids, methods, sizes, hosts."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from starlette.types import Message

HTML = {"Accept": "text/html"}
PLACES = [
    "/",
    "/login",
    "/register",
    "/logout",
    "/docs",
    "/docs/errors",
    "/nothing",
    "/livez",
    "/openapi.json",
    "/consent",
]


@pytest.mark.parametrize("path", PLACES)
async def test_every_answer_carries_the_security_headers(authserver: Any, path: str) -> None:
    answer = await authserver.client.get(path, headers=HTML)
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "permissions-policy" in answer.headers
    assert "server" not in answer.headers
    assert "strict-transport-security" not in answer.headers  # plain http
    assert "charset=utf-8" in answer.headers["content-type"] or "json" in answer.headers["content-type"]


@pytest.mark.parametrize("path", ["/", "/login", "/register", "/logout", "/nothing", "/docs"])
async def test_pages_are_never_kept(authserver: Any, path: str) -> None:
    assert (await authserver.client.get(path, headers=HTML)).headers["cache-control"] == "no-store"


async def test_static_files_are_kept_for_ever_under_their_digest(authserver: Any) -> None:
    page = await authserver.client.get("/", headers=HTML)
    path = page.text.split('rel="stylesheet" href="')[1].split('"')[0]
    sheet = await authserver.client.get(path)
    assert sheet.status_code == 200
    assert "immutable" in sheet.headers["cache-control"]
    assert sheet.headers["content-type"] == "text/css; charset=utf-8"
    for wrong in ("/static/site.css", "/static/..%2fapp.py", path + "x", path.replace(".css", ".js")):
        assert (await authserver.client.get(wrong)).status_code == 404


@pytest.mark.parametrize(
    ("sent", "kept"), [("abc-123._X", True), ("x" * 64, True), ("x" * 65, False), ("a b", False), ("", False)]
)
async def test_a_sane_request_id_comes_back_and_another_is_replaced(
    authserver: Any, sent: str, kept: bool
) -> None:
    answer = await authserver.client.get("/livez", headers={"X-Request-Id": sent})
    assert (answer.headers["x-request-id"] == sent) == kept
    assert answer.headers["x-request-id"]


async def test_a_problem_names_its_page_and_the_request(authserver: Any) -> None:
    answer = await authserver.client.post("/docs", headers={"X-Request-Id": "r-1"})
    assert answer.status_code == 405
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"{authserver.settings.issuer}/docs/errors/method_not_allowed"
    assert answer.json()["request_id"] == "r-1"
    assert (await authserver.client.get(answer.json()["type"])).status_code == 200


async def test_unknown_addresses_are_alike_byte_for_byte(authserver: Any) -> None:
    answers = [
        await authserver.client.get(path) for path in ("/nothing", "/static/nothing", "/docs/errors/nothing")
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize(
    ("path", "allowed"), [("/login", "GET, HEAD, POST"), ("/docs", "GET, HEAD"), ("/livez", "GET, HEAD")]
)
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "FOO"])
async def test_other_methods_are_told_which_ones_work(
    authserver: Any, method: str, path: str, allowed: str
) -> None:
    answer = await authserver.client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize("path", ["/", "/login", "/docs", "/livez", "/openapi.json", "/nothing"])
async def test_head_is_get_without_a_body(authserver: Any, path: str) -> None:
    head, get = await authserver.client.head(path), await authserver.client.get(path)
    assert head.content == b""
    assert head.status_code == get.status_code
    assert head.headers["content-type"] == get.headers["content-type"]


async def test_a_body_over_64_kib_is_refused_declared_or_not(authserver: Any) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = b"email=" + b"a" * (64 * 1024)

    async def pieces() -> Any:
        for start in range(0, len(body), 4096):
            yield body[start : start + 4096]

    for content in (body, pieces()):
        answer = await authserver.client.post("/login", content=content, headers=form)
        assert answer.status_code == 413
        assert answer.json()["type"].endswith("/content_too_large")


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("text/plain", b"email=a&password=b", 415),
        ("multipart/form-data; boundary=x", b"--x--", 415),
        ("application/json", b"{}", 415),
        ("application/x-www-form-urlencoded; charset=utf-16", b"email=a", 415),
        ("application/x-www-form-urlencoded", b"email=%ff", 400),
        ("application/x-www-form-urlencoded", b"email=%00", 400),
        ("application/x-www-form-urlencoded", b"email=a&email=b", 400),
    ],
)
@pytest.mark.parametrize("path", ["/login", "/register", "/consent", "/logout"])
async def test_a_form_that_is_no_form_is_refused(
    authserver: Any, path: str, content_type: str, body: bytes, status: int
) -> None:
    headers = {"Content-Type": content_type, "Sec-Fetch-Site": "same-origin"}
    answer = await authserver.client.post(path, content=body, headers=headers)
    assert answer.status_code == status


@pytest.mark.parametrize(
    "name", ["Host", "X-Forwarded-Host", "Forwarded", "X-Original-URL", "X-Forwarded-Prefix"]
)
async def test_no_address_is_ever_made_of_a_header(authserver: Any, name: str) -> None:
    for path in (
        "/",
        "/login",
        "/docs",
        "/openapi.json",
        "/.well-known/oauth-authorization-server",
        "/docs/",
    ):
        answer = await authserver.client.get(path, headers={name: "evil.test", "Accept": "text/html"})
        assert "evil.test" not in answer.text
        assert "evil.test" not in str(answer.headers)


@pytest.mark.parametrize("path", ["//evil.test", "/%2f%2fevil.test", "/login/", "//login", "/\\evil.test"])
async def test_slashes_are_never_mended_by_a_redirect(authserver: Any, path: str) -> None:
    answer = await authserver.client.get(f"http://localhost:8000{path}")
    assert answer.status_code == 404
    assert "location" not in answer.headers


async def test_what_was_asked_for_is_never_repeated_as_markup(authserver: Any) -> None:
    attack = "<script>alert(1)</script>"
    for path in (
        f"/{attack}",
        f"/docs/errors/{attack}",
        f"/login?request={attack}",
        f"/?x={attack}&lang={attack}",
    ):
        answer = await authserver.client.get(path, headers={**HTML, "User-Agent": attack})
        assert "<script" not in answer.text


async def test_an_unexpected_failure_tells_only_its_number(
    authserver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("authserver.web.docs.openapi.document", fail)
    answer = await authserver.client.get("/openapi.json", headers={"X-Request-Id": "r-500"})
    assert answer.status_code == 500
    assert answer.json()["request_id"] == "r-500"
    assert "secret detail" not in answer.text
    assert (await authserver.client.get("/livez")).status_code == 200


@pytest.mark.parametrize("path", ["/oauth/token", "/login"])
async def test_a_client_that_goes_away_in_the_middle_of_its_form_is_no_failure_of_ours(
    authserver: Any, path: str
) -> None:
    arriving: Iterator[Message] = iter(
        [{"type": "http.request", "body": b"grant_type=cl", "more_body": True}, {"type": "http.disconnect"}]
    )
    sent: list[Message] = []

    async def receive() -> Message:
        return next(arriving)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/x-www-form-urlencoded")],
        "client": ("127.0.0.1", 1),
    }
    with structlog.testing.capture_logs() as lines:
        await authserver.app(scope, receive, send)
    assert sent[0]["status"] == 400
    assert [line["event"] for line in lines] == ["request"]


@pytest.mark.parametrize(
    "origin", ["https://evil.test", "null", "http://localhost:8001", "http://localhost:8000"]
)
async def test_no_page_may_be_read_from_another_origin(authserver: Any, origin: str) -> None:
    for path in ("/", "/login", "/consent", "/docs", "/nothing"):
        for method in ("GET", "OPTIONS"):
            headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            answer = await authserver.client.request(method, path, headers=headers)
            assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_a_page_with_its_sheet_is_light(authserver: Any) -> None:
    page = await authserver.client.get("/register")
    sheet = await authserver.client.get(page.text.split('rel="stylesheet" href="')[1].split('"')[0])
    assert len(gzip.compress(page.content)) + len(gzip.compress(sheet.content)) < 10_000

"""What holds for every answer: ids, headers, CORS, HEAD, methods, addresses."""

import asyncio
from typing import Any

from resource_api import app as application
from resource_api import settings

from .callers import ANA, code, headers, upload

PATHS = ("/livez", "/docs", "/openapi.json", "/images", "/nowhere", "/docs/errors/not_found")


async def test_every_answer_carries_its_headers(gallery: Any) -> None:
    for path in PATHS:
        response = await gallery.client.get(path, headers={"Origin": "https://app.test"})
        assert response.headers["x-content-type-options"] == "nosniff", path
        assert response.headers["referrer-policy"] == "no-referrer", path
        assert response.headers["cross-origin-resource-policy"] == "same-origin", path
        assert "frame-ancestors 'none'" in response.headers["content-security-policy"], path
        assert "unsafe" not in response.headers["content-security-policy"], path
        assert "cache-control" in response.headers, path
        assert "server" not in response.headers, path
        assert "strict-transport-security" not in response.headers, path
        assert len(response.headers["x-request-id"]) == 36, path


async def test_a_request_id_is_taken_over_when_it_is_harmless(gallery: Any) -> None:
    taken = await gallery.client.get("/images", headers={"X-Request-Id": "trace-0123456789"})
    assert taken.headers["x-request-id"] == taken.json()["request_id"] == "trace-0123456789"
    for junk in ("x", "a" * 65, "a b c d e f g", "<script>alert(1)</script>"):
        replaced = await gallery.client.get("/images", headers={"X-Request-Id": junk})
        assert replaced.headers["x-request-id"] != junk


async def test_any_origin_may_read_and_never_with_credentials(gallery: Any) -> None:
    for origin in ("https://app.test", "null", "http://localhost:3000"):
        response = await gallery.client.get("/images", headers={"Origin": origin})
        assert response.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in response.headers
        exposed = response.headers["access-control-expose-headers"].split(", ")
        assert {"WWW-Authenticate", "ETag", "Location", "Retry-After", "X-Request-Id"} <= set(exposed)
    without = await gallery.client.get("/images")
    assert "access-control-allow-origin" not in without.headers


async def test_a_preflight_passes_on_every_route(gallery: Any) -> None:
    for path in ("/images", "/images/x", "/uploads", "/me", "/galleries/x/images"):
        response = await gallery.client.options(
            path,
            headers={
                "Origin": "https://app.test",
                "Access-Control-Request-Method": "PATCH",
                "Access-Control-Request-Headers": "authorization, idempotency-key, if-none-match",
            },
        )
        assert response.status_code == 204
        assert response.headers["access-control-allow-origin"] == "*"
        assert "PATCH" in response.headers["access-control-allow-methods"]
        allowed = response.headers["access-control-allow-headers"].lower()
        for name in ("authorization", "content-type", "idempotency-key", "if-match", "if-none-match"):
            assert name in allowed


async def test_the_counters_are_not_for_other_origins(gallery: Any) -> None:
    response = await gallery.client.get("/metrics", headers={"Origin": "https://app.test"})
    assert "access-control-allow-origin" not in response.headers


async def test_head_is_get_without_the_body(gallery: Any) -> None:
    image = await upload(gallery, ANA)
    for path in ("/docs", "/images", f"/images/{image['id']}/content", "/nowhere", "/livez"):
        got = await gallery.client.get(path, headers=headers(gallery, ANA))
        head = await gallery.client.head(path, headers=headers(gallery, ANA))
        assert head.status_code == got.status_code, path
        assert head.content == b"", path
        for name in ("content-length", "content-type", "etag", "cache-control"):
            assert head.headers.get(name) == got.headers.get(name), (path, name)


async def test_an_unknown_method_is_405_and_told_the_others(gallery: Any) -> None:
    for path, allow in [
        ("/images", "GET, HEAD, POST"),
        ("/images/x", "DELETE, GET, HEAD, PATCH"),
        ("/uploads", "POST"),
        ("/me", "GET, HEAD, PATCH"),
        ("/livez", "GET, HEAD"),
    ]:
        for method in ("TRACE", "PROPFIND", "FOO", "PUT", "OPTIONS", "get"):
            response = await gallery.client.request(method, path, headers={"X-Canary": "canary"})
            if method == "get" and response.status_code in (200, 401):
                continue  # this client writes methods in capitals by itself
            assert response.status_code == 405, method
            assert code(response) == "method_not_allowed", (path, allow)
            assert response.headers["allow"] == allow, method
            assert "canary" not in response.text, (path, allow)


async def test_a_method_is_what_it_says_whatever_headers_claim(gallery: Any) -> None:
    image = await upload(gallery, ANA)
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        response = await gallery.client.get(
            f"/images/{image['id']}",
            headers=headers(gallery, ANA, **{name: "DELETE"}),
            params={"_method": "DELETE"},
        )
        assert response.status_code == 200
    assert (
        await gallery.client.get(f"/images/{image['id']}", headers=headers(gallery, ANA))
    ).status_code == 200


async def test_an_address_is_matched_exactly_and_never_redirected(gallery: Any) -> None:
    for path in (
        "/images/",
        "//images",
        "/Images",
        "/images;x",
        "/images%00",
        "/x/..%2fimages",
        "/%69mages%2f",
    ):
        response = await gallery.client.get(path, headers=headers(gallery, ANA), follow_redirects=False)
        assert response.status_code == 404, path
        assert "location" not in response.headers


async def test_the_host_and_what_proxies_say_change_nothing(gallery: Any) -> None:
    for name in (
        "Host",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Prefix",
        "Forwarded",
        "X-Original-URL",
    ):
        response = await gallery.client.get("/images", headers={name: "evil.test"})
        assert response.status_code == 401
        assert "evil.test" not in response.text + str(response.headers)


async def test_a_content_length_that_is_no_number_is_400(gallery: Any) -> None:
    sent = [(b"authorization", headers(gallery, ANA)["Authorization"].encode()), (b"content-length", b"+5")]
    assert (await raw(gallery.app, sent))["status"] == 400


async def test_a_false_content_length_is_413_before_anything_is_read(gallery: Any) -> None:
    sent = [
        (b"authorization", headers(gallery, ANA)["Authorization"].encode()),
        (b"content-length", b"50000000"),
    ]
    answer = await raw(gallery.app, sent)
    assert answer["status"] == 413
    assert answer["read"] == 0


async def test_an_unforeseen_failure_is_500_with_an_id_and_without_details(
    gallery: Any, monkeypatch: Any
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("S3CRET")

    monkeypatch.setattr("resource_api.images._list", broken)
    response = await gallery.client.get("/images", headers=headers(gallery, ANA, Origin="https://app.test"))
    assert response.status_code == 500
    assert code(response) == "internal_error"
    assert response.json()["request_id"] == response.headers["x-request-id"]
    assert "S3CRET" not in response.text
    assert response.headers["access-control-allow-origin"] == "*"


async def test_under_https_browsers_are_told_to_stay_there() -> None:
    app = application.create_app(settings.load(issuer="https://a.test", resource="https://api.test"))
    answer = await raw(app, [], method="GET", path="/livez")
    assert answer["headers"][b"strict-transport-security"] == b"max-age=31536000; includeSubDomains"


async def test_only_a_trusted_proxy_is_believed() -> None:
    app = application.create_app(settings.load(trusted_proxies=("10.0.0.0/8",), metrics_allow=("192.0.2.7",)))
    chain = [(b"x-forwarded-for", b"192.0.2.7")]
    junk = [(b"x-forwarded-for", b"192.0.2.7, a")]
    spoofed = [(b"x-forwarded-for", b"192.0.2.7, 198.51.100.1")]
    through = [(b"x-forwarded-for", b"192.0.2.7, 10.1.1.1")]
    expected = [
        ("10.0.0.1", chain, 200),
        ("10.0.0.1", through, 200),
        ("10.0.0.1", spoofed, 404),
        ("10.0.0.1", junk, 404),
        ("198.51.100.9", chain, 404),
        ("192.0.2.7", [], 200),
        ("::ffff:192.0.2.7", [], 200),
    ]
    for peer, sent, status in expected:
        answer = await raw(app, sent, method="GET", path="/metrics", peer=peer)
        assert answer["status"] == status, (peer, sent)


async def test_an_api_below_a_path_is_found_with_and_without_it() -> None:
    app = application.create_app(settings.load(issuer="https://a.test", resource="https://a.test/gallery"))
    for path in ("/images", "/gallery/images"):
        answer = await raw(app, [], method="GET", path=path)
        assert answer["status"] == 401
        place = b'resource_metadata="https://a.test/.well-known/oauth-protected-resource/gallery"'
        assert place in answer["headers"][b"www-authenticate"]
    for path, status in (("/gallery", 200), ("/other", 404)):
        answer = await raw(app, [], method="GET", path="/.well-known/oauth-protected-resource" + path)
        assert answer["status"] == status, path


async def raw(
    app: Any,
    sent: list[tuple[bytes, bytes]],
    *,
    method: str = "PATCH",
    path: str = "/me",
    peer: str = "127.0.0.1",
) -> dict[str, Any]:
    """What the app answers to exactly these bytes, and how many messages of the body it read."""
    answer: dict[str, Any] = {"read": 0}

    async def receive() -> dict[str, Any]:
        answer["read"] += 1
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer["status"] = message["status"]
            answer["headers"] = dict(message["headers"])

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"localhost:8001"), (b"content-type", b"application/json"), *sent],
        "client": (peer, 50000),
        "server": ("localhost", 8001),
    }
    await app(scope, receive, send)
    return answer

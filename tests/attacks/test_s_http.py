"""Group S: HTTP hygiene, and the authorization server's share of group O. Rows 145 and 146 go on in tests/wire."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.authserver.protocol.flows import PASSWORD, World, request_for
from tests.resource_api.callers import ANA as OWNER
from tests.resource_api.callers import headers, upload

from .forms import ANA, consent_form, signed_in

ROOT = Path(__file__).resolve().parents[2]
FORM = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
INJECTIONS = [
    "' OR '1'='1",
    "1; DROP TABLE users--",
    "1' AND pg_sleep(5)--",
    "${jndi:ldap://evil.test}",
    "{{7*7}}",
    "../../etc/passwd",
    "a\r\nSet-Cookie: x=y",
    "%0d%0aLocation: https://evil.test",
    "\\x00%00",
    "*)(uid=*",
]


def routes(app: Any) -> dict[str, set[str]]:
    """Every path of the running application and its methods."""
    found: dict[str, set[str]] = {}
    for route in app.router.routes:
        found.setdefault(route.path, set()).update(route.methods or ())
    return found


async def test_row_141_every_answer_says_how_it_may_be_used(world: World, monkeypatch: Any) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("S3CRET at /srv/app.py SELECT *")

    client = world.client
    app = await world.add_app()
    sheet = (await client.get("/")).text.split('rel="stylesheet" href="')[1].split('"')[0]
    answers = [
        await client.get(path) for path in ("/", sheet, "/nothing", "/livez", "/.well-known/jwks.json")
    ]
    answers.append(await client.get("/oauth/authorize", params=request_for(app)))
    answers.append(await client.put("/login"))
    answers.append(await client.post("/login", content=b"x" * 70_000, headers=FORM))
    answers.append(await client.post("/login", content=b"{}"))
    answers.append(await client.post("/login", content=b"email=a", headers=FORM))
    answers.append(await client.post("/oauth/token", content=b"", headers=FORM))
    answers.append(
        await client.post(
            "/login", content=gzip.compress(b"a=b"), headers={**FORM, "content-encoding": "gzip"}
        )
    )
    assert [answer.status_code for answer in answers] == [
        200,
        200,
        404,
        200,
        200,
        303,
        405,
        413,
        415,
        422,
        400,
        415,
    ]
    for answer in answers:
        where = (str(answer.url), answer.status_code)
        assert answer.headers["x-content-type-options"] == "nosniff", where
        assert answer.headers["referrer-policy"] == "same-origin", where
        assert answer.headers["cross-origin-resource-policy"] == "same-origin", where
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], where
        assert not {"server", "x-powered-by"} & set(answer.headers), where
        kind = answer.headers.get("content-type", "")
        assert not kind.startswith("text/") or "charset=utf-8" in kind, where


async def test_row_142_nothing_private_is_kept(world: World) -> None:
    app = await world.add_app()
    browser = await signed_in(world)
    form = await consent_form(browser, app)
    tokens = await world.tokens(app)
    answers = [
        await browser.get("/"),
        await browser.get(f"/consent?request={dict(form.fields)['request']}"),
        await browser.authorize(app),
        await world.refresh(app, tokens["refresh_token"]),
        await world.post("/oauth/introspect", app, token=tokens["access_token"]),
        await world.token(app, grant_type="nonsense"),
    ]
    assert [answer.headers["cache-control"] for answer in answers] == ["no-store"] * len(answers)
    for path in (
        "/login/x.css",
        "/login;.css",
        "/login%2fx.css",
        "/consent/..%2fx.png",
        "/logout;a.js",
        "/login.css",
    ):
        assert (await browser.get(path)).status_code == 404, path
    assert "max-age" in (await browser.get("/.well-known/jwks.json")).headers["cache-control"]


async def test_row_142_a_private_image_is_kept_by_nobody_between(gallery: Any) -> None:
    image = await upload(gallery, OWNER)
    answer = await gallery.client.get(f"/images/{image['id']}/content", headers=headers(gallery, OWNER))
    assert answer.status_code == 200
    assert {"private", "no-store"} & set(answer.headers["cache-control"].replace(",", " ").split())
    for path in (f"/images/{image['id']}/content/x.css", f"/images/{image['id']}%2fcontent;.png", "/me;.css"):
        assert (await gallery.client.get(path, headers=headers(gallery, OWNER))).status_code == 404, path


async def test_row_143_only_registered_origins_read_and_never_with_cookies(world: World) -> None:
    app = await world.add_app("none", origins=["https://spa.test"])
    strangers = [
        "https://evil.test",
        "null",
        "https://spa.test.evil.test",
        "http://spa.test",
        "https://xspa.test",
    ]
    for path, methods in routes(world.server.app).items():
        public = path.startswith("/.well-known/")
        for origin in strangers:
            preflight = {"origin": origin, "access-control-request-method": "POST"}
            answers = [await world.client.options(path, headers=preflight)]
            if "GET" in methods:
                answers.append(await world.client.get(path, headers={"origin": origin}))
            elif "POST" in methods:
                answers.append(await world.client.post(path, headers={**FORM, "origin": origin}))
            for answer in answers:
                allowed = answer.headers.get("access-control-allow-origin")
                assert allowed in ((None, "*") if public else (None,)), (path, origin)
                assert "access-control-allow-credentials" not in answer.headers, path
    fields = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": app.client_id}
    own = await world.client.post("/oauth/token", data=fields, headers={"origin": "https://spa.test"})
    assert own.headers["access-control-allow-origin"] == "https://spa.test"


async def test_row_144_methods_are_what_they_are_on_every_route(world: World, gallery: Any) -> None:
    for app, client in ((world.server.app, world.client), (gallery.app, gallery.client)):
        for path, known in routes(app).items():
            address = path.replace("{", "").replace("}", "")
            for method in ("TRACE", "TRACK", "CONNECT", "PROPFIND", "FOO", "LOGIN"):
                answer = await client.request(method, address, headers={"x-canary": "canary"})
                assert answer.status_code in (404, 405), (method, path)
                assert "canary" not in answer.text, path
                if answer.status_code == 405:
                    allowed = set(answer.headers["allow"].split(", "))
                    assert known <= allowed <= set(METHODS), path
            if "GET" in known:
                got, head = await client.get(address), await client.head(address)
                assert (head.status_code, head.content) == (got.status_code, b""), path


async def test_row_145_what_proxies_say_changes_nothing_from_a_stranger(world: World) -> None:
    await world.add_person()
    app = await world.add_app()
    for name in (
        "host",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-port",
        "x-forwarded-prefix",
        "x-forwarded-for",
        "forwarded",
        "x-original-url",
        "x-rewrite-url",
        "x_forwarded_for",
    ):
        for value in ("evil.test", "localhost:8000@evil.test", "a", "/admin"):
            sent = {name: value}
            answers = [
                await world.client.get("/login", headers=sent),
                await world.client.get("/.well-known/oauth-authorization-server", headers=sent),
                await world.client.get("/oauth/authorize", params=request_for(app), headers=sent),
                await world.client.get(
                    "/oauth/authorize", params=request_for(app, scope="x y"), headers=sent
                ),
            ]
            assert [answer.status_code for answer in answers] == [200, 200, 303, 303], (name, value)
            for answer in answers:
                assert "evil.test" not in answer.text + str(answer.headers), (name, value)


async def test_row_148_injected_strings_are_strings(world: World) -> None:
    """Each is answered as any other string would be."""
    await world.add_person()
    app = await world.add_app("client_secret_post")
    good = request_for(app)
    token = {"grant_type": "authorization_code", "code": "x", "redirect_uri": "x", "code_verifier": "x" * 43}

    async def answers(text: str) -> list[int]:
        client, found = world.client, []
        for name in (*good, "resource", "prompt", "ui_locales", "login_hint", "max_age"):
            answer = await client.get("/oauth/authorize", params={**good, name: text})
            found.append(answer.status_code)
        for name in (*token, "client_id", "client_secret", "scope", "resource"):
            fields = {"client_id": app.client_id, "client_secret": app.secret, **token, name: text}
            found.append((await client.post("/oauth/token", data=fields)).status_code)
        for path in ("/login", "/register", "/consent", "/docs/errors"):
            answer = await client.get(path, params={"request": text, "lang": text})
            found.append(answer.status_code)
        cookies = {
            "cookie": urlencode({"authserver_local": text, "lang": text, "authserver_local_browser": text})
        }
        found.append((await client.get("/", headers=cookies)).status_code)
        form = {"email": text, "password": text, "request": ""}
        found.append((await client.post("/login", data=form, headers=FORM)).status_code)
        client.cookies.clear()
        return found

    usual = await answers("random-string")
    for text in INJECTIONS:
        assert await answers(text) == usual, text
    form = {"email": ANA, "password": PASSWORD}
    assert (await world.client.post("/login", data=form, headers=FORM)).status_code == 303


async def test_row_119_and_123_bodies_are_bounded_and_plain(world: World) -> None:
    async def endless() -> Any:
        for _ in range(10_000):
            yield b"a" * 1000
        raise AssertionError("all of it was read")

    for path, methods in routes(world.server.app).items():
        if "POST" not in methods:
            continue
        big = await world.client.post(path, content=endless(), headers=FORM)
        assert big.status_code == 413, path
        for coding in ("gzip", "br", "zstd", "deflate, gzip", "x"):
            sent = {**FORM, "content-encoding": coding}
            packed = await world.client.post(path, content=gzip.compress(b"a=b"), headers=sent)
            assert packed.status_code == 415, (path, coding)
        twice = [*FORM.items(), ("content-encoding", "identity"), ("content-encoding", "gzip")]
        packed = await world.client.post(path, content=gzip.compress(b"a=b"), headers=twice)
        assert packed.status_code == 415, path
        plain = await world.client.post(
            path, content=b"a=b", headers={**FORM, "content-encoding": "identity"}
        )
        assert plain.status_code not in (413, 415), path


async def test_row_122_a_form_that_is_a_bomb_is_refused(world: World) -> None:
    bombs = {
        b"&".join(b"a%d=b" % number for number in range(10_000)): 400,
        b"a=%ff": 400,
        b"a=%00": 400,
        b"%00=a": 400,
        b"a=\xff\xfe": 400,
        b"a=1&a=2": 400,
    }
    for path in ("/login", "/register", "/logout", "/oauth/token", "/oauth/revoke", "/oauth/introspect"):
        for bomb, status in bombs.items():
            answer = await world.client.post(path, content=bomb, headers=FORM)
            assert answer.status_code in (status, 413), (path, bomb[:20])
        for kind in (
            "multipart/form-data",
            "application/x-www-form-urlencoded; charset=utf-7",
            "application/json",
        ):
            answer = await world.client.post(path, content=b"a=b", headers={**FORM, "content-type": kind})
            assert answer.status_code in (400, 415), (path, kind)
    for place in ("/%00", "/%ff", "/login?request=%00", "/login?request=%ff", "/login?lang=%00&x=%ff"):
        assert (await world.client.get(place)).status_code < 500, place


async def test_row_133_what_is_public_is_known(world: World) -> None:
    """There is no administration over HTTP yet: a new route has to be put on this list by somebody."""
    public = {
        "/",
        "/login",
        "/register",
        "/logout",
        "/consent",
        "/docs",
        "/docs/errors",
        "/docs/errors/{code}",
        "/openapi.json",
        "/openapi.yaml",
        "/livez",
        "/readyz",
        "/metrics",
    }
    protocol = {"/oauth/authorize", "/oauth/token", "/oauth/revoke", "/oauth/introspect"}
    others = {path for path in routes(world.server.app) if not path.startswith(("/.well-known/", "/static/"))}
    assert others == public | protocol
    for path in (
        "/redoc",
        "/debug",
        "/admin",
        "/admin/",
        "/health",
        "/.git/config",
        "/.env",
        "/server-status",
    ):
        assert (await world.client.get(path)).status_code == 404, path


def test_row_146_both_services_read_http_alike() -> None:
    """Neither package may import the other, so each has the file; nothing tells them apart."""
    copies = [
        (ROOT / package / "uvicorn_protocol.py").read_text() for package in ("authserver", "resource_api")
    ]
    assert copies[0] == copies[1]
    assert "class " in copies[0]

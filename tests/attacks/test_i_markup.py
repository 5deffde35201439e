"""Group I, second half: frames, redirects to elsewhere, and markup that comes alive."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlencode

from tests.authserver.protocol.flows import CB, PASSWORD, World, answer_of
from tests.authserver.sign_in import pages

from .forms import ANA, FOREIGN, ISSUER, consent_form, signed_in

EVIL = "https://evil.test"
ELSEWHERE = [
    "//evil.test",
    "/\\evil.test",
    "https:evil.test",
    "/%09/evil.test",
    "/%2f%2fevil.test",
    "https://localhost:8000@evil.test",
    "https://localhost:8000.evil.test",
    "javascript:alert(1)",
    "／／evil.test",
    "///evil.test",
    "/..//evil.test",
]


async def test_row_79_no_page_lets_itself_be_framed_or_opened(world: World) -> None:
    app = await world.add_app()
    browser = await signed_in(world)
    form = await consent_form(browser, app)
    consent = f"/consent?request={dict(form.fields)['request']}"
    places = [
        "/",
        "/login",
        "/register",
        "/logout",
        "/docs",
        "/docs/errors",
        "/docs/errors/invalid_grant",
        consent,
    ]
    wrong = [
        "/nothing",
        "/consent",
        "/consent?request=ar_x",
        "/login?request=ar_x",
        "/oauth/authorize",
        "/static/x",
    ]
    answers = [await browser.get(place) for place in [*places, *wrong]]
    answers.append(await browser.authorize(app, redirect_uri=EVIL))
    answers.append(await form.send(FOREIGN[0], decision="allow"))
    answers += [await browser.send(method, "/login") for method in ("PUT", "POST", "OPTIONS")]
    answers.append(await browser.sign_in("nobody@example.test"))
    assert {answer.status_code for answer in answers} == {200, 400, 403, 404, 405, 415, 422}
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        place = (str(answer.url), answer.status_code)
        assert "frame-ancestors 'none'" in policy, place
        assert "default-src 'none'" in policy, place
        assert "base-uri 'none'" in policy, place
        assert "form-action " in policy, place
        assert "unsafe" not in policy and "script-src" not in policy and "*" not in policy, place
        assert answer.headers["x-frame-options"] == "DENY", place
        assert answer.headers["cross-origin-opener-policy"] == "same-origin", place


async def test_row_80_nothing_in_an_address_leads_elsewhere(world: World) -> None:
    browser = await signed_in(world)
    names = (
        "next",
        "return_to",
        "continue",
        "redirect",
        "redirect_uri",
        "RelayState",
        "request",
        "lang",
        "url",
    )
    for value in ELSEWHERE:
        query = urlencode(dict.fromkeys(names, value))
        for path in ("/", "/login", "/register", "/logout", "/consent", "/oauth/authorize", "/docs"):
            await _stays(await browser.get(f"{path}?{query}"), path, value)
            for name in names if path in ("/login", "/consent") else ():
                await _stays(await browser.get(f"{path}?{urlencode({name: value})}"), path, f"{name}={value}")
        await _stays(await browser.get(f"/login/{quote(value)}"), "/login/", value)
        fields = {**dict.fromkeys(names, value), "request": "", "email": ANA, "password": PASSWORD}
        answer = await browser.send("POST", "/login", data=fields)
        assert (answer.status_code, answer.headers["location"]) == (303, "/"), value
    for path in ("//evil.test", "/%2f%2fevil.test", "/login/", "//login", "/\\evil.test", "/.//evil.test"):
        answer = await world.client.get(f"{ISSUER}{path}")
        assert (answer.status_code, "location" in answer.headers) == (404, False), path


async def _stays(answer: Any, *what: str) -> None:
    assert answer.status_code < 500, what
    assert re.match(r"/(?![/\\])", answer.headers.get("location", "/")), what
    assert "refresh" not in answer.headers, what
    assert 'http-equiv="refresh"' not in answer.text.lower(), what
    for link in re.findall(r'(?:href|action|src)="([^"]*)"', answer.text):
        assert not re.match(r"(?i)\s*(?:javascript|data):|[/\\]{2}|https?:/*evil", link), (link, what)


MARKUP = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "</title><svg onload=alert(1)>",
    "javascript:alert(1)",
    "{{8191*131071}}${8191*131071}<%=8191*131071%>",
    "</textarea><iframe srcdoc='<script>alert(1)</script>'>",
    "\u202e<b>gnp.exe",
    "<a href=javascript:alert(1)>x</a>",
    "<style>*{background:url(https://evil.test)}</style>",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
]


async def test_row_82_markup_is_shown_as_it_is_written(world: World) -> None:
    """In whatever a page repeats: an app's name and addresses, a person's name and e-mail, hints, state, paths."""
    browser = await signed_in(world)
    for number, text in enumerate(MARKUP):
        app = await world.add_app(
            name=text[:80].replace("\u202e", ""), redirect_uris=[f"https://client{number}.test/cb"]
        )
        headers = {"user-agent": text, "referer": text, "accept-language": text} if text.isascii() else {}
        stranger = world.browser()
        page = (await stranger.authorize(app, login_hint=text, ui_locales=text, state=text)).headers[
            "location"
        ]
        seen = [
            await stranger.get(page, headers=headers),
            await stranger.get(f"/register{page.removeprefix('/login')}", headers=headers),
            await stranger.send("POST", "/login", data={"email": text, "password": "x"}),
            await stranger.send("POST", "/register", data={"email": text, "name": text, "password": "x"}),
            await stranger.get(f"/{quote(text)}", headers=headers),
            await stranger.get(f"/docs/errors/{quote(text)}"),
            await stranger.get("/", params={"x": text, "lang": text}),
            await stranger.get("/oauth/authorize", params={"client_id": text, "redirect_uri": text}),
            await stranger.authorize(app, redirect_uri=f"https://client.test/{text}"),
            await stranger.get(f"/login?request={quote(text)}"),
        ]
        consent = (await browser.authorize(app, login_hint=text, state=text)).headers["location"]
        seen.append(await browser.get(consent, headers=headers))
        for answer in seen:
            where = (str(answer.url), text)
            assert answer.status_code < 500, where
            for tag in (
                "<script",
                "<img",
                "<svg onload",
                "<iframe",
                "<style",
                "onerror=alert(1)>",
                "<b>gnp",
                str(8191 * 131071),
            ):
                assert tag not in answer.text, where
            assert not re.search(r'(?:href|src|action)="\s*javascript:', answer.text), where
        shown = pages.form(seen[2], "/login")
        assert dict(shown.fields)["email"] == text.strip(), text
        answer = await browser.decide(consent, "allow", ["images:read"])
        assert answer_of(answer, app.redirect_uri)["state"] == text


async def test_row_83_only_a_requests_own_address_joins_form_action(world: World) -> None:
    """Our pages hold neither script nor inline style, so the policy needs no nonce: nothing of the kind may run."""
    browser = await signed_in(world)
    for uri, allowed in (
        (CB, "https://client.test"),
        ("https://client.test:8443/a/b?c=d", "https://client.test:8443"),
        ("http://127.0.0.1/cb", "http://127.0.0.1"),
        ("com.example.phone:/cb", "com.example.phone:"),
    ):
        app = await world.add_app(redirect_uris=[uri], name=f"App {uri}")
        page = await browser.get((await browser.authorize(app, prompt="consent")).headers["location"])
        policy = page.headers["content-security-policy"]
        assert policy.split("; ")[-1] == f"form-action 'self' {allowed}", uri
        assert sorted(policy.split("; ")[:-1]) == [
            "base-uri 'none'",
            "default-src 'none'",
            "frame-ancestors 'none'",
            "img-src 'self'",
            "style-src 'self'",
        ]
        assert not re.search(r"<script|<style|\sstyle=|\son[a-z]+=", page.text)
    assert (await browser.get("/login")).headers["content-security-policy"].endswith("form-action 'self'")


async def test_row_83_an_upload_that_is_opened_cannot_act(gallery: Any) -> None:
    from tests.resource_api.callers import ANA as OWNER
    from tests.resource_api.callers import headers, upload

    image = await upload(gallery, OWNER, "<script>alert(1)</script>")
    for part in ("content", "thumbnail"):
        answer = await gallery.client.get(f"/images/{image['id']}/{part}", headers=headers(gallery, OWNER))
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("image/")
        assert answer.headers.get("x-content-type-options") == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"].split("; ")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "private" in answer.headers["cache-control"] or "no-store" in answer.headers["cache-control"]

"""What changes with the issuer: cookies and HSTS under https, every address under a path."""

from __future__ import annotations

from typing import Any

from ..sign_in import pages


def _cookies(answer: Any) -> dict[str, str]:
    return {line.partition("=")[0]: line for line in answer.headers.get_list("set-cookie")}


async def test_under_https_every_cookie_is_a_host_cookie(authserver: Any, elsewhere: Any) -> None:
    async with elsewhere("https://auth.example.org") as client:
        first = await client.get("/register")
        answer = await pages.sign_up(client)
        chosen = await client.get("/login?lang=fr")
        set_ = _cookies(first) | _cookies(answer) | _cookies(chosen)
        assert set(set_) == {
            "__Host-authserver",
            "__Host-authserver-browser",
            "__Host-authserver-known",
            "lang",
        }
        for line in set_.values():
            for part in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"):
                assert part in line
            assert "Domain" not in line
        assert "max-age=63072000" in first.headers["strict-transport-security"]


async def test_on_a_loopback_issuer_cookies_have_other_names_and_no_secure(authserver: Any) -> None:
    first = await authserver.client.get("/register")
    answer = await pages.sign_up(authserver.client)
    set_ = _cookies(first) | _cookies(answer)
    assert set(set_) == {"authserver_local", "authserver_local_browser", "authserver_local_known"}
    assert all("Secure" not in line and "HttpOnly" in line for line in set_.values())


async def test_the_unprefixed_cookie_means_nothing_under_https(authserver: Any, elsewhere: Any) -> None:
    await pages.sign_up(authserver.client)
    token = authserver.client.cookies["authserver_local"]
    async with elsewhere("https://auth.example.org") as client:
        page = await client.get("/", headers={"Cookie": f"authserver_local={token}"})
        assert 'data-test="signed-in"' not in page.text
        page = await client.get("/", headers={"Cookie": f"__Host-authserver={token}"})
        assert 'data-test="signed-in"' in page.text


async def test_an_issuer_with_a_path_has_everything_below_it(authserver: Any, elsewhere: Any) -> None:
    issuer = "https://example.org/auth"
    async with elsewhere(issuer) as client:
        page = await client.get(f"{issuer}/login")
        assert page.status_code == 200
        sheet = page.text.split('rel="stylesheet" href="')[1].split('"')[0]
        assert sheet.startswith("/auth/static/")
        assert (await client.get(f"https://example.org{sheet}")).status_code == 200
        assert pages.form(page, "/auth/login").action == "/auth/login"
        assert (await client.get("https://example.org/login")).status_code == 404
        document = await client.get("https://example.org/.well-known/oauth-authorization-server/auth")
        assert document.json()["issuer"] == issuer
        assert document.json()["token_endpoint"] == f"{issuer}/oauth/token"

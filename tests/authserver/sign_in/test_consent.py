"""Consent: the person sees who asks for what, and what they allow is what is allowed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from authserver.oauth.clients import Client

from . import pages
from .conftest import add_app


async def begin(authserver: Any, app: Client, **changed: str | None) -> Any:
    """The page or redirect that an authorization request leads to, our own redirects followed."""
    answer = await authserver.client.get("/oauth/authorize", params=pages.asks(app, **changed))
    while answer.status_code == 303 and answer.headers["location"].startswith("/"):
        answer = await authserver.client.get(answer.headers["location"])
    return answer


async def token(authserver: Any, app: Client, answer: Any) -> Any:
    """What the code of a redirect is worth."""
    form = {
        "grant_type": "authorization_code",
        "client_id": app.client_id,
        "code": pages.parameters(answer)["code"],
        "redirect_uri": app.redirect_uris[0],
        "code_verifier": pages.VERIFIER,
    }
    return (await authserver.client.post("/oauth/token", data=form)).json()


async def test_from_a_new_account_to_a_token(authserver: Any, photo_print: Client) -> None:
    login = await begin(authserver, photo_print)
    assert "Photo print" in login.text
    link = re.search(r'href="(/register\?request=[^"]+)"', login.text)
    assert link is not None
    register = await authserver.client.get(link[1])
    answer = await pages.send(
        authserver.client, register, "/register", email=pages.EMAIL, password=pages.PASSWORD
    )
    consent = await authserver.client.get(answer.headers["location"])
    answer = await pages.send(authserver.client, consent, "/consent", decision="allow")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("https://photoprint.example/callback?")
    assert pages.parameters(answer)["state"] == "s-1"
    assert pages.parameters(answer)["iss"] == authserver.settings.issuer
    assert (await token(authserver, photo_print, answer))["scope"] == "images:read images:write"


async def test_the_page_names_the_app_its_hosts_and_every_scope(authserver: Any, photo_print: Client) -> None:
    await pages.sign_up(authserver.client)
    for language, sentence in (("en", "Change your images"), ("fr", "Modifier vos images")):
        page = await begin(authserver, photo_print, ui_locales=language)
        heading = re.search(r"<h1>(.*?)</h1>", page.text)
        assert heading is not None
        assert "Photo print" in heading[1]
        assert "www.photoprint.example" in page.text
        assert "<strong>photoprint.example</strong>" in page.text
        assert sentence in page.text
        assert pages.EMAIL in page.text
        assert photo_print.client_id in page.text


async def test_only_this_requests_own_address_may_receive_the_form(
    authserver: Any, photo_print: Client
) -> None:
    await pages.sign_up(authserver.client)
    page = await begin(authserver, photo_print)
    assert page.headers["content-security-policy"].endswith("form-action 'self' https://photoprint.example")
    other = await authserver.client.get("/login")
    assert other.headers["content-security-policy"].endswith("form-action 'self'")


async def test_an_unticked_scope_is_not_allowed(authserver: Any, photo_print: Client) -> None:
    await pages.sign_up(authserver.client)
    page = await begin(authserver, photo_print)
    answer = await pages.send(authserver.client, page, "/consent", untick="images:write", decision="allow")
    assert (await token(authserver, photo_print, answer))["scope"] == "images:read"


async def test_nothing_ticked_is_a_refusal(authserver: Any, photo_print: Client) -> None:
    await pages.sign_up(authserver.client)
    page = await begin(authserver, photo_print)
    hidden = {name: value for name, value in pages.form(page, "/consent").fields if name != "scope"}
    answer = await authserver.client.post(
        "/consent", data={**hidden, "decision": "allow"}, headers=pages.HERE
    )
    assert pages.parameters(answer)["error"] == "access_denied"


async def test_a_scope_that_was_not_asked_for_cannot_be_allowed(authserver: Any, photo_print: Client) -> None:
    await pages.sign_up(authserver.client)
    page = await begin(authserver, photo_print)
    hidden = {name: value for name, value in pages.form(page, "/consent").fields if name != "scope"}
    form = {**hidden, "decision": "allow", "scope": "gallery:read"}
    answer = await authserver.client.post("/consent", data=form, headers=pages.HERE)
    assert answer.status_code == 400
    assert "location" not in answer.headers


async def test_cancel_tells_the_app(authserver: Any, photo_print: Client) -> None:
    await pages.sign_up(authserver.client)
    page = await begin(authserver, photo_print)
    answer = await pages.send(authserver.client, page, "/consent", decision="deny")
    assert pages.parameters(answer)["error"] == "access_denied"
    assert pages.parameters(answer)["state"] == "s-1"


async def test_a_decision_is_taken_once(authserver: Any, photo_print: Client) -> None:
    await pages.sign_up(authserver.client)
    page = await begin(authserver, photo_print)
    assert (await pages.send(authserver.client, page, "/consent", decision="allow")).status_code == 303
    again = await pages.send(
        authserver.client, page, "/consent", decision="allow", headers={**pages.HERE, "Accept": "text/html"}
    )
    assert again.status_code == 400
    assert "This sign-in request is over" in again.text
    assert "location" not in again.headers


async def test_what_was_allowed_is_not_asked_again_and_more_is_asked_alone(
    authserver: Any, photo_print: Client
) -> None:
    await pages.sign_up(authserver.client)
    await pages.send(authserver.client, await begin(authserver, photo_print), "/consent", decision="allow")
    silent = await begin(authserver, photo_print, scope="images:read")
    assert "code" in pages.parameters(silent)
    wider = await begin(authserver, photo_print, scope="images:read gallery:read")
    asked = re.findall(r'data-scope="([^"]+)"', wider.text)
    assert asked == ["gallery:read"]
    assert "See your images" in wider.text.split('data-test="granted"')[1]
    answer = await pages.send(authserver.client, wider, "/consent", decision="allow")
    assert (await token(authserver, photo_print, answer))["scope"] == "images:read gallery:read"


async def test_signing_in_first_leads_to_the_same_request(authserver: Any, photo_print: Client) -> None:
    await pages.sign_up(authserver.client)
    authserver.client.cookies.clear()
    login = await begin(authserver, photo_print)
    wrong = await pages.send(authserver.client, login, "/login", email=pages.EMAIL, password="wrong")
    assert "Photo print" in wrong.text
    answer = await pages.send(authserver.client, wrong, "/login", email=pages.EMAIL, password=pages.PASSWORD)
    assert answer.headers["location"].startswith("/consent?request=ar_")


async def test_not_you_signs_out_and_keeps_the_request(authserver: Any, photo_print: Client) -> None:
    await pages.sign_up(authserver.client)
    page = await begin(authserver, photo_print)
    answer = await pages.send(authserver.client, page, "/logout")
    assert answer.headers["location"].startswith("/login?request=ar_")
    login = await authserver.client.get(answer.headers["location"])
    assert "Photo print" in login.text
    assert "authserver_local" not in authserver.client.cookies


async def test_a_request_belongs_to_the_browser_that_opened_it(authserver: Any, photo_print: Client) -> None:
    await pages.sign_up(authserver.client)
    page = await begin(authserver, photo_print)
    identifier = dict(pages.form(page, "/consent").fields)["request"]
    authserver.client.cookies.clear()
    await pages.sign_up(authserver.client, "mallory@example.org")
    for path in ("/login", "/register", "/consent"):
        stolen = await authserver.client.get(f"{path}?request={identifier}")
        assert stolen.status_code == 400
    form = {"request": identifier, "decision": "allow", "scope": "images:read"}
    answer = await authserver.client.post("/consent", data=form, headers=pages.HERE)
    assert answer.status_code == 400
    assert "location" not in answer.headers


async def test_a_request_ends_after_ten_minutes(authserver: Any, photo_print: Client, clock: Any) -> None:
    await pages.sign_up(authserver.client)
    page = await begin(authserver, photo_print)
    clock.advance(601)
    assert (await pages.send(authserver.client, page, "/consent", decision="allow")).status_code == 400


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}, {}])
async def test_a_foreign_consent_form_allows_nothing(
    authserver: Any, photo_print: Client, headers: dict[str, str]
) -> None:
    await pages.sign_up(authserver.client)
    page = await begin(authserver, photo_print)
    answer = await pages.send(
        authserver.client,
        page,
        "/consent",
        headers=headers,
        decision="allow",
        form_token="AAAA",
        untick="images:write",
    )
    assert answer.status_code == 403
    assert "location" not in answer.headers
    ticked = [value for name, value in pages.form(answer, "/consent").fields if name == "scope"]
    assert ticked == ["images:read"]


async def test_a_form_shown_to_one_person_is_not_another_persons_answer(
    authserver: Any, photo_print: Client
) -> None:
    await pages.sign_up(authserver.client)
    page = await begin(authserver, photo_print)
    await pages.sign_up(authserver.client, "mallory@example.org")
    answer = await pages.send(authserver.client, page, "/consent", headers={}, decision="allow")
    assert answer.status_code == 403
    answer = await pages.send(authserver.client, page, "/consent", decision="allow")
    assert answer.status_code == 409
    assert "location" not in answer.headers
    assert "mallory@example.org" in answer.text
    answer = await pages.send(authserver.client, answer, "/consent", decision="allow")
    assert answer.status_code == 303


async def test_programs_on_this_computer_come_with_a_warning(authserver: Any, clock: Any) -> None:
    await pages.sign_up(authserver.client)
    local = await add_app(authserver, clock, "Tool", "http://127.0.0.1/callback")
    page = await begin(authserver, local, redirect_uri="http://127.0.0.1:50123/callback")
    assert 'data-test="loopback"' in page.text
    assert "127.0.0.1:50123" in page.text
    assert page.headers["content-security-policy"].endswith("form-action 'self' http://127.0.0.1:50123")
    native = await add_app(authserver, clock, "Phone", "com.example.phone:/callback")
    page = await begin(authserver, native)
    assert 'data-test="private-scheme"' in page.text
    assert page.headers["content-security-policy"].endswith("form-action 'self' com.example.phone:")


async def test_an_app_cannot_dress_up_its_name(authserver: Any, clock: Any) -> None:
    await pages.sign_up(authserver.client)
    app = await add_app(authserver, clock, "<img src=x onerror=alert(1)>", "https://x.example/cb")
    page = await begin(authserver, app)
    assert "<img" not in page.text
    assert "&lt;img src=x" in page.text


async def test_reserved_scopes_have_sentences_of_ours(authserver: Any, photo_print: Client) -> None:
    await pages.sign_up(authserver.client)
    page = await begin(authserver, photo_print, scope="openid")
    assert "Know that it is you" in page.text


async def test_the_language_an_app_asks_for_holds_until_the_reader_chooses(
    authserver: Any, photo_print: Client
) -> None:
    login = await begin(authserver, photo_print, ui_locales="fr")
    assert '<html lang="fr">' in login.text
    switch = re.search(r'href="(\?[^"]*lang=en)"', login.text)
    assert switch is not None
    english = await authserver.client.get("/login" + switch[1].replace("&amp;", "&"))
    assert '<html lang="en">' in english.text
    await pages.sign_up(authserver.client)
    identifier = dict(pages.form(english, "/login").fields)["request"]
    consent = await authserver.client.get(f"/consent?request={identifier}")
    assert '<html lang="en">' in consent.text
    other = await begin(authserver, photo_print, ui_locales="fr")
    assert '<html lang="fr">' in other.text

"""Group I, first half: forms that other sites send, and consent that isn't what was shown."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from authserver.oauth import clients, codes, consents
from authserver.people import users
from tests.authserver.protocol.flows import CB, PASSWORD, App, Browser, World, answer_of
from tests.authserver.sign_in import pages

from .forms import ANA, FOREIGN, ISSUER, MALLORY, OURS, Form, consent_form, count, is_signed_in, signed_in


async def test_row_76_a_foreign_consent_form_allows_nothing(world: World) -> None:
    app = await world.add_app()
    browser = await signed_in(world)
    form = await consent_form(browser, app)
    for headers in FOREIGN:
        answer = await form.send(headers, decision="allow", form_token="AAAA", scope="images:read")
        assert (answer.status_code, "location" in answer.headers) == (403, False), headers
        ticked = [value for name, value in pages.form(answer, "/consent").fields if name == "scope"]
        assert ticked == ["images:read"], "what was ticked is kept for another try"
    assert await count(world, codes.table, consents.table) == [0, 0]
    assert (await form.send(OURS[0], decision="allow")).status_code == 303


async def test_row_76_a_consent_token_is_of_one_person_browser_and_request(world: World) -> None:
    app = await world.add_app()
    ana, mallory = await signed_in(world), await signed_in(world, MALLORY)
    older, form, hers = [await consent_form(one, app) for one in (ana, ana, mallory)]
    login = dict(pages.form(await ana.get("/logout"), "/logout").fields)["form_token"]
    for name, token in (
        ("an older request's", dict(older.fields)["form_token"]),
        ("another person's", dict(hers.fields)["form_token"]),
        ("another form's", login),
        ("none", ""),
        ("not base64", "é"),
    ):
        answer = await form.send({}, decision="allow", form_token=token)
        assert (answer.status_code, "location" in answer.headers) == (403, False), name
    assert await count(world, codes.table, consents.table) == [0, 0]
    assert (await form.send({}, decision="allow")).status_code == 303


async def test_row_76_only_a_posted_form_decides(world: World) -> None:
    app = await world.add_app()
    browser = await signed_in(world)
    form = await consent_form(browser, app)
    fields = {**dict(form.fields), "decision": "allow"}
    assert (await browser.get("/consent", params=fields)).status_code == 200
    for content_type in ("text/plain", "application/json", "multipart/form-data; boundary=x", ""):
        sent = await browser.send(
            "POST", "/consent", content=urlencode(fields), headers={"content-type": content_type}
        )
        assert sent.status_code == 415, content_type
    await browser.get("/logout")
    await browser.get("/logout", params={"form_token": "x"})
    assert await is_signed_in(browser)
    assert await count(world, codes.table) == [0]
    assert (await form.send(OURS[1], decision="allow")).status_code == 303


async def test_row_76_foreign_forms_neither_sign_in_nor_out_nor_up(world: World) -> None:
    await world.add_person()
    stranger = world.browser()
    login = Form(stranger, await stranger.get("/login"), "/login")
    register = Form(stranger, await stranger.get("/register"), "/register")
    browser = await signed_in(world)
    logout = Form(browser, await browser.get("/logout"), "/logout")
    for headers in FOREIGN:
        answer = await login.send(headers, email=ANA, password=PASSWORD, form_token="AAAA")
        assert (answer.status_code, "Nothing was changed" in pages.problem(answer)) == (403, True), headers
        assert dict(pages.form(answer, "/login").fields)["email"] == ANA
        assert PASSWORD not in answer.text
        assert "authserver_local=" not in str(answer.headers), headers
        answer = await register.send(headers, email="new@example.test", password=PASSWORD, form_token="")
        assert answer.status_code == 403, headers
        assert (await logout.send(headers, form_token="x")).status_code == 403, headers
        assert await is_signed_in(browser), headers
    assert await count(world, users.table) == [1]


async def test_row_76_our_own_forms_work_in_every_browser(world: World) -> None:
    await world.add_person()
    for number, headers in enumerate(OURS):
        browser = world.browser()
        login = Form(browser, await browser.get("/login"), "/login")
        answer = await login.send(headers, email=ANA, password=PASSWORD)
        assert answer.status_code == 303, headers
        browser.cookies |= dict(answer.cookies)
        register = Form(browser, await browser.get("/register"), "/register")
        answer = await register.send(headers, email=f"new{number}@example.test", password=PASSWORD)
        assert answer.status_code == 303, headers
        browser.cookies |= dict(answer.cookies)
        logout = Form(browser, await browser.get("/logout"), "/logout")
        assert (await logout.send(headers)).status_code == 200, headers


async def test_row_76_a_form_token_holds_for_its_browser_its_form_and_twelve_hours(
    world: World, clock: Any
) -> None:
    browser, other = world.browser(), world.browser()
    form = Form(browser, await browser.get("/login"), "/login")
    await other.get("/login")
    token = dict(form.fields)["form_token"]
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    elsewhere = await world.client.post("/logout", data={"form_token": token}, headers={"cookie": cookies})
    assert elsewhere.status_code == 403

    async def tried(by: Browser = browser) -> int:
        status: int = (await form.send({}, by=by, email="nobody@example.test", password="x")).status_code
        return status

    assert await tried() == 422
    clock.advance(12 * 3600 + 1)
    assert await tried() == 403
    clock.advance(-60)
    assert await tried() == 422
    assert await tried(other) == 403


async def test_row_77_nothing_a_form_adds_or_changes_changes_what_is_allowed(world: World) -> None:
    app, other = (
        await world.add_app(),
        await world.add_app(name="Other", redirect_uris=["https://other.test/cb"]),
    )
    browser = await signed_in(world)
    refused: list[dict[str, Any]] = [
        {"scope": ["images:read", "gallery:read"]},  # registered, and not asked for
        {"scope": ["images:read", "other:read"]},
        {"scope": "images:read images:write gallery:read"},
        {"request": "ar_" + "a" * 49},
        {"request": ""},
        {"decision": "Allow"},
        {"decision": ["deny", "allow"]},
        {"decision": ""},
    ]
    for change in refused:
        form = await consent_form(browser, app)
        answer = await form.send(OURS[0], **{"decision": "allow", **change})
        assert (answer.status_code, "location" in answer.headers) == (400, False), change
    assert await count(world, codes.table, consents.table) == [0, 0]

    form = await consent_form(browser, app)
    more: dict[str, Any] = {
        "client_id": other.client_id,
        "redirect_uri": other.redirect_uri,
        "resource": "https://other.test",
    }
    answer = await form.send(OURS[0], decision="allow", state="swapped", **more)
    sent_back = answer_of(answer, CB)
    assert sent_back["state"] == "xyz"
    assert (await world.redeem(other, sent_back["code"])).json().get("error") == "invalid_grant"
    tokens = (await world.redeem(app, sent_back["code"])).json()
    assert tokens["scope"] == "images:read images:write"


async def test_row_77_a_request_is_its_browsers_and_its_persons(world: World) -> None:
    app = await world.add_app()
    ana, mallory = await signed_in(world), await signed_in(world, MALLORY)
    form = await consent_form(ana, app)
    identifier = dict(form.fields)["request"]
    for path in ("/login", "/register", "/consent"):
        assert (await mallory.get(f"{path}?request={identifier}")).status_code == 400, path
    for decision in ("allow", "deny"):
        answer = await form.send(OURS[0], by=mallory, decision=decision)
        assert (answer.status_code, "location" in answer.headers) == (400, False), decision

    await ana.sign_in(MALLORY)  # somebody else sits down at the same browser
    answer = await form.send(OURS[0], decision="allow")
    assert (answer.status_code, "location" in answer.headers) == (409, False)
    assert MALLORY in answer.text
    assert await count(world, codes.table, consents.table) == [0, 0]
    assert (await Form(ana, answer, "/consent").send(OURS[0], decision="allow")).status_code == 303


async def test_row_77_a_decision_is_taken_once(world: World) -> None:
    app = await world.add_app()
    browser = await signed_in(world)
    for first in ("allow", "deny"):
        form = await consent_form(browser, app, prompt="consent")
        assert (await form.send(OURS[0], decision=first)).status_code == 303
        for second in ("allow", "deny"):
            again = await form.send({**OURS[0], "accept": "text/html"}, decision=second)
            assert (again.status_code, "location" in again.headers) == (400, False), (first, second)
            assert "This sign-in request is over" in again.text
    assert await count(world, codes.table) == [1]


async def test_row_77_each_window_allows_what_it_shows(world: World) -> None:
    """What is left unticked in one window stays out, whatever is allowed in another one meanwhile."""
    app = await world.add_app()
    browser = await signed_in(world)
    narrow, wide = await consent_form(browser, app), await consent_form(browser, app)
    wide_code = answer_of(await wide.send(OURS[0], decision="allow"))["code"]
    narrow_code = answer_of(await narrow.send(OURS[0], decision="allow", scope="images:read"))["code"]
    assert (await world.redeem(app, narrow_code)).json()["scope"] == "images:read"
    assert (await world.redeem(app, wide_code)).json()["scope"] == "images:read images:write"
    fresh = await browser.authorize(app)
    assert "code" in answer_of(fresh, CB), "both stay allowed"


async def test_row_77_a_client_that_changed_since_the_page_was_shown_gets_nothing(
    world: World, clock: Any
) -> None:
    app = await world.add_app()
    browser = await signed_in(world)
    changes: list[dict[str, Any]] = [{"name": "Your bank"}, {"redirect_uris": [CB, "https://evil.test/cb"]}]
    for change in changes:
        form = await consent_form(browser, app)
        clock.advance(1)
        await world.write(
            lambda session, change=change: clients.update(session, app.client_id, now=world.now(), **change)
        )
        answer = await form.send(OURS[0], decision="allow")
        assert (answer.status_code, "location" in answer.headers) == (400, False), change
        page = await browser.get(f"/consent?request={dict(form.fields)['request']}")
        assert page.status_code == 400, change
    assert await count(world, codes.table, consents.table) == [0, 0]
    fresh = await consent_form(browser, app)
    assert (await fresh.send(OURS[0], decision="allow")).status_code == 303


async def test_row_78_consent_is_asked_whenever_it_could_be_a_surprise(world: World, clock: Any) -> None:
    app = await world.add_app()
    native = await world.add_app("none", redirect_uris=["com.example.phone:/cb"])
    loopback = await world.add_app("none", redirect_uris=["http://127.0.0.1/cb"])
    browser = await signed_in(world)

    async def asks(of: App, **parameters: Any) -> bool:
        return "/consent?" in (await browser.authorize(of, **parameters)).headers["location"]

    narrow: dict[str, Any] = {"scope": "images:read"}
    for one in (app, native, loopback):
        form = await consent_form(browser, one, **narrow)
        denied = answer_of(await form.send(OURS[0], decision="deny"), one.redirect_uri)
        assert (denied["error"], denied["state"], denied["iss"]) == ("access_denied", "xyz", ISSUER)
        assert await asks(one, **narrow), "a refusal is not remembered as an answer"
        assert "code" in await browser.allow(one, **narrow)
    assert [await asks(one, **narrow) for one in (app, native, loopback)] == [False, True, True]
    assert await asks(app, scope="images:read images:write")
    assert await asks(app, prompt="consent", **narrow)
    clock.advance(1)
    await world.write(lambda session: clients.update(session, app.client_id, now=world.now(), name="Renamed"))
    assert await asks(app, **narrow)

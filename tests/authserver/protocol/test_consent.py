"""Whom we ask, when, and what their answer means; OpenID Connect's `prompt` and `max_age`."""

from __future__ import annotations

from typing import Any

import pytest

from authserver.oauth import clients

from .flows import BROWSER, App, Browser, World, answer_of, request_for

ANA = "ana@example.test"


async def signed_in(world: World) -> Browser:
    if ANA not in world.people:
        await world.add_person()
    browser = world.browser()
    await browser.sign_in(ANA)
    return browser


async def asks(browser: Browser, app: App, **parameters: Any) -> str:
    """Where an authorization request leads: "login", "consent", or "app"."""
    location = (await browser.authorize(app, **parameters)).headers["location"]
    for page in ("login", "consent"):
        if location.startswith(f"/{page}?request="):
            return page
    return "app"


async def test_what_was_allowed_is_not_asked_again(world: World) -> None:
    app, browser = await world.add_app(), await signed_in(world)
    assert await asks(browser, app, scope="images:read") == "consent"
    await browser.allow(app, scope="images:read")
    assert await asks(browser, app, scope="images:read") == "app"
    await browser.allow(app, scope="images:read images:write gallery:read")
    for scope in ("images:read", "gallery:read images:read", "images:write"):
        assert await asks(browser, app, scope=scope) == "app"
        tokens = await world.redeem(app, (await browser.allow(app, scope=scope))["code"])
        assert tokens.json()["scope"] == scope


async def test_only_what_is_new_is_asked(world: World) -> None:
    app, browser = await world.add_app(), await signed_in(world)
    await browser.allow(app, scope="images:read")
    response = await browser.authorize(app, scope="images:read images:write gallery:read")
    page = response.headers["location"]
    text = (await browser.get(page)).text
    assert 'value="images:write"' in text
    assert 'value="gallery:read"' in text
    assert 'value="images:read"' not in text
    code = answer_of(await browser.decide(page, "allow", ["gallery:read"]))["code"]
    assert (await world.redeem(app, code)).json()["scope"] == "images:read gallery:read"
    assert await asks(browser, app, scope="images:write") == "consent"


async def test_the_code_carries_what_was_ticked(world: World) -> None:
    app, browser = await world.add_app(), await signed_in(world)
    code = (await browser.allow(app, ["images:write"], scope="images:read images:write"))["code"]
    tokens = (await world.redeem(app, code)).json()
    assert tokens["scope"] == "images:write"
    again = await world.refresh(app, tokens["refresh_token"], scope="images:read")
    assert again.json().get("error") == "invalid_scope"


async def test_refusing_tells_the_app(world: World) -> None:
    app, browser = await world.add_app(), await signed_in(world)
    for decision in ("deny", "allow"):  # allowing nothing is refusing
        page = (await browser.authorize(app)).headers["location"]
        answer = answer_of(await browser.decide(page, decision, []))
        assert answer["error"] == "access_denied"
        assert answer["state"] == "xyz"
        assert answer["iss"] == world.server.settings.issuer
    assert await asks(browser, app) == "consent"


async def test_a_decision_is_made_once(world: World) -> None:
    app, browser = await world.add_app(), await signed_in(world)
    page = (await browser.authorize(app)).headers["location"]
    first = await browser.decide(page, "allow", ["images:read"])
    assert "code" in answer_of(first)
    for decision in ("allow", "deny"):
        assert (await browser.decide(page, decision, ["images:read"])).status_code == 400


async def test_nothing_can_be_allowed_that_was_not_asked(world: World) -> None:
    app, browser = await world.add_app(), await signed_in(world)
    page = (await browser.authorize(app, scope="images:read")).headers["location"]
    response = await browser.decide(page, "allow", ["images:read", "gallery:read"])
    assert response.status_code == 400
    assert "code" in answer_of(await browser.decide(page, "allow", ["images:read"]))


async def test_parameters_are_frozen_once_checked(world: World) -> None:
    app, browser = await world.add_app(), await signed_in(world)
    page = (await browser.authorize(app, scope="images:read")).headers["location"]
    await browser.get(page + "&code_challenge=&scope=gallery:read&redirect_uri=https://evil.test")
    response = await browser.send(
        "POST",
        page,
        data={
            "request": page.partition("=")[2],
            "decision": "allow",
            "scope": "images:read",
            "code_challenge": "",
            "redirect_uri": "https://evil.test",
            "client_id": "app_other",
        },
    )
    code = answer_of(response, "https://client.test/cb?")["code"]
    refused = await world.redeem(app, code, code_verifier=None)
    assert refused.json().get("error") == "invalid_request"
    assert (await world.redeem(app, code)).status_code == 200


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1/cb", "http://[::1]:4000/cb", "http://localhost/cb", "com.example.app:/cb"],
)
async def test_an_app_that_others_could_pose_as_is_asked_about_every_time(world: World, uri: str) -> None:
    app, browser = await world.add_app("none", redirect_uris=[uri]), await signed_in(world)
    for _ in range(2):
        assert await asks(browser, app) == "consent"
        assert "code" in await browser.allow(app)
    answer = answer_of(await browser.authorize(app, prompt="none"), uri)
    assert answer["error"] == "consent_required"


async def test_a_loopback_app_gets_its_code_at_its_own_port(world: World) -> None:
    app, browser = await world.add_app("none", redirect_uris=["http://127.0.0.1/cb"]), await signed_in(world)
    uri = "http://127.0.0.1:49152/cb"
    page = (await browser.authorize(app, redirect_uri=uri)).headers["location"]
    answer = answer_of(await browser.decide(page, "allow", ["images:read"]), uri + "?")
    assert (await world.redeem(app, answer["code"])).json().get("error") == "invalid_grant"
    assert (await world.redeem(app, answer["code"], redirect_uri=uri)).status_code == 200


@pytest.mark.parametrize(
    "change", [{"name": "Other name"}, {"redirect_uris": ["https://client.test/cb", "https://client.test/2"]}]
)
async def test_a_changed_name_or_address_is_asked_about_again(
    world: World, change: dict[str, Any], clock: Any
) -> None:
    app, browser = await world.add_app(), await signed_in(world)
    await browser.allow(app)
    assert await asks(browser, app) == "app"
    clock.advance(1)
    await world.write(lambda session: clients.update(session, app.client_id, now=world.now(), **change))
    assert await asks(browser, app) == "consent"
    await browser.allow(app)
    assert await asks(browser, app) == "app"


async def test_other_changes_ask_nobody(world: World, clock: Any) -> None:
    app, browser = await world.add_app(), await signed_in(world)
    await browser.allow(app)
    clock.advance(1)
    await world.write(
        lambda session: clients.update(session, app.client_id, now=world.now(), access_token_seconds=60)
    )
    assert await asks(browser, app) == "app"


async def test_consent_is_each_persons_own(world: World) -> None:
    app, browser = await world.add_app(), await signed_in(world)
    await browser.allow(app)
    await world.add_person("bruno@example.test")
    other = world.browser()
    await other.sign_in("bruno@example.test")
    assert await asks(other, app) == "consent"


async def test_an_app_disabled_meanwhile_gets_no_answer(world: World) -> None:
    app, browser = await world.add_app(), await signed_in(world)
    page = (await browser.authorize(app)).headers["location"]
    await world.write(lambda session: clients.disable(session, app.client_id, now=world.now()))
    for response in (await browser.get(page), await browser.decide(page, "allow", ["images:read"])):
        assert response.status_code == 400
        assert "location" not in response.headers


async def test_an_address_removed_meanwhile_gets_no_answer(world: World) -> None:
    app, browser = await world.add_app(), await signed_in(world)
    page = (await browser.authorize(app)).headers["location"]
    await world.write(
        lambda session: clients.update(
            session, app.client_id, now=world.now(), redirect_uris=("https://client.test/new",)
        )
    )
    response = await browser.decide(page, "allow", ["images:read"])
    assert response.status_code == 400
    assert "location" not in response.headers


async def test_prompt_none_never_asks(world: World, clock: Any) -> None:
    app = await world.add_app()
    nobody = world.browser()
    assert answer_of(await nobody.authorize(app, prompt="none"))["error"] == "login_required"
    browser = await signed_in(world)
    assert answer_of(await browser.authorize(app, prompt="none"))["error"] == "consent_required"
    await browser.allow(app)
    assert "code" in answer_of(await browser.authorize(app, prompt="none"))
    wider = "images:read images:write gallery:read"
    assert answer_of(await browser.authorize(app, prompt="none", scope=wider))["error"] == "consent_required"
    clock.advance(100)
    for max_age in ("0", "99"):
        answer = answer_of(await browser.authorize(app, prompt="none", max_age=max_age))
        assert answer["error"] == "login_required"
    assert "code" in answer_of(await browser.authorize(app, prompt="none", max_age="100"))


@pytest.mark.parametrize("prompt", ["login", "select_account", "login consent"])
async def test_a_fresh_login_can_be_asked_for(world: World, prompt: str, clock: Any) -> None:
    app, browser = await world.add_app(), await signed_in(world)
    await browser.allow(app)
    clock.advance(5)
    page = (await browser.authorize(app, prompt=prompt)).headers["location"]
    assert page.startswith("/login?")
    # Being signed in already isn't enough, however often the page is opened.
    assert (await browser.get(page)).status_code == 200
    consent = page.replace("/login?", "/consent?")
    assert (await browser.get(consent)).headers["location"] == page
    clock.advance(5)
    response = await browser.sign_in(ANA, page.partition("=")[2])
    if "/consent?" in response.headers["location"]:
        response = await browser.decide(
            response.headers["location"], "allow", ["images:read", "images:write"]
        )
    tokens = (await world.redeem(app, answer_of(response)["code"])).json()
    assert (await world.introspect(app, tokens["access_token"]))["auth_time"] == int(world.now())


@pytest.mark.parametrize(("max_age", "page"), [("0", "login"), ("9", "login"), ("10", "app"), ("11", "app")])
async def test_max_age_bounds_the_login(world: World, max_age: str, page: str, clock: Any) -> None:
    app, browser = await world.add_app(), await signed_in(world)
    await browser.allow(app)
    clock.advance(10)
    assert await asks(browser, app, max_age=max_age) == page


async def test_prompt_consent_asks_again(world: World) -> None:
    app, browser = await world.add_app(), await signed_in(world)
    await browser.allow(app)
    assert await asks(browser, app) == "app"
    page = (await browser.authorize(app, prompt="consent")).headers["location"]
    text = (await browser.get(page)).text
    assert 'value="images:read"' in text
    assert "code" in answer_of(await browser.decide(page, "allow", ["images:read"]))


async def test_a_form_without_cookies_still_recognises_who_is_signed_in(world: World) -> None:
    app, browser = await world.add_app(), await signed_in(world)
    await browser.allow(app)
    posted = await world.client.post("/oauth/authorize", data=request_for(app), headers=BROWSER)
    page = posted.headers["location"]
    assert page.startswith("/login?")
    assert "code" in answer_of(await browser.get(page))

"""The authorization endpoint: who hears of a mistake, and what stands in every answer."""

from __future__ import annotations

import itertools
from typing import Any
from urllib.parse import urlsplit

import pytest

from authserver.oauth import clients

from .flows import BROWSER, CB, CHALLENGE, App, World, answer_of, request_for

EVIL = "https://evil.test/cb"


async def ask(world: World, app: App, method: str = "GET", **parameters: Any) -> Any:
    sent = request_for(app, **parameters)
    if method == "POST":
        return await world.client.post("/oauth/authorize", data=sent, headers=BROWSER)
    return await world.client.get("/oauth/authorize", params=sent, headers=BROWSER)


def refused_to_the_person(response: Any) -> bool:
    return (
        response.status_code == 400
        and response.headers["content-type"].startswith("text/html")
        and "location" not in response.headers
    )


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_good_request_leads_to_sign_in(world: World, method: str) -> None:
    response = await ask(world, await world.add_app(), method)
    assert response.status_code == 303
    page, _, request_id = response.headers["location"].partition("?request=")
    assert page == "/login"
    assert request_id.startswith("ar_")


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "unknown response type": ({"response_type": "foo"}, "unsupported_response_type"),
    "implicit": ({"response_type": "token"}, "unsupported_response_type"),
    "id_token": ({"response_type": "id_token"}, "unsupported_response_type"),
    "hybrid": ({"response_type": "code token"}, "unsupported_response_type"),
    "hybrid with ID token": ({"response_type": "code id_token"}, "unsupported_response_type"),
    "none": ({"response_type": "none"}, "unsupported_response_type"),
    "capital letters": ({"response_type": "CODE"}, "unsupported_response_type"),
    "twice in one": ({"response_type": "code code"}, "unsupported_response_type"),
    "hostile response type": ({"response_type": 'x"\\é'}, "unsupported_response_type"),
    "empty response type": ({"response_type": ""}, "invalid_request"),
    "no response type": ({"response_type": None}, "invalid_request"),
    "unknown scope": ({"scope": "nobody:knows"}, "invalid_scope"),
    "another client's scope": ({"scope": "other:read"}, "invalid_scope"),
    "malformed scope": ({"scope": 'images:read"'}, "invalid_scope"),
    "two spaces": ({"scope": "images:read  images:write"}, "invalid_scope"),
    "repeated scope": ({"scope": "images:read images:read"}, "invalid_scope"),
    "too many scopes": ({"scope": " ".join(f"s{number}" for number in range(200))}, "invalid_scope"),
    "unknown resource": ({"resource": "https://nobody.test"}, "invalid_target"),
    "two resources": ({"resource": ["https://gallery.test", "https://other.test"]}, "invalid_target"),
    "no challenge": ({"code_challenge": None}, "invalid_request"),
    "empty challenge": ({"code_challenge": ""}, "invalid_request"),
    "neither challenge nor method": (
        {"code_challenge": None, "code_challenge_method": None},
        "invalid_request",
    ),
    "no method": ({"code_challenge_method": None}, "invalid_request"),
    "plain": ({"code_challenge_method": "plain"}, "invalid_request"),
    "s256": ({"code_challenge_method": "s256"}, "invalid_request"),
    "method none": ({"code_challenge_method": "none"}, "invalid_request"),
    "short challenge": ({"code_challenge": CHALLENGE[:-1]}, "invalid_request"),
    "long challenge": ({"code_challenge": CHALLENGE * 3}, "invalid_request"),
    "padded challenge": ({"code_challenge": CHALLENGE[:-1] + "="}, "invalid_request"),
    "plus": ({"code_challenge": CHALLENGE[:-1] + "+"}, "invalid_request"),
    "slash": ({"code_challenge": CHALLENGE[:-1] + "/"}, "invalid_request"),
    "newline": ({"code_challenge": CHALLENGE + "\n"}, "invalid_request"),
    "bad prompt": ({"prompt": "dance"}, "invalid_request"),
    "none and login": ({"prompt": "none login"}, "invalid_request"),
    "negative max_age": ({"max_age": "-1"}, "invalid_request"),
    "max_age in words": ({"max_age": "abc"}, "invalid_request"),
    "other digits": ({"max_age": "١٢"}, "invalid_request"),
    "fragment": ({"response_mode": "fragment"}, "invalid_request"),
    "form_post": ({"response_mode": "form_post"}, "invalid_request"),
    "web_message": ({"response_mode": "web_message"}, "invalid_request"),
    "jwt": ({"response_mode": "jwt"}, "invalid_request"),
    "request object": ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
    "request_uri": ({"request_uri": EVIL}, "request_uri_not_supported"),
    "pushed request_uri": (
        {"request_uri": "urn:ietf:params:oauth:request_uri:bogus"},
        "request_uri_not_supported",
    ),
    "registration": ({"registration": "{}"}, "registration_not_supported"),
    "prompt none": ({"prompt": "none"}, "login_required"),
    "somebody else's hint": ({"prompt": "none", "id_token_hint": "x.y.z"}, "login_required"),
    "control characters in state": ({"state": "a\r\nX-Evil: 1"}, "invalid_request"),
}


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_mistake_goes_back_to_a_registered_address(world: World, method: str) -> None:
    app = await world.add_app()
    for mistake, (parameters, error) in MISTAKES.items():
        answer = answer_of(await ask(world, app, method, **parameters), CB + "?")
        assert answer["error"] == error, mistake
        assert answer["state"] == parameters.get("state", "xyz"), mistake
        assert answer.get("iss") == world.server.settings.issuer, mistake
        assert "code" not in answer, mistake
        assert answer["error_uri"].endswith(f"/docs/errors/{error}"), mistake


async def test_no_mistake_goes_to_any_other_address(world: World) -> None:
    app, disabled = await world.add_app(), await world.add_app()
    await world.write(lambda session: clients.disable(session, disabled.client_id, now=world.now()))
    wrong = (
        (app.client_id, EVIL),
        (app.client_id, CB + "/"),
        (app.client_id, None),
        ("app_unknown", CB),
        (disabled.client_id, CB),
        (None, CB),
        ("", CB),
        ("\N{BLACK HEART SUIT}", CB),
    )
    mistakes: list[dict[str, Any]] = [{}, *(parameters for parameters, _ in MISTAKES.values())]
    for parameters, (client_id, uri) in itertools.product(mistakes, wrong):
        response = await ask(world, app, **{**parameters, "client_id": client_id, "redirect_uri": uri})
        assert refused_to_the_person(response), (parameters, client_id, uri, response.status_code)


OTHER_URIS = (
    *(CB + tail for tail in ("/", "/x", "?a=1", "#f", "%20", "%09", "%0a", "%00", " ", "\t", "\n")),
    "https://client.test/x/../cb",
    "https://CLIENT.test/cb",
    "http://client.test/cb",
    "https://client.test:443/cb",
    "https://client.test.evil.test/cb",
    "https://client.test@evil.test/cb",
    "https://evil.test\\@client.test/cb",
    "//client.test/cb",
    "javascript:alert(1)",
    "data:text/html,x",
    "x" * 5000,
    'https://client.test/"><script>',
    "https://client.test/é",
)


async def test_a_redirect_uri_is_compared_exactly(world: World) -> None:
    app = await world.add_app()
    for uri in OTHER_URIS:
        response = await ask(world, app, redirect_uri=uri)
        assert refused_to_the_person(response), uri
        assert f'href="{uri}' not in response.text
        assert "<script>" not in response.text
    assert (await ask(world, app)).status_code == 303


async def test_the_mismatch_page_shows_both_addresses(world: World) -> None:
    response = await ask(world, await world.add_app(), redirect_uri=CB + "/")
    assert refused_to_the_person(response)
    assert "client.test/cb" in response.text
    assert "redirect_uri_mismatch" in response.text or "redirect" in response.text.lower()


async def test_an_app_with_several_addresses_must_name_one(world: World) -> None:
    app = await world.add_app(redirect_uris=[CB, "https://client.test/other"])
    assert refused_to_the_person(await ask(world, app, redirect_uri=None))


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_doubled_parameters_are_refused(world: World, method: str) -> None:
    app = await world.add_app()
    good = request_for(app, nonce="n", prompt="login", max_age="5", response_mode="query")
    for name, value in good.items():
        for other in (value, "other", ""):
            response = await ask(world, app, method, **{**good, name: [value, other]})
            if name in ("client_id", "redirect_uri"):
                assert refused_to_the_person(response)
            else:
                answer = answer_of(response, CB)
                assert answer["error"] == "invalid_request"
                assert ("state" in answer) == (name != "state")


async def test_a_post_reads_its_body_alone(world: World) -> None:
    app = await world.add_app()
    good = request_for(app)
    body = {name: value for name, value in good.items() if name != "code_challenge"}
    split = await world.client.post(
        "/oauth/authorize", params={"code_challenge": CHALLENGE}, data=body, headers=BROWSER
    )
    assert answer_of(split, CB)["error"] == "invalid_request"
    doubled = await world.client.post(
        "/oauth/authorize", params={"state": "other"}, data=good, headers=BROWSER
    )
    assert doubled.headers["location"].startswith("/login?")


STATES = (
    "",
    " ",
    "a b+c%20d&e=f#g?h/i",
    '"><img src=//evil.test onerror=1>',
    '{"a":[1,{}]}',
    "\N{GRINNING FACE} é",
    "x" * 2048,
    "=&=&",
)


async def test_the_state_comes_back_byte_for_byte(world: World) -> None:
    await world.add_person()
    app, browser = await world.add_app(), world.browser()
    await browser.sign_in("ana@example.test")
    for state in STATES:
        refused = await browser.authorize(app, state=state, response_type="token")
        assert refused.headers["location"].isascii()
        assert answer_of(refused)["state"] == state
        assert (await browser.allow(app, state=state))["state"] == state


async def test_without_a_state_none_comes_back(world: World) -> None:
    answer = answer_of(await ask(world, await world.add_app(), state=None, response_type="token"))
    assert "state" not in answer


async def test_an_overlong_state_goes_nowhere(world: World) -> None:
    app = await world.add_app()
    for response in (
        await ask(world, app, state="x" * 5000),
        await ask(world, app, "POST", state="x" * 60000),
    ):
        assert refused_to_the_person(response) or response.status_code in (413, 414, 431)


async def test_bytes_that_are_no_text_are_refused(world: World) -> None:
    for query in ("state=%ED%A0%80", "state=%FF", "state=%00", "client_id=%00"):
        assert refused_to_the_person(await world.client.get(f"/oauth/authorize?{query}", headers=BROWSER))


async def test_a_registered_query_is_kept_as_it_is(world: World) -> None:
    uri = CB + "?tenant=1&b=%2F&a"
    app = await world.add_app(redirect_uris=[uri])
    location = (await ask(world, app, response_type="token")).headers["location"]
    assert location.startswith(uri + "&error=")
    assert location.count("iss=") == location.count("state=") == 1


async def test_what_comes_back_does_not_depend_on_the_host_header(world: World) -> None:
    app = await world.add_app()
    response = await world.client.get(
        "/oauth/authorize",
        params=request_for(app, response_type="token"),
        headers={**BROWSER, "host": "evil.test", "x-forwarded-host": "evil.test"},
    )
    assert answer_of(response, CB)["iss"] == world.server.settings.issuer
    assert "evil.test" not in response.headers["location"]


async def test_a_client_without_the_code_grant_is_refused(world: World) -> None:
    machine = await world.add_machine()
    assert refused_to_the_person(await ask(world, machine))


async def test_hints_can_do_no_harm(world: World) -> None:
    app = await world.add_app()
    hints = ("login_hint", "ui_locales", "acr_values", "claims", "nonce")
    values = ("\r\nX-Evil: 1", "x" * 5000, "\N{GRINNING FACE}", '"><script>')
    for hint, value in itertools.product(hints, values):
        response = await ask(world, app, "POST", **{hint: value})
        assert response.status_code == 303
        assert response.headers["location"].startswith("/login?request=ar_")
        page = await world.browser().get(response.headers["location"])
        assert page.status_code == 200
        assert "<script>" not in page.text


async def test_a_running_request_can_be_reloaded(world: World) -> None:
    browser = world.browser()
    page = (await browser.authorize(await world.add_app())).headers["location"]
    for _ in range(3):
        assert (await browser.get(page)).status_code == 200


async def test_a_running_request_belongs_to_the_first_browser(world: World) -> None:
    page = (await world.browser().authorize(await world.add_app())).headers["location"]
    stranger = world.browser()
    await world.add_person()
    await stranger.sign_in("ana@example.test")
    assert (await stranger.get(page)).status_code == 400


async def test_a_form_from_the_apps_page_binds_the_browser_that_opens_it(world: World) -> None:
    page = (await ask(world, await world.add_app(), "POST")).headers["location"]
    first, second = world.browser(), world.browser()
    assert (await first.get(page)).status_code == 200
    assert (await second.get(page)).status_code == 400
    assert (await first.get(page)).status_code == 200


async def test_a_running_request_ends_after_ten_minutes(world: World, clock: Any) -> None:
    browser = world.browser()
    page = (await browser.authorize(await world.add_app())).headers["location"]
    clock.advance(599)
    assert (await browser.get(page)).status_code == 200
    clock.advance(1)
    assert (await browser.get(page)).status_code == 400


async def test_every_redirect_is_a_303_to_ourselves_or_the_app(world: World) -> None:
    await world.add_person()
    app = await world.add_app()
    browser = world.browser()
    response = await browser.authorize(app)
    page = response.headers["location"]
    request_id = page.partition("=")[2]
    seen = [response, await browser.sign_in("ana@example.test", request_id)]
    seen.append(await browser.decide(seen[-1].headers["location"], "allow", ["images:read", "images:write"]))
    assert [one.status_code for one in seen] == [303, 303, 303]
    assert [urlsplit(one.headers["location"]).netloc for one in seen] == ["", "", "client.test"]

"""Group A: the authorization endpoint and where its answers go.

What each single parameter may hold is tested in `protocol/test_authorize`; here somebody who is signed in and has
allowed the app before is sent, so that whatever slips through is answered with a code at once.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from authserver.oauth import clients, codes, redirect_uris
from tests.authserver.protocol.flows import (
    CB,
    CHALLENGE,
    PASSWORD,
    App,
    Browser,
    World,
    answer_of,
    request_for,
)

EVIL = "https://evil.test/cb"


async def victim(world: World, app: App) -> Browser:
    """The browser of a person who is signed in and has allowed this app before."""
    await world.add_person()
    browser = world.browser()
    await browser.sign_in("ana@example.test")
    await browser.allow(app)
    return browser


async def made(world: World) -> int:
    query = sa.select(sa.func.count()).select_from(codes.table)
    count: int = await world.server.state.database.read(lambda session: session.execute(query).scalar_one())
    return count


def refused_here(response: Any) -> bool:
    """A page for the person: nothing went to any app."""
    return (
        response.status_code == 400
        and response.headers["content-type"] == "text/html; charset=utf-8"
        and "location" not in response.headers
    )


OTHERS = (
    *(CB + tail for tail in ("/", "/x", "?", "?a=1", "&a=1", "#", "#f", ";x", " ", "\t", "\n", "%00", "%20")),
    *(
        "https://client.test/" + path
        for path in ("x/../cb", "cb/..;/x", "cb%2f..", "cb/%2e%2e/cb", "CB", "%63b")
    ),
    *(
        "https://" + host + "/cb"
        for host in ("CLIENT.test", "client.test.", "client.test:443", "client.test:444")
    ),
    *("https://" + host + "/cb" for host in ("client.test.evil.test", "client.testevil.test", "clientatest")),
    *(
        "https://" + host + "/cb"
        for host in ("client.test@evil.test", "a@b@client.test", "evil.test\\@client.test")
    ),
    *(
        scheme + "client.test/cb"
        for scheme in ("http://", "//", "https:", "https:/", "HTTPS://", " https://")
    ),
    "https://client\u3002test/cb",
)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_row_1_a_redirect_uri_is_compared_byte_by_byte(world: World, method: str) -> None:
    app = await world.add_app()
    several = await world.add_app(redirect_uris=[CB, "https://client.test/other"])
    browser = await victim(world, app)
    before = await made(world)
    for asked, uri in (*((app, uri) for uri in OTHERS), (app, None), (several, None)):
        sent = request_for(asked, redirect_uri=uri)
        sending: dict[str, Any] = {"params": sent} if method == "GET" else {"data": sent}
        assert refused_here(await browser.send(method, "/oauth/authorize", **sending)), uri
    assert await made(world) == before
    assert "code" in answer_of(await browser.authorize(app), CB + "?")


async def test_row_2_no_mistake_is_told_to_a_stranger(world: World) -> None:
    app, disabled = await world.add_app(), await world.add_app()
    await world.write(lambda session: clients.disable(session, disabled.client_id, now=world.now()))
    browser = await victim(world, app)
    mistakes: dict[str, dict[str, Any]] = {
        "unsupported_response_type": {"response_type": "foo"},
        "invalid_request": {"response_type": None},
        "invalid_scope": {"scope": "nobody:knows"},
        "invalid_target": {"resource": "https://nobody.test"},
        "request_not_supported": {"request": "eyJhbGciOiJub25lIn0.e30."},
        "request_uri_not_supported": {"request_uri": EVIL},
    }
    more = ({"code_challenge": None}, {"state": ["a", "b"]}, {"prompt": "dance"})
    cases = [*mistakes.items(), *(("invalid_request", one) for one in more)]
    for error, parameters in cases:
        for client_id, uri in (
            (app, EVIL),
            (app, CB + "/"),
            (disabled, CB),
            (App("app_x", None, "none"), CB),
        ):
            response = await browser.authorize(client_id, **parameters, redirect_uri=uri)
            assert refused_here(response), (parameters, client_id, uri)
        answer = answer_of(await browser.authorize(app, **parameters), CB + "?")
        assert (answer["error"], "code" in answer) == (error, False), parameters


SCRIPTS = (
    *("javascript:alert(1)", "JaVaScRiPt:alert(1)", "\tjavascript:alert(1)", "java\nscript:alert(1)"),
    *("data:text/html,x", "vbscript:x", "blob:https://client.test/1", "file:///etc/passwd", "about:blank"),
    *(
        "https:evil.test",
        "http:www.evil.test",
        "view-source:https://evil.test",
        "filesystem:https://evil.test/x",
    ),
)


async def test_row_3_no_script_is_ever_an_address(world: World) -> None:
    app = await world.add_app()
    browser = await victim(world, app)
    for uri in SCRIPTS:
        with pytest.raises(redirect_uris.RedirectUriError):
            await world.add_app(redirect_uris=[CB, uri])
        change = {"now": world.now(), "redirect_uris": (CB, uri)}
        with pytest.raises(redirect_uris.RedirectUriError):
            await world.write(lambda session, to=change: clients.update(session, app.client_id, **to))
        for mode in (None, "query", "form_post"):
            response = await browser.authorize(app, redirect_uri=uri, response_mode=mode)
            assert refused_here(response), (uri, mode)
            for attribute in ("href", "action", "src", "content"):
                assert f'{attribute}="{uri.strip()[:8]}' not in response.text, (uri, attribute)
    assert "code" in answer_of(await browser.authorize(app), CB + "?")


async def test_row_4_a_native_app_chooses_its_port_and_nothing_else(world: World) -> None:
    await world.add_person()
    app = await world.add_app("none", redirect_uris=["http://127.0.0.1/cb"])
    browser = world.browser()
    await browser.sign_in("ana@example.test")
    wrong = (
        *(
            f"http://{host}/cb"
            for host in ("localhost:49152", "127.0.0.1.evil.test", "127.0.0.1:80@evil.test")
        ),
        *(
            f"http://{host}/cb"
            for host in ("[::ffff:127.0.0.1]", "[::1]:49152", "127.0.0.1:0", "127.0.0.1:65536")
        ),
        *(
            f"http://{host}/cb"
            for host in ("127.1:49152", "0x7f000001", "2130706433", "127.0.0.2", "0.0.0.0")
        ),
        *(f"http://127.0.0.1:49152/{path}" for path in ("CB", "cb?x=1", "cb/", "cb#f", "")),
        "https://127.0.0.1:49152/cb",
    )
    for uri in wrong:
        assert refused_here(await browser.authorize(app, redirect_uri=uri)), uri
    good = "http://127.0.0.1:49152/cb"
    page = (await browser.authorize(app, redirect_uri=good)).headers["location"]
    answer = answer_of(await browser.decide(page, "allow", ["images:read", "images:write"]), good + "?")
    # The code is of that port: another program on the machine, with another port, is another receiver.
    other = await world.redeem(app, answer["code"], redirect_uri="http://127.0.0.1:49153/cb")
    assert other.json().get("error") == "invalid_grant"
    assert (await world.redeem(app, answer["code"], redirect_uri=good)).status_code == 200


async def test_row_5_nobody_preloads_an_answer(world: World) -> None:
    registered = CB + "?tenant=1"
    app = await world.add_app(redirect_uris=[registered])
    browser = await victim(world, app)
    for name in ("code", "state", "iss", "error", "id_token", "response", "%63ode"):
        for uri in (f"{CB}?{name}=x", f"{registered}&{name}=x", f"{registered};{name}=x", f"{CB}#{name}=x"):
            with pytest.raises(redirect_uris.RedirectUriError):
                await world.add_app(redirect_uris=[uri])
            assert refused_here(await browser.authorize(app, redirect_uri=uri)), uri
    for parameters, name in (({}, "code"), ({"response_type": "token"}, "error")):
        location = (await browser.authorize(app, **parameters)).headers["location"]
        assert location.startswith(f"{registered}&{name}=")
        for one in (name, "state", "iss", "tenant"):
            assert location.replace("?", "&").count(f"&{one}=") == 1, (one, location)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_row_6_a_doubled_parameter_has_no_value(world: World, method: str) -> None:
    app = await world.add_app()
    browser = await victim(world, app)
    before = await made(world)
    good = request_for(app, nonce="n", prompt="consent", max_age="5", response_mode="query", request_uri="x")
    for name, value in good.items():
        for other in (value, "other", ""):
            for both in ([value, other], [other, value]):
                sent = {**good, "request_uri": None, name: both}
                sent = {key: one for key, one in sent.items() if one is not None}
                sending: dict[str, Any] = {"params": sent} if method == "GET" else {"data": sent}
                response = await browser.send(method, "/oauth/authorize", **sending)
                if name in ("client_id", "redirect_uri"):
                    assert refused_here(response), (name, both)
                else:
                    assert answer_of(response, CB + "?")["error"] == "invalid_request", (name, both)
    assert await made(world) == before
    assert "code" in answer_of(await browser.authorize(app), CB + "?")


async def test_rows_7_and_21_a_running_request_takes_no_more_parameters(world: World) -> None:
    """Sign-in and consent carry the request's id alone: what is added on the way changes nothing."""
    await world.add_person()
    app, browser = await world.add_app(), world.browser()
    added = {
        "response_type": "token",
        "redirect_uri": EVIL,
        "state": "evil",
        "code_challenge": "A" * 43,
        "code_challenge_method": "plain",
        "resource": "https://other.test",
        "client_id": "app_evil",
    }
    page = (await browser.authorize(app)).headers["location"]
    assert (await browser.get(page, params=added)).status_code in (200, 400)
    request_id = page.partition("=")[2]
    form = {**added, "email": "ana@example.test", "password": "correct horse battery staple 7"}
    response = await browser.send("POST", "/login", data={**form, "request": request_id})
    assert response.headers["location"] == f"/consent?request={request_id}"
    decision = {**added, "request": request_id, "decision": "allow", "scope": ["images:read"]}
    answer = answer_of(await browser.send("POST", "/consent", data=decision), CB + "?")
    assert (set(answer), answer["state"]) == ({"code", "state", "iss"}, "xyz")
    without = await world.redeem(app, answer["code"], code_verifier=None)
    assert without.json().get("error") in ("invalid_grant", "invalid_request")
    assert (await world.redeem(app, answer["code"])).status_code == 200


async def test_row_9_cookies_stay_small_whatever_is_sent(world: World) -> None:
    app = await world.add_app()
    for name in ("state", "nonce", "login_hint", "ui_locales", "acr_values", "claims"):
        for value in ("x" * 2048, "x" * 60_000, "\N{GRINNING FACE}" * 300, '{"a":' * 2000, "a\r\nX-Evil: 1"):
            response = await world.browser().send(
                "POST", "/oauth/authorize", data=request_for(app, **{name: value})
            )
            assert response.status_code in (303, 400, 413), (name, value[:20])
            assert "x-evil" not in response.headers
            assert all(len(cookie) < 4096 for cookie in response.headers.get_list("set-cookie")), name


async def test_row_11_a_login_that_was_asked_for_cannot_be_skipped(world: World, clock: Any) -> None:
    app = await world.add_app()
    browser = await victim(world, app)
    clock.advance(10)
    for parameters, error in (
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "abc"}, "invalid_request"),
        ({"prompt": "none", "max_age": "1"}, "login_required"),
        ({"prompt": "none", "id_token_hint": "a.b.c"}, "login_required"),
        ({"prompt": "none", "scope": "gallery:read"}, "consent_required"),
    ):
        answer = answer_of(await browser.authorize(app, **parameters), CB + "?")
        assert answer.get("error") == error, parameters
    stranger = await world.browser().authorize(app, prompt="none")
    assert answer_of(stranger, CB + "?")["error"] == "login_required"
    for parameters in ({"prompt": "login"}, {"max_age": "0"}, {"max_age": "1"}):
        clock.advance(10)
        page = (await browser.authorize(app, **parameters)).headers["location"]
        request_id = page.partition("=")[2]
        assert page == f"/login?request={request_id}", parameters
        skipped = await browser.decide(f"/consent?request={request_id}", "allow", ["images:read"])
        assert skipped.headers["location"] == page, parameters
        response = await browser.sign_in("ana@example.test", request_id)
        assert "code" in answer_of(response, CB + "?"), parameters
    assert "code" in answer_of(await browser.authorize(app, prompt="none"), CB + "?")


async def test_row_21_two_tabs_keep_their_own_challenge(world: World) -> None:
    await world.add_person()
    app, browser = await world.add_app(), world.browser()
    await browser.sign_in("ana@example.test")
    theirs = CHALLENGE[::-1].replace(CHALLENGE[-1], "A", 1)
    attacked = (await browser.authorize(app)).headers["location"]
    other = (await browser.authorize(app, code_challenge=theirs)).headers["location"]
    scopes = ["images:read", "images:write"]
    code = answer_of(await browser.decide(other, "allow", scopes), CB + "?")["code"]
    assert (await world.redeem(app, code)).json().get("error") == "invalid_grant"
    code = answer_of(await browser.decide(attacked, "allow", scopes), CB + "?")["code"]
    assert (await world.redeem(app, code)).status_code == 200


async def test_row_12_nothing_that_was_posted_is_sent_on_and_no_host_is_believed(world: World) -> None:
    """A 307 would send the form on, with the password in it; a Location with the request's Host, to anywhere."""
    await world.add_person()
    app, browser = await world.add_app(), world.browser()
    forged = {"host": "evil.test", "x-forwarded-host": "evil.test", "x-forwarded-proto": "http"}
    here: str = world.server.settings.issuer
    form = {"email": "ana@example.test", "password": PASSWORD, "decision": "allow", "grant_type": "x"}
    for path in ("login", "register", "consent", "logout", "oauth/authorize", "oauth/token", "oauth/revoke"):
        for spelling in (f"/{path}/", f"/{path}//", f"//{path}"):
            response = await browser.send("POST", here + spelling, data=form, headers=forged)
            assert (response.status_code, "location" in response.headers) == (404, False), spelling
    page = (await browser.authorize(app)).headers["location"]
    request_id = page.partition("=")[2]
    answers = [await browser.get(page, headers=forged)]
    for path, more in (
        ("/login", form),
        ("/consent", {"decision": "allow", "scope": ["images:read", "images:write"]}),
        ("/logout", {}),
    ):
        sent = {**more, "request": request_id}
        answers.append(await browser.send("POST", path, data=sent, headers=forged))
    assert [answer.status_code for answer in answers] == [200, 303, 303, 303]
    places = [urlsplit(answer.headers["location"])[:3] for answer in answers[1:]]
    assert places == [("", "", "/consent"), ("https", "client.test", "/cb"), ("", "", "/login")]
    assert not [answer for answer in answers if "evil.test" in f"{answer.headers}{answer.text}"]

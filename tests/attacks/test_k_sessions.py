"""Group K: sessions and cookies."""

from __future__ import annotations

from typing import Any

from authserver import credentials
from authserver.people import sessions, users
from tests.authserver.protocol.flows import World, claims_of
from tests.authserver.sign_in import pages
from tests.authserver.sign_in.pages import EMAIL

from .forms import ANA, MALLORY, OURS, Form, count, is_signed_in, signed_in

COOKIE = "authserver_local"


async def test_row_97_every_cookie_is_a_host_cookie_under_https(world: World, clock: Any) -> None:
    import httpx2

    from authserver import app as application

    settings = world.server.settings.model_copy(update={"issuer": "https://auth.example.org"})
    app = application.create_app(settings, clock=clock)
    transport = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url=settings.issuer) as client,
    ):
        answers = [
            await client.get("/register"),
            await pages.sign_up(client),
            await client.get("/login?lang=fr"),
        ]
        answers.append(await pages.send(client, await client.get("/logout"), "/logout"))
    lines = [line for answer in answers for line in answer.headers.get_list("set-cookie")]
    names = {line.partition("=")[0] for line in lines}
    host = {"__Host-authserver", "__Host-authserver-browser", "__Host-authserver-known"}
    assert names == host | {"lang"}
    for line in lines:
        assert {"HttpOnly", "Secure", "Path=/", "SameSite=lax"} <= set(line.split("; ")), line
        assert "domain" not in line.lower(), line
        assert len(line) < 4096
    assert EMAIL not in str(lines)


async def test_row_98_a_session_begins_anew_at_every_sign_in(world: World) -> None:
    browser = await signed_in(world, MALLORY)
    planted = browser.cookies[COOKIE]
    await world.add_person(ANA)
    await browser.sign_in(ANA)  # on the browser in which Mallory left her session
    first = browser.cookies[COOKIE]
    await browser.sign_in(ANA)
    second = browser.cookies[COOKIE]
    assert len({planted, first, second}) == 3
    for token, known in ((planted, False), (first, False), (second, True)):
        browser.cookies[COOKIE] = token
        assert await is_signed_in(browser) == known
    assert await count(world, sessions.table) == [1]


async def test_row_98_a_made_up_session_is_not_adopted(world: World) -> None:
    await world.add_person()
    browser = world.browser()
    browser.cookies[COOKIE] = made_up = credentials.new_token("se")
    assert (await browser.sign_in(ANA)).status_code == 303
    assert browser.cookies[COOKIE] != made_up
    assert await is_signed_in(browser)
    browser.cookies[COOKIE] = made_up
    assert not await is_signed_in(browser)


async def test_row_99_what_ended_a_session_ended_it_for_good(world: World, clock: Any) -> None:
    app = await world.add_app()
    user_id = await world.add_person(ANA)
    digest = await world.server.state.passwords.hash("another password, quite long")
    ends: dict[str, Any] = {
        "password changed": lambda session: users.set_password(session, user_id, digest, now=world.now()),
        "everywhere": lambda session: sessions.end_all(session, user_id, now=world.now()),
        "disabled": lambda session: users.disable(session, user_id, now=world.now()),
    }
    browser = await signed_in(world)
    token = browser.cookies[COOKIE]
    answer = await Form(browser, await browser.get("/logout"), "/logout").send(OURS[0])
    assert answer.headers["clear-site-data"] == '"cache"'
    assert answer.headers["cache-control"] == "no-store"
    browser.cookies[COOKIE] = token
    assert not await is_signed_in(browser), "signed out"
    for name, end in ends.items():
        # The clock moves, since what happens in one instant has no order.
        clock.advance(1)
        if name == "everywhere":
            old = await world.server.state.passwords.hash("correct horse battery staple 7")
            await world.write(
                lambda session, old=old: users.set_password(session, user_id, old, now=world.now())
            )
            clock.advance(1)
        browser = await signed_in(world)
        tokens = await world.tokens(app)
        page = await browser.get("/")
        assert 'data-test="signed-in"' in page.text, name
        assert page.headers["cache-control"] == "no-store"
        clock.advance(1)
        await world.write(end)
        assert not await is_signed_in(browser), name
        if name != "everywhere":  # that ends browser sessions, and apps are told of in their own list
            refused = await world.refresh(app, tokens["refresh_token"])
            assert refused.json().get("error") == "invalid_grant", name
            assert not (await world.introspect(app, tokens["access_token"]))["active"], name


async def test_row_100_two_people_in_one_browser_share_nothing(world: World) -> None:
    app = await world.add_app()
    browser = await signed_in(world, ANA)
    answer = await browser.allow(app, scope="images:read")
    hers = (await world.redeem(app, answer["code"])).json()
    await world.add_person(MALLORY)
    await browser.sign_in(MALLORY)
    page = await browser.get("/")
    assert (MALLORY in page.text, ANA in page.text) == (True, False)
    assert "Cookie" in page.headers["vary"]
    asked = await browser.authorize(app, scope="images:read")
    assert "/consent?" in asked.headers["location"], "one person's consent is not another's"
    answer = await browser.allow(app, scope="images:read")
    other = (await world.redeem(app, answer["code"])).json()
    seen = [(await world.introspect(app, one["access_token"])) for one in (hers, other)]
    assert [one["sub"] for one in seen] == [world.people[ANA], world.people[MALLORY]]
    assert claims_of(hers["access_token"])["sid"] != claims_of(other["access_token"])["sid"]


async def test_row_101_a_bad_cookie_is_nobody(world: World) -> None:
    browser = await signed_in(world)
    good = browser.cookies[COOKIE]
    flipped = good[:-9] + ("A" if good[-9] != "A" else "B") + good[-8:]
    await world.add_person(MALLORY)
    for value in (
        "",
        "x",
        "se_",
        good[:-1],
        good + "x",
        flipped,
        good.lower(),
        credentials.new_token("se"),
        good.replace("se_", "br_"),
        world.people[ANA],
        "a" * 5000,
        "eyJhbGciOiJub25lIn0.e30.",
        "%00",
        "é",
        f"{good}; {COOKIE}=x",
        f"x; {COOKIE}={good}",
        f"{good}; {COOKIE}={good}",
    ):
        sent = {b"cookie": f"{COOKIE}={value}".encode()}
        page = await world.client.get("/", headers=sent)
        assert (page.status_code, 'data-test="signed-in"' in page.text) == (200, False), value
        asked = await world.client.get("/consent", headers=sent)
        assert asked.status_code == 400, value
        world.client.cookies.clear()
    twin = await world.client.get("/", headers={"cookie": f"__Host-authserver={good}"})
    assert 'data-test="signed-in"' not in twin.text, "the twin of another scheme"
    assert await is_signed_in(browser)


async def test_row_102_a_session_ends_when_it_is_idle_or_old(world: World, clock: Any) -> None:
    settings = world.server.settings
    browser = await signed_in(world)
    clock.advance(settings.session_idle_seconds + 1)
    assert not await is_signed_in(browser)
    assert (await browser.sign_in(ANA)).status_code == 303
    passed = 0.0
    while passed < settings.session_absolute_seconds:
        assert await is_signed_in(browser), passed
        step = settings.session_idle_seconds * 0.9
        clock.advance(step)
        passed += step
    assert not await is_signed_in(browser)

"""Group R: every event that somebody may have to explain later leaves one record, with the change or not at all."""

from __future__ import annotations

import dataclasses
import functools
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa

from authserver import apis, audit
from authserver.cli import secret, user
from authserver.oauth import clients, refresh_tokens, restored, signing_keys
from authserver.people import passwords, sessions, users
from tests.authserver.protocol.flows import CB, PASSWORD, App, World, answer_of

from .forms import ANA, Form, consent_form, signed_in
from .test_j_login import from_address

THERE = "203.0.113.9"
Act = Callable[[], Awaitable[Any]]


async def recorded(world: World) -> list[audit.Event]:
    """All records, those of the hot path included."""
    await world.oauth.audit_buffer.flush(world.server.state.database)
    events: list[audit.Event] = await world.server.state.database.read(
        lambda session: audit.list_page(session, limit=1000)
    )
    return events


class Watch:
    """Lets things happen, and holds against each the records that it left."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.seen: set[str] = set()

    async def sees(
        self, act: Act, event: str, *more: str, who: str | None = None, client: App | None = None
    ) -> Any:
        """`act` leaves one record of `event`, about this person and client, and one of each of `more`."""
        before = {one.id for one in await recorded(self.world)}
        answer = await act()
        fresh = [one for one in await recorded(self.world) if one.id not in before]
        assert Counter(one.event for one in fresh) == Counter([event, *more]), event
        record = next(one for one in fresh if one.event == event)
        by_request = hasattr(answer, "headers")
        outcome = {"sign_in_throttled": "throttled"}.get(
            event, "failure" if event in audit.FAILURES else "success"
        )
        assert record.outcome == outcome
        assert record.user_id == who, event
        assert record.client_id == (client.client_id if client else None), event
        assert (record.ip, record.request_id) == (
            (THERE, answer.headers["x-request-id"]) if by_request else ("", "")
        ), event
        assert record.at == pytest.approx(self.world.now(), abs=1), event
        self.seen.add(event)
        return answer

    async def change(
        self, event: str, work: Any, *, who: str | None = None, client: App | None = None
    ) -> None:
        """What an operator's command does in one transaction."""

        async def act() -> None:
            await self.world.write(work)

        await self.sees(act, event, who=who, client=client)


@pytest.fixture
def there(world: World) -> World:
    """The same server, from an address that is not ours."""
    return World(dataclasses.replace(world.server, client=from_address(world, THERE)), world.people)


async def test_row_139_every_event_leaves_one_record(there: World, clock: Any, monkeypatch: Any) -> None:
    watch = Watch(there)
    await _people_come_and_go(there, watch)
    await _clients_ask_for_tokens(there, watch)
    await _operators_change_things(there, watch, clock, monkeypatch)
    assert watch.seen == set(audit.EVENTS)


async def _people_come_and_go(world: World, watch: Watch) -> None:
    browser, email = world.browser(), "bea@example.test"

    async def registers() -> Any:
        return await browser.send("POST", "/register", data={"email": email, "password": PASSWORD})

    before = {one.id for one in await recorded(world)}
    await registers()
    made = next(one for one in await recorded(world) if one.id not in before)
    bea = made.user_id
    assert (made.event, made.outcome, made.ip, bool(bea)) == ("account_created", "success", THERE, True)
    watch.seen.add("account_created")
    await watch.sees(lambda: browser.send("POST", "/logout", data={"request": ""}), "signed_out", who=bea)
    await watch.sees(lambda: browser.sign_in(email), "signed_in", who=bea)

    async def fails(address: str = email) -> Any:
        return await world.browser().send("POST", "/login", data={"email": address, "password": "wrong"})

    await watch.sees(fails, "sign_in_failed", who=bea)
    await watch.sees(lambda: fails("nobody@example.test"), "sign_in_failed")
    for _ in range(9):
        await fails()
    await watch.sees(fails, "sign_in_throttled", who=bea)
    records = len(await recorded(world))
    assert (await fails()).status_code == 429
    assert len(await recorded(world)) == records, "a pause is on record once, however many knock"


async def _clients_ask_for_tokens(world: World, watch: Watch) -> None:
    browser = await signed_in(world)
    ana, app = world.people[ANA], await world.add_app("client_secret_post")
    form = await consent_form(browser, app)
    await watch.sees(lambda: _decide(form, "deny"), "consent_denied", who=ana, client=app)
    form = await consent_form(browser, app)
    answer = await watch.sees(lambda: _decide(form, "allow"), "consent_granted", who=ana, client=app)
    code = answer_of(answer, CB + "?")["code"]
    first = await watch.sees(lambda: world.redeem(app, code), "token_issued", who=ana, client=app)
    await watch.sees(lambda: world.redeem(app, code), "code_replayed", who=ana, client=app)
    await world.redeem(app, code)
    assert (await world.refresh(app, first.json()["refresh_token"])).status_code == 400

    tokens = await world.tokens(app)
    used = [tokens["refresh_token"]]
    for _ in range(2):
        again = await watch.sees(lambda: world.refresh(app, used[-1]), "token_issued", who=ana, client=app)
        used.append(again.json()["refresh_token"])
    await watch.sees(lambda: world.refresh(app, used[0]), "refresh_reuse", who=ana, client=app)
    tokens = await world.tokens(app)
    for token in (tokens["access_token"], tokens["refresh_token"]):
        revoke = functools.partial(world.post, "/oauth/revoke", app, token=token)
        await watch.sees(revoke, "token_revoked", who=ana, client=app)
    bad = App(app.client_id, "cs_wrong", "client_secret_post")
    await watch.sees(lambda: world.refresh(bad, "rt_x"), "client_authentication_failed", client=app)

    ours_alone = await world.add_app("client_secret_post", grant_types=["password"], first_party=True)
    await watch.sees(
        lambda: world.token(ours_alone, grant_type="password", username=ANA, password="wrong"),
        "password_grant_failed",
        who=ana,
        client=ours_alone,
    )


async def _decide(form: Form, decision: str) -> Any:
    return await form.send({"sec-fetch-site": "same-origin"}, decision=decision)


async def _operators_change_things(world: World, watch: Watch, clock: Any, monkeypatch: Any) -> None:
    ana, app, now, oauth = world.people[ANA], await world.add_app(), world.now(), world.oauth
    digest = await world.server.state.passwords.hash(passwords.normalise(PASSWORD))
    for event, work in (
        ("user_disabled", users.disable),
        ("user_enabled", users.enable),
        ("sessions_ended", sessions.end_all),
    ):
        await watch.change(event, lambda session, work=work: work(session, ana, now=now), who=ana)
    await watch.change(
        "password_changed", lambda session: users.set_password(session, ana, digest, now=now), who=ana
    )
    more: dict[str, Any] = {"name": "", "locale": None, "admin": False}
    made: list[users.User] = []
    await _new(
        watch,
        "user_created",
        lambda session: made.append(user.add(session, "c@example.test", digest, now=now, **more)),
    )
    await _new(
        watch,
        "client_created",
        lambda session: clients.create(session, name="X", now=now, redirect_uris=[CB]),
    )
    await watch.change(
        "client_changed",
        lambda session: clients.update(session, app.client_id, now=now, name="Y"),
        client=app,
    )
    for event, verb in (
        ("client_secret_rotated", clients.rotate_secret),
        ("client_disabled", clients.disable),
        ("client_enabled", clients.enable),
    ):
        await watch.change(
            event, lambda session, verb=verb: verb(session, app.client_id, now=now), client=app
        )
    api = "https://new.test"
    await watch.change("api_created", lambda session: apis.create(session, api, "New", now))
    await watch.change("api_renamed", lambda session: apis.rename(session, api, f"{api}/1", now=now))
    await watch.change(
        "scope_added", lambda session: apis.add_scope(session, f"{api}/1", "new:read", "a", "b", now)
    )
    await watch.change("key_rotated", lambda session: signing_keys.rotate(oauth, session, emergency=True))
    ring = await world.server.state.database.read(lambda session: signing_keys.ring(oauth, session))
    await watch.change("key_revoked", lambda session: signing_keys.revoke(oauth, session, ring.active.kid))
    await world.write(lambda session: session.execute(sa.delete(signing_keys.table)))
    await watch.change("key_created", lambda session: signing_keys.ensure(oauth, session))
    monkeypatch.setattr("authserver.clock.system", clock)

    async def reseal() -> None:
        await secret._reseal(world.server.settings)

    await watch.sees(reseal, "secret_rotated")
    await watch.change("restored", lambda session: restored.end_everything(session, now=now))


async def _new(watch: Watch, event: str, work: Any) -> None:
    """Something new has an id that nobody knows before; its record has it."""
    before = {one.id for one in await recorded(watch.world)}
    await watch.world.write(work)
    fresh = [one for one in await recorded(watch.world) if one.id not in before]
    assert [(one.event, one.outcome, one.ip) for one in fresh] == [(event, "success", "")]
    assert fresh[0].user_id or fresh[0].client_id
    watch.seen.add(event)


async def test_row_139_what_is_undone_leaves_no_record_and_what_is_done_no_gap(
    world: World, monkeypatch: Any
) -> None:
    """The record is written by the transaction that makes the change: where one fails, both are as they were."""
    await world.add_person()
    app = await world.add_app()
    tokens = await world.tokens(app)
    before = Counter(one.event for one in await recorded(world))

    def fails(*_: Any, **__: Any) -> None:
        raise ConnectionError("the database has gone away")

    revoke = {"token": tokens["refresh_token"]}
    with monkeypatch.context() as broken:
        broken.setattr(audit, "record", fails)
        assert (await world.post("/oauth/revoke", app, **revoke)).status_code == 503
    with monkeypatch.context() as broken:
        broken.setattr(refresh_tokens, "revoke_family", fails)
        assert (await world.post("/oauth/revoke", app, **revoke)).status_code == 503
    assert Counter(one.event for one in await recorded(world)) == before
    assert (await world.introspect(app, tokens["refresh_token"]))["active"]
    assert (await world.post("/oauth/revoke", app, **revoke)).status_code == 200
    assert Counter(one.event for one in await recorded(world)) - before == {"token_revoked": 1}
    assert not (await world.introspect(app, tokens["refresh_token"]))["active"]

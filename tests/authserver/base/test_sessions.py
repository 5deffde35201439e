"""Browser sessions: alive as long as they are used, dead the moment they should be."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from authserver import audit, credentials, settings
from authserver.database import Database
from authserver.people import sessions, users

from ...support.clock import ManualClock

SETTINGS = settings.load(session_idle_seconds=3600, session_absolute_seconds=86400)


class Visitor:
    """Somebody with an account, and the token of their session."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.database, self.clock = database, clock
        self.user_id = self.token = ""

    async def sign_in(self, email: str = "ana@example.test") -> str:
        def work(session: Session) -> str:
            known = users.find_by_email(session, email) or users.add(session, email, None, now=self.clock())
            self.user_id = known.id
            return sessions.start(
                session,
                known.id,
                now=self.clock(),
                amr=("pwd",),
                acr="1",
                user_agent="Firefox " * 100,
                ip="192.0.2.1",
            )

        self.token = await self.database.transaction(work)
        return self.token

    async def found(self, token: str | None = None) -> sessions.Session | None:
        sent = self.token if token is None else token
        return await self.database.read(lambda session: sessions.find(session, sent, self.clock(), SETTINGS))

    async def do(self, work: Callable[[Session], object]) -> object:
        return await self.database.transaction(work)


@pytest.fixture
async def ana(database: Database, clock: ManualClock) -> Visitor:
    visitor = Visitor(database, clock)
    await visitor.sign_in()
    return visitor


async def test_a_session_tells_who_signed_in_how_and_where(ana: Visitor) -> None:
    found = await ana.found()
    assert found is not None
    assert (found.user_id, found.auth_time, found.amr, found.acr) == (ana.user_id, ana.clock(), ("pwd",), "1")
    assert (len(found.user_agent), found.ip) == (500, "192.0.2.1")


async def test_the_token_is_nowhere_in_the_database(ana: Visitor) -> None:
    assert credentials.well_formed(ana.token, "se")
    rows = await ana.database.read(lambda session: session.execute(sa.select(sessions.table)).all())
    assert ana.token not in repr(rows)
    assert rows[0].digest == credentials.digest(ana.token)


async def test_only_the_very_token_opens_it(ana: Visitor) -> None:
    session = await ana.found()
    assert session is not None
    token = ana.token
    for other in (
        "",
        session.id,
        token[:-1],
        token + "0",
        token.swapcase(),
        credentials.new_token("se"),
        "é",
    ):
        assert await ana.found(other) is None


async def test_a_session_in_use_lives_on_and_an_unused_one_ends(ana: Visitor) -> None:
    ana.clock.advance(3599)
    used = await ana.found()
    assert used is not None
    assert sessions.is_due(used, ana.clock())
    await ana.do(lambda session: sessions.touch(session, ana.token, ana.clock()))
    ana.clock.advance(59)
    fresh = await ana.found()
    assert fresh is not None
    assert not sessions.is_due(fresh, ana.clock())
    ana.clock.advance(3600 - 60)
    assert await ana.found() is not None
    ana.clock.advance(1)
    assert await ana.found() is None


async def test_no_session_outlives_its_absolute_time(ana: Visitor) -> None:
    for _ in range(47):
        ana.clock.advance(1800)
        await ana.do(lambda session: sessions.touch(session, ana.token, ana.clock()))
    assert await ana.found() is not None
    ana.clock.advance(1800)
    assert await ana.found() is None


async def test_a_session_ends_with_its_account_and_does_not_come_back(ana: Visitor) -> None:
    ana.clock.advance(1)
    await ana.do(lambda session: users.disable(session, ana.user_id, now=ana.clock()))
    assert await ana.found() is None
    await ana.do(lambda session: users.enable(session, ana.user_id, now=ana.clock()))
    assert await ana.found() is None
    await ana.sign_in()
    assert await ana.found() is not None


async def test_a_new_password_ends_every_session_that_was_there(ana: Visitor) -> None:
    ana.clock.advance(1)
    await ana.do(lambda session: users.set_password(session, ana.user_id, "digest", now=ana.clock()))
    assert await ana.found() is None
    await ana.sign_in()
    assert await ana.found() is not None


async def test_a_person_ends_one_of_their_sessions_or_all_others_but_nobody_elses(
    ana: Visitor, clock: ManualClock
) -> None:
    bruno = Visitor(ana.database, clock)
    await bruno.sign_in("bruno@example.test")
    first, second, third = ana.token, await ana.sign_in(), await ana.sign_in()
    theirs = await ana.found(second)
    assert theirs is not None
    assert not await ana.do(lambda session: sessions.end_one(session, bruno.user_id, theirs.id))
    assert await ana.do(lambda session: sessions.end_one(session, ana.user_id, theirs.id))
    assert not await ana.do(lambda session: sessions.end_one(session, ana.user_id, theirs.id))
    await ana.do(lambda session: sessions.end_all(session, ana.user_id, now=clock(), but=third))
    assert [await ana.found(token) is None for token in (first, second, third)] == [True, True, False]
    listed = await ana.database.read(
        lambda session: sessions.list_of(session, ana.user_id, clock(), SETTINGS)
    )
    assert listed == [await ana.found(third)]
    assert await bruno.found() is not None
    events = await ana.database.read(lambda session: audit.list_page(session, user_id=ana.user_id))
    assert [event.event for event in events] == ["sessions_ended"]


async def test_signing_out_ends_the_session(ana: Visitor) -> None:
    await ana.do(lambda session: sessions.end(session, ana.token))
    await ana.do(lambda session: sessions.end(session, ana.token))
    assert await ana.found() is None


async def test_only_what_is_over_is_deleted(ana: Visitor) -> None:
    unused = ana.token
    ana.clock.advance(1800)
    await ana.sign_in()
    ana.clock.advance(1800)

    def sweep(session: Session) -> int:
        return sessions.delete_expired(session, ana.clock(), 10, settings=SETTINGS)

    assert await ana.do(sweep) == 1
    assert await ana.found(unused) is None
    assert await ana.found() is not None

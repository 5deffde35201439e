"""The audit: everything that has to be explained is there, once, without secrets, for good."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from authserver import audit
from authserver import database as bridge
from authserver.database import Database

NOW = 1_800_000_000.0


async def events(database: Database, **which: Any) -> list[audit.Event]:
    found = await database.read(lambda session: audit.list_page(session, **which))
    return [event for event in found if event.event != "key_created"]


async def test_an_event_says_who_what_when_where_and_how_it_ended(database: Database) -> None:
    token = audit.context.set(audit.Context(request_id="r-1", ip="192.0.2.1"))
    await database.transaction(
        lambda session: audit.record(
            session, "signed_in", now=NOW, user_id="u", client_id="c", method="password"
        )
    )
    audit.context.reset(token)
    (event,) = await events(database)
    assert (event.at, event.event, event.outcome) == (NOW, "signed_in", "success")
    assert (event.user_id, event.client_id, event.grant_id) == ("u", "c", None)
    assert (event.ip, event.request_id) == ("192.0.2.1", "r-1")
    assert event.details == {"method": "password"}


async def test_an_event_is_kept_if_and_only_if_what_it_tells_of_is(database: Database) -> None:
    def kept(session: Session) -> None:
        audit.record(session, "refresh_reuse", now=NOW, grant_id="kept")
        bridge.keep(session)
        raise bridge.Refused(None)

    def lost(session: Session) -> None:
        audit.record(session, "refresh_reuse", now=NOW, grant_id="lost")
        raise bridge.Refused(None)

    for work in (kept, lost):
        with pytest.raises(bridge.Refused):
            await database.transaction(work)
    assert [(event.grant_id, event.outcome) for event in await events(database)] == [("kept", "failure")]


@pytest.mark.parametrize("verb", ["UPDATE events SET event = 'other'", "DELETE FROM events"])
async def test_nobody_changes_or_deletes_an_event(database: Database, verb: str) -> None:
    await database.transaction(lambda session: audit.record(session, "signed_out", now=NOW))
    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        await database.transaction(lambda session: session.execute(sa.text(verb)))
    assert [event.event for event in await events(database)] == ["signed_out"]


@pytest.mark.parametrize(
    "name", ["password", "client_secret", "refresh_token", "code", "code_verifier", "cookie"]
)
def test_a_detail_named_like_a_secret_is_refused(name: str) -> None:
    facts: dict[str, Any] = {name: "x"}
    with pytest.raises(ValueError, match="sounds like a secret"):
        audit.Buffer().add("signed_in", now=NOW, **facts)


def test_an_event_nobody_has_described_is_refused() -> None:
    with pytest.raises(ValueError, match=r"audit\.EVENTS"):
        audit.Buffer().add("something_happened", now=NOW)


def test_every_event_has_a_sentence() -> None:
    assert all(sentence.endswith(".") and sentence[0].isupper() for sentence in audit.EVENTS.values())


async def test_long_texts_are_cut(database: Database) -> None:
    await database.transaction(
        lambda session: audit.record(session, "client_changed", now=NOW, note="x" * 100_000)
    )
    assert len((await events(database))[0].details["note"]) == 1000


async def test_the_hot_path_writes_later_with_the_request_it_was_in(database: Database) -> None:
    buffer = audit.Buffer()
    token = audit.context.set(audit.Context(request_id="r-2", ip="192.0.2.2"))
    for number in range(1200):
        buffer.add("token_issued", now=NOW + number, client_id="c")
    audit.context.reset(token)
    assert await events(database) == []
    await buffer.flush(database)
    await buffer.flush(database)
    found = await events(database, limit=2000)
    assert len(found) == 1200
    assert {(event.request_id, event.ip) for event in found} == {("r-2", "192.0.2.2")}


async def test_what_could_not_be_written_is_written_later(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "BUFFER_LENGTH", 3)
    buffer = audit.Buffer()
    for number in range(5):
        buffer.add("token_issued", now=NOW + number)
    assert buffer.lost == 2
    away = Database("postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(bridge.UnavailableError):
        await buffer.flush(away)
    await away.close()
    await buffer.flush(database)
    assert [event.at for event in await events(database)] == [NOW + 4, NOW + 3, NOW + 2]


async def test_pages_go_back_in_time_and_can_be_narrowed(database: Database) -> None:
    def put(session: Session) -> None:
        for number in range(5):
            audit.record(session, "signed_in", now=NOW + number, user_id=f"u{number % 2}")
        audit.record(session, "client_created", now=NOW, client_id="c")

    await database.transaction(put)
    first = await events(database, limit=2, event="signed_in")
    second = await events(database, limit=2, event="signed_in", before=first[-1].id)
    assert [event.at - NOW for event in [*first, *second]] == [4, 3, 2, 1]
    assert len(await events(database, user_id="u1")) == 2
    assert [event.event for event in await events(database, client_id="c")] == ["client_created"]

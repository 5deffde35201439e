"""Accounts: one per address however it is spelt, and none for addresses that only look like one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy.orm import Session

from authserver import audit, cache
from authserver.database import Database
from authserver.people import users

from .conftest import Opened

NOW = 1_800_000_000.0


async def add(database: Database, email: str = "Ana@Example.test", name: str = "") -> users.User:
    return await database.transaction(lambda session: users.add(session, email, "digest", now=NOW, name=name))


async def by_email(database: Database, email: str) -> users.User | None:
    return await database.read(lambda session: users.find_by_email(session, email))


async def test_an_account_is_found_by_any_spelling_of_its_address(database: Database) -> None:
    user = await add(database, "  Ana.Müller@Bücher.Test ", name="  Ana   Müller ")
    assert (user.email, user.name) == ("Ana.Müller@bücher.test", "Ana Müller")
    assert (user.is_admin, user.disabled_at, user.valid_from, user.created_at) == (False, None, NOW, NOW)
    for spelling in (
        "ANA.MÜLLER@BÜCHER.TEST",
        "ana.mu\u0308ller@bücher.test",
        "ana.müller@xn--bcher-kva.test ",
        "ａna.müller@bücher.test",
    ):
        assert await by_email(database, spelling) == user
    assert await database.read(lambda session: users.find(session, user.id)) == user
    assert await by_email(database, "ana@bücher.test") is None


@pytest.mark.parametrize(
    "spelling", ["ana@example.test", "ANA@EXAMPLE.TEST", " ana@example.test", "ａna@example.test"]
)
async def test_an_address_has_one_account(database: Database, spelling: str) -> None:
    await add(database)
    with pytest.raises(users.EmailTakenError):
        await add(database, spelling)


async def test_of_a_hundred_registrations_at_once_one_succeeds(opened: Opened) -> None:
    one, other = opened(), opened()
    results = await asyncio.gather(
        *(
            add(each, "ana@example.test" if n % 3 else "ANA@example.test")
            for n, each in enumerate([one, other] * 50)
        ),
        return_exceptions=True,
    )
    made = [result for result in results if isinstance(result, users.User)]
    assert len(made) == 1
    assert sum(isinstance(result, users.EmailTakenError) for result in results) == 99
    assert await one.read(users.list_page) == made


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ana",
        "@example.test",
        "ana@",
        "ana@localhost",
        "a@b@example.test",
        "ana@example.test\r\nBcc: x@example.test",
        "an\u200ba@example.test",
        "an\u202ea@example.test",
        "ana\0@example.test",
        "\u0430na@example.test",  # its first letter is Cyrillic
        "ana b@example.test",
        "ana@exa mple.test",
        "ana@[192.0.2.1]",
        f"{'a' * 65}@example.test",
        f"a@{'.'.join(['b' * 60] * 5)}.test",
    ],
)
async def test_what_is_no_address_or_a_disguised_one_is_refused(database: Database, email: str) -> None:
    with pytest.raises(users.EmailError):
        await add(database, email)
    assert await by_email(database, email) is None


@pytest.mark.parametrize("email", ["o'brien+news@example.org", "иван@пример.test", "山田たろう@例え.test"])
def test_real_addresses_of_all_the_world_are_taken(email: str) -> None:
    assert users.check_email(email) == email


async def test_a_disabled_account_and_a_new_password_end_what_was_before(database: Database) -> None:
    user = await add(database)

    async def change(verb: Callable[..., None], *more: str, now: float) -> users.User:
        def work(session: Session) -> users.User | None:
            verb(session, user.id, *more, now=now)
            return users.find(session, user.id)

        found = await database.transaction(work)
        assert found is not None
        return found

    disabled = await change(users.disable, now=NOW + 1)
    assert (disabled.disabled_at, disabled.valid_from) == (NOW + 1, NOW + 1)
    enabled = await change(users.enable, now=NOW + 2)
    assert (enabled.disabled_at, enabled.valid_from) == (None, NOW + 1)
    changed = await change(users.set_password, "another", now=NOW + 3)
    assert (changed.password_digest, changed.valid_from) == ("another", NOW + 3)
    for known, digest in ((user, "another"), (changed, "rehashed")):  # who knows the old one undoes nothing
        await database.transaction(partial(users.rehash, user=known, password_digest="rehashed"))
        rehashed = await database.read(lambda session: users.find(session, user.id))
        assert rehashed is not None
        assert (rehashed.password_digest, rehashed.valid_from) == (digest, NOW + 3)
    events = await database.read(lambda session: audit.list_page(session, user_id=user.id))
    assert [event.event for event in events] == ["password_changed", "user_enabled", "user_disabled"]


async def test_who_keeps_an_account_in_memory_is_told(database: Database) -> None:
    kept = cache.Cache(database)
    user = await add(database)

    async def cached() -> users.User | None:
        return await database.read(lambda session: kept.get(session, "user", user.id, users.find))

    assert await cached() == user
    await database.transaction(lambda session: users.disable(session, user.id, now=NOW + 1))
    found = await cached()
    assert found is not None
    assert found.disabled_at == NOW + 1


@pytest.mark.parametrize("verb", [users.disable, users.enable])
async def test_nobody_is_not_an_account(database: Database, verb: Callable[..., None]) -> None:
    with pytest.raises(users.UnknownUserError, match="user list"):
        await database.transaction(lambda session: verb(session, "nobody", now=NOW))


async def test_accounts_are_listed_in_pages(database: Database) -> None:
    made = [await add(database, f"user{number}@example.test") for number in range(5)]

    async def page(after: str | None) -> list[users.User]:
        return await database.read(lambda session: users.list_page(session, after=after, limit=2))

    everyone: list[users.User] = []
    while found := await page(everyone[-1].id if everyone else None):
        everyone += found
    assert sorted(everyone, key=lambda user: user.email) == made

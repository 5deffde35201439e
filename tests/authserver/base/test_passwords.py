"""Passwords: what is good enough, and a lane that never lets those who sign in crowd out everybody else."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator

import argon2
import pytest

from authserver import settings
from authserver.people import passwords
from authserver.people.passwords import Lane

GOOD = "correct horse battery staple 7"
KNOWN = ("ana.garcia@example.test", "Ana García", "Photothèque")


def lane_of(**changes: int) -> Lane:
    return Lane(settings.load(**{"password_memory_kib": 8, "password_passes": 1, **changes}))


@pytest.fixture
def lane() -> Iterator[Lane]:
    made = lane_of()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("password", "codes"),
    [
        (GOOD, []),
        ("tandem-fjord-quartz", []),
        ("дом на синем холме", []),
        ("x7#" * 3 + "ab", ["too_short"]),
        ("e\u0301" * 11, ["too_short"]),  # eleven letters, however they are typed
        ("kvantum ölbryggeri " * 6 + "0123456789012", []),  # 127 characters
        ("a" * 129, ["too_long"]),
        ("password1234", ["too_weak"]),
        ("aaaaaaaaaaaaaaaa", ["too_weak"]),
        ("qwertyuiop12", ["too_weak"]),
        ("ana.garcia@example.test", ["contains_email"]),
        ("ana.garcia12", ["contains_email"]),
        ("Photothèque12", ["contains_email"]),
    ],
)
async def test_a_password_is_long_and_hard_to_guess_and_anything_else_is_free(
    lane: Lane, password: str, codes: list[str]
) -> None:
    assert [problem.code for problem in passwords.check_new(password, inputs=KNOWN)] == codes
    assert [problem.code for problem in await lane.check_new(password, inputs=KNOWN)] == codes


async def test_a_password_is_right_or_wrong(lane: Lane) -> None:
    digest = await lane.hash(passwords.normalise("naïve café au lait"))
    assert digest.startswith("$argon2id$")
    assert digest != await lane.hash("naïve café au lait")
    assert (await lane.verify(digest, passwords.normalise("nai\u0308ve cafe\u0301 au lait"))).ok
    for wrong in ("naïve café au lai", "naïve café au lait ", "Naïve café au lait", "", "x" * 60_000):
        assert not (await lane.verify(digest, wrong)).ok


@pytest.mark.parametrize("length", [72, 73, 128])
async def test_every_character_counts_and_any_is_allowed(lane: Lane, length: int) -> None:
    password = ("a\0é🙂 " * 30)[: length - 1]
    digest = await lane.hash(password + "1")
    assert (await lane.verify(digest, password + "1")).ok
    assert not (await lane.verify(digest, password + "2")).ok
    assert not (await lane.verify(digest, password.partition("\0")[0])).ok
    assert not (await lane.verify(digest, "\ud800")).ok


@pytest.mark.parametrize("digest", [None, "", "!", "$argon2id$v=19$m=8,t=1,p=1$broken"])
async def test_nobody_has_no_password(lane: Lane, digest: str | None) -> None:
    assert await lane.verify(digest, GOOD) == passwords.Verification(ok=False)


async def test_unknown_accounts_take_as_long_as_known_ones() -> None:
    lane = lane_of(password_memory_kib=8 * 1024, password_passes=2)
    digest = await lane.hash(GOOD)

    times: dict[str | None, list[float]] = {digest: [], None: []}
    for _ in range(25):  # by turns, and the shortest counts: what else the machine does shall not matter
        for each, spent in times.items():
            started = time.perf_counter()
            await lane.verify(each, "wrong " + GOOD)
            spent.append(time.perf_counter() - started)
    assert min(times[None]) == pytest.approx(min(times[digest]), rel=0.5)
    lane.close()


async def test_digests_made_with_other_parameters_are_made_anew() -> None:
    old, new = lane_of(password_passes=1), lane_of(password_passes=2)
    digest = await old.hash(GOOD)
    assert await old.verify(digest, GOOD) == passwords.Verification(ok=True, needs_rehash=False)
    assert await new.verify(digest, GOOD) == passwords.Verification(ok=True, needs_rehash=True)
    assert await new.verify(digest, "wrong " + GOOD) == passwords.Verification(ok=False, needs_rehash=False)
    old.close()
    new.close()


async def test_one_is_hashed_twenty_wait_and_the_others_hear_that_it_is_busy() -> None:
    lane = lane_of(password_memory_kib=8 * 1024)
    results = await asyncio.gather(*(lane.hash(GOOD) for _ in range(40)), return_exceptions=True)
    busy = [result for result in results if isinstance(result, passwords.BusyError)]
    assert len(results) - len(busy) == 21
    assert all(refused.retry_after_seconds > 0 for refused in busy)
    await lane.hash(GOOD)  # and then there is room again
    lane.close()


async def test_who_gave_up_leaves_room_for_others() -> None:
    lane = lane_of(password_memory_kib=8 * 1024)
    waiting = [asyncio.create_task(lane.hash(GOOD)) for _ in range(21)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await lane.hash(GOOD)
    lane.close()


async def test_the_loop_turns_while_the_lane_works() -> None:
    lane = lane_of(password_memory_kib=64 * 1024, password_passes=3)
    task = asyncio.create_task(lane.hash(GOOD))
    turns = 0
    while not task.done():
        await asyncio.sleep(0.005)
        turns += 1
    assert turns > 3
    lane.close()


async def test_the_lane_yields_to_requests(lane: Lane) -> None:
    await lane.hash(GOOD)
    nice = {
        os.getpriority(os.PRIO_PROCESS, thread.native_id)
        for thread in threading.enumerate()
        if thread.name.startswith("passwords") and thread.native_id is not None
    }
    if hasattr(os, "sched_getaffinity"):  # only Linux gives threads a priority of their own
        assert min(nice) > os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    else:
        assert nice == {os.getpriority(os.PRIO_PROCESS, 0)}


async def test_the_default_is_owasps_first_profile() -> None:
    lane = Lane(settings.load())
    found = argon2.extract_parameters(await lane.hash(GOOD))
    assert found.type is argon2.Type.ID
    assert (found.memory_cost, found.time_cost, found.parallelism) == (47104, 1, 1)
    lane.close()

"""The child that draws: bounded in time, in memory, and in how many wait."""

import asyncio
import os
import pickle
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from resource_api import database, easel, studio
from resource_api.problems import Problem


def add(left: int, right: int) -> int:
    return left + right


def child() -> int:
    return os.getpid()


def spin() -> None:
    while True:
        pass


def swell() -> int:
    return len(bytearray(2 * studio.MEMORY_BYTES))


def fail() -> None:
    raise ValueError("no")


def trap() -> object:
    return _Trap()


class _Trap:
    def __reduce__(self) -> tuple[object, ...]:
        return os.getcwd, ()


def nap(seconds: float) -> None:
    time.sleep(seconds)


def session_niceness(pid: int) -> int | None:
    """None where niceness counts among all processes, not among those of one session."""
    path = Path(f"/proc/{pid}/autogroup")
    return int(path.read_text().split()[-1]) if path.exists() else None


@pytest.fixture
async def room() -> AsyncIterator[studio.Studio]:
    opened = studio.Studio()
    yield opened
    await opened.close()


async def test_work_is_done_elsewhere(room: studio.Studio) -> None:
    assert await room.run(add, 1, 2) == 3
    assert await room.run(child) != os.getpid()


async def test_requests_go_first(room: studio.Studio) -> None:
    pid = await room.run(child)
    assert os.getpriority(os.PRIO_PROCESS, pid) - os.getpriority(os.PRIO_PROCESS, 0) == easel.NICENESS
    assert session_niceness(pid) in {easel.NICENESS, None}


async def test_an_error_comes_back_as_itself(room: studio.Studio) -> None:
    with pytest.raises(ValueError, match="no"):
        await room.run(fail)
    assert await room.run(add, 1, 2) == 3


async def test_work_that_does_not_end_is_ended_and_the_next_is_done() -> None:
    room = studio.Studio(cpu_seconds=0)
    with pytest.raises(Problem) as caught:
        await room.run(spin)
    assert caught.value.kind.status == 422
    assert await room.run(add, 1, 2) == 3
    await room.close()


async def test_what_the_machine_has_no_time_for_or_ends_may_be_asked_for_again(
    room: studio.Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = await room.run(child)
    working = asyncio.create_task(room.run(nap, 60))
    await asyncio.sleep(0.1)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(Problem) as killed:
        await working
    monkeypatch.setattr(studio, "WALL_SECONDS", 0.1)
    with pytest.raises(Problem) as late:
        await room.run(nap, 60)
    monkeypatch.undo()
    with pytest.raises(Problem) as ended:
        await room.run(os._exit, 1)  # as when it can't even begin
    for caught in (killed, late, ended):
        assert caught.value.kind.status == 503
        assert int(caught.value.headers["Retry-After"]) > 0
    assert await room.run(add, 1, 2) == 3


async def test_a_request_that_is_given_up_leaves_no_answer_behind(room: studio.Studio) -> None:
    given_up = asyncio.create_task(room.run(nap, 0.2))
    await asyncio.sleep(0.1)
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    assert await room.run(add, 1, 2) == 3


async def test_the_child_may_not_send_anything_that_runs(room: studio.Studio) -> None:
    with pytest.raises(pickle.UnpicklingError):
        await room.run(trap)
    assert await room.run(add, 1, 2) == 3


async def test_the_child_ends_with_the_service(room: studio.Studio) -> None:
    pid = await room.run(child)
    await room.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_work_that_takes_too_much_memory_is_refused(room: studio.Studio) -> None:
    with pytest.raises(Problem) as caught:
        await room.run(swell)
    assert caught.value.kind.status == 422
    assert await room.run(add, 1, 2) == 3


async def test_when_too_many_wait_the_next_hears_503(room: studio.Studio) -> None:
    waiting = [asyncio.create_task(room.run(nap, 0.01)) for _ in range(studio.WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Problem) as caught:
        await room.run(add, 1, 2)
    assert caught.value.kind.status == 503
    await asyncio.gather(*waiting)
    assert await room.run(add, 1, 2) == 3


async def test_one_owner_cannot_take_every_place(room: studio.Studio) -> None:
    order: list[str] = []

    async def take(owner: str, name: str) -> None:
        async with room.turn(owner):
            order.append(f"{name} in")
            await asyncio.sleep(0.005)
            order.append(f"{name} out")

    await asyncio.gather(take("ana", "a"), take("ana", "b"), take("bruno", "c"))
    assert order.index("a out") < order.index("b in")
    assert order.index("c in") < order.index("b in")


async def test_when_the_database_is_away_those_in_line_hear_so_with_the_first(room: studio.Studio) -> None:
    release = asyncio.Event()
    tried: list[str] = []

    async def ask(owner: str) -> None:
        async with room.turn(owner):
            tried.append(owner)
            await release.wait()
            raise database.UnavailableError

    asking = [asyncio.create_task(ask(owner)) for owner in ("ana", "ana", "ana", "bruno")]
    await asyncio.sleep(0)
    release.set()
    errors = await asyncio.gather(*asking, return_exceptions=True)
    assert tried == ["ana", "bruno"]
    assert [type(error) for error in errors] == [
        database.UnavailableError,
        Problem,
        Problem,
        database.UnavailableError,
    ]
    async with room.turn("ana"):
        tried.append("ana again")
    assert tried[-1] == "ana again"


async def test_too_many_of_one_owner_are_429_and_others_are_not(room: studio.Studio) -> None:
    release = asyncio.Event()

    async def hold() -> None:
        async with room.turn("ana"):
            await release.wait()

    holding = [asyncio.create_task(hold()) for _ in range(studio.OWN_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(Problem) as caught:
        async with room.turn("ana"):
            pass
    assert caught.value.kind.status == 429
    async with room.turn("bruno"):
        pass
    release.set()
    await asyncio.gather(*holding)
    async with room.turn("ana"):
        pass

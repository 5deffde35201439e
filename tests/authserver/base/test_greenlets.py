"""Greenlets that serve one call after another: each call is as if its greenlet were new."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref
from collections.abc import Callable
from contextvars import ContextVar

import greenlet
import pytest
from sqlalchemy.util import concurrency

from authserver.greenlets import Greenlets

told: ContextVar[str] = ContextVar("told", default="nothing")


class _Thing:
    """Something whose end can be seen."""


class _OwnError(Exception):
    pass


def waiting(answer: str, seconds: float = 0.0) -> Callable[[], str]:
    def work() -> str:
        got: str = concurrency.await_(asyncio.sleep(seconds, answer))
        return got

    return work


async def used_by(greenlets: Greenlets) -> greenlet.greenlet:
    """The greenlet that serves next."""
    return await greenlets.run(greenlet.getcurrent)


async def test_one_serves_again_when_its_work_is_done() -> None:
    greenlets = Greenlets()
    first = await used_by(greenlets)
    assert await greenlets.run(waiting("slowly")) == "slowly"
    assert await used_by(greenlets) is first


async def test_many_at_once_each_get_their_own_answer() -> None:
    greenlets = Greenlets()
    for _ in range(2):  # the second time by those of the first, and some more than are kept
        answers = await asyncio.gather(
            *(greenlets.run(waiting(str(number), 0.001 * (number % 7))) for number in range(250))
        )
        assert answers == [str(number) for number in range(250)]


async def test_an_error_is_raised_as_it_was_and_the_next_call_knows_nothing_of_it() -> None:
    greenlets = Greenlets()
    first = await used_by(greenlets)
    error = _OwnError()

    def fail() -> None:
        concurrency.await_(asyncio.sleep(0))
        raise error

    for _ in range(2):
        with pytest.raises(_OwnError) as raised:
            await greenlets.run(fail)
        assert raised.value is error
        assert error.__context__ is None
    assert await used_by(greenlets) is first


async def test_the_work_may_answer_for_what_it_waited_for() -> None:
    async def fail() -> None:
        raise _OwnError

    def work() -> str:
        try:
            concurrency.await_(fail())
        except _OwnError:
            return "mended"
        return "unseen"

    assert await Greenlets().run(work) == "mended"


async def test_a_cancelled_call_ends_by_its_own_finally() -> None:
    greenlets = Greenlets()
    first = await used_by(greenlets)
    ended = []

    def work() -> None:
        try:
            concurrency.await_(asyncio.sleep(60))
        finally:
            ended.append(concurrency.await_(asyncio.sleep(0, "tidied")))

    task = asyncio.create_task(greenlets.run(work))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["tidied"]
    assert await used_by(greenlets) is first


async def test_context_variables_are_those_of_each_caller() -> None:
    greenlets = Greenlets()

    def work() -> str:
        before = told.get()
        told.set(f"{before}, and more")
        return before

    async def call(word: str) -> tuple[str, str]:
        told.set(word)
        return await greenlets.run(work), told.get()

    tasks = [asyncio.create_task(call(word)) for word in ("one", "two")]
    assert await asyncio.gather(*tasks) == [("one", "one, and more"), ("two", "two, and more")]
    assert await greenlets.run(told.get) == "nothing"


@pytest.mark.parametrize("failing", [False, True])
async def test_nothing_of_a_call_stays_when_it_is_over(failing: bool) -> None:
    greenlets = Greenlets()
    seen: list[weakref.ref[_Thing]] = []
    in_context: ContextVar[_Thing] = ContextVar("in_context")

    def work(given: _Thing) -> _Thing:
        made = _Thing()
        seen.extend((weakref.ref(given), weakref.ref(made)))
        if failing:
            raise _OwnError
        return made

    async def call() -> None:
        thing = _Thing()
        in_context.set(thing)
        with contextlib.suppress(_OwnError):
            await greenlets.run(lambda: work(thing))

    await asyncio.create_task(call())
    await asyncio.sleep(0)  # the loop itself remembers what it ran last
    gc.collect()
    assert len(seen) == 2
    assert [reference() for reference in seen] == [None, None]


async def test_work_left_in_the_middle_is_unwound() -> None:
    greenlets = Greenlets()
    ended = []

    def work() -> None:
        try:
            concurrency.await_(asyncio.get_running_loop().create_future())
        finally:
            ended.append("unwound")

    running = greenlets.run(work)
    running.send(None)
    running.close()
    assert ended == ["unwound"]
    assert await greenlets.run(waiting("as ever")) == "as ever"

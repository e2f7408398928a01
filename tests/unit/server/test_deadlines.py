"""What takes too long is ended, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from eventkeep.server.deadlines import Deadlines


async def after(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "there"


def test_a_result_in_time_is_handed_on() -> None:
    assert asyncio.run(Deadlines(60.0).within(after(0.0))) == "there"


def test_what_is_late_is_cancelled_and_told() -> None:
    async def late() -> tuple[bool, int]:
        deadlines = Deadlines(0.01)
        was_cancelled = False

        async def slow() -> None:
            nonlocal was_cancelled
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                was_cancelled = True
                raise

        with pytest.raises(TimeoutError):
            await deadlines.within(slow())
        # The task itself goes on as if nobody had asked for its end.
        task = asyncio.current_task()
        assert task is not None
        assert await deadlines.within(after(0.0)) == "there"
        return was_cancelled, task.cancelling()

    assert asyncio.run(late()) == (True, 0)


def test_a_cancellation_by_others_stays_one() -> None:
    async def cancelled() -> bool:
        deadlines = Deadlines(60.0)
        task = asyncio.create_task(deadlines.within(after(60.0)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return task.cancelled()

    assert asyncio.run(cancelled())


def test_an_error_of_its_own_is_handed_on() -> None:
    async def broken() -> None:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        asyncio.run(Deadlines(60.0).within(broken()))

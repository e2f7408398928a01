"""Threads for reads: one at a time, unless one takes long."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator

import pytest

from eventkeep.errors import NotFound, Unavailable
from eventkeep.limits import READER_THREADS, READS_WAITING_MAX
from eventkeep.server import readers as readers_module
from eventkeep.server.readers import Readers
from eventkeep.server.services import Services


class Closing:
    """The part of `Services` that readers need."""

    def __init__(self) -> None:
        self._acts: list[Callable[[], None]] = []

    def before_close(self, act: Callable[[], None]) -> None:
        self._acts.append(act)

    def close(self) -> None:
        for act in self._acts:
            act()


@pytest.fixture
def services() -> Iterator[Services]:
    closing = Closing()
    yield closing  # type: ignore[misc]
    closing.close()


def run(act: Callable[[], Awaitable[None]]) -> None:
    async def with_limit() -> None:
        await asyncio.wait_for(act(), 30)

    asyncio.run(with_limit())


async def keep_busy(readers: Readers, release: threading.Event, count: int) -> list[asyncio.Task[bool]]:
    """So many reads that run until ``release`` is set, once all of them do."""
    begun: list[int] = []

    def read() -> bool:
        begun.append(1)
        return release.wait()

    tasks = [asyncio.create_task(readers.run(read)) for _ in range(count)]
    while len(begun) < count:
        await asyncio.sleep(0.005)
    return tasks


def test_results_and_errors_reach_those_who_wait(services: Services) -> None:
    readers = Readers(services)

    def fail() -> None:
        raise NotFound("nothing there")

    async def act() -> None:
        found = await asyncio.gather(*(readers.run(lambda number=number: number) for number in range(50)))  # type: ignore[misc]
        assert found == list(range(50))
        with pytest.raises(NotFound):
            await readers.run(fail)
        assert await readers.run(lambda: "and on") == "and on"

    run(act)


def test_short_reads_run_one_at_a_time(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    # On a busy machine a short read may take long.
    monkeypatch.setattr(readers_module, "READ_TURN_SECONDS", 60.0)
    readers = Readers(services)
    threads = set()

    async def act() -> None:
        for _ in range(20):
            threads.update(await asyncio.gather(*(readers.run(threading.get_ident) for _ in range(5))))

    run(act)
    assert len(threads) == 1


def test_others_go_on_beside_long_reads(services: Services) -> None:
    readers, release = Readers(services), threading.Event()

    async def act() -> None:
        long = await keep_busy(readers, release, READER_THREADS - 1)
        for number in range(20):
            assert await readers.run(lambda: number) == number  # noqa: B023
        assert not any(task.done() for task in long)
        release.set()
        assert all(await asyncio.gather(*long))
        # The threads of the long ones are there again.
        again = [asyncio.create_task(readers.run(lambda: True)) for _ in range(20)]
        assert all(await asyncio.gather(*again))

    run(act)


def test_reads_behind_as_many_long_ones_as_threads_wait(services: Services) -> None:
    readers, release = Readers(services), threading.Event()

    async def act() -> None:
        long = await keep_busy(readers, release, READER_THREADS)
        waiting = asyncio.create_task(readers.run(lambda: "done"))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        release.set()
        assert await waiting == "done"
        await asyncio.gather(*long)

    run(act)


def test_a_read_that_nobody_waits_for_any_more_is_left_out(services: Services) -> None:
    readers, release, called = Readers(services), threading.Event(), threading.Event()

    async def act() -> None:
        long = await keep_busy(readers, release, READER_THREADS)
        given_up = asyncio.create_task(readers.run(called.set))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        release.set()
        await asyncio.gather(*long)
        await readers.run(lambda: None)

    run(act)
    assert not called.is_set()


def test_too_many_waiting_reads_are_refused(services: Services) -> None:
    readers, release = Readers(services), threading.Event()

    async def act() -> None:
        waiting = [asyncio.create_task(readers.run(release.wait)) for _ in range(READS_WAITING_MAX)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="reads wait already"):
            await readers.run(lambda: None)
        release.set()
        await asyncio.gather(*waiting)
        await readers.run(lambda: None)

    run(act)


def test_closing_carries_out_the_reads_that_wait() -> None:
    before, closing = set(threading.enumerate()), Closing()
    readers = Readers(closing)  # type: ignore[arg-type]

    async def act() -> None:
        waiting = [asyncio.create_task(readers.run(lambda: True)) for _ in range(50)]
        await asyncio.sleep(0)
        await asyncio.to_thread(closing.close)
        assert all(await asyncio.gather(*waiting))

    run(act)
    assert not [each for each in set(threading.enumerate()) - before if each.name.startswith("read_")]

"""Workers: what they make of a body, how they end, and that nobody waits for one that is gone."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

import eventkeep.server.workers as workers_module
from eventkeep.errors import Unavailable
from eventkeep.limits import WORKER_BYTES_MAX, WORKER_SLOTS
from eventkeep.protocol.creates.parser import quick_bulk_create, quick_create_event
from eventkeep.protocol.revisions import REVISIONS
from eventkeep.server import workers
from eventkeep.server.worker import pack, unpack
from eventkeep.server.workers import Workers, worker_count
from tests.faults.load import bulk_body, single_body
from tests.submitted import unique_ids

NOW = 1_780_000_000
REVISION = REVISIONS[-1]
BULK = bulk_body([f"order-{place}" for place in range(100)], 1, 600)
SINGLE = single_body("order-1", 1, 60_000)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No pause before a worker takes another's place."""
    monkeypatch.setattr(workers_module, "WORKER_RESTART_SECONDS", 0.0)
    yield


def run(act: Callable[[Workers], Awaitable[None]], count: int = 1) -> None:
    """Do it with workers that are ready, and see that all of them end."""

    async def running() -> None:
        workers = Workers(count)
        for _ in range(count):
            assert await workers.read(BULK, True, REVISION, NOW) is None or workers.processes
        await until(lambda: len(workers.processes) == count)
        numbers = workers.processes
        try:
            await act(workers)
        finally:
            numbers += workers.processes
            workers.close()
        assert not any(Path(f"/proc/{number}").exists() for number in numbers)

    asyncio.run(running())


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_so():
            await asyncio.sleep(0.01)


def test_a_worker_reads_as_the_server_does() -> None:
    async def act(workers: Workers) -> None:
        packed = await workers.read(BULK, True, REVISION, NOW)
        assert packed and unpack(packed, True) == quick_bulk_create(BULK, REVISION, NOW)
        packed = await workers.read(SINGLE, False, REVISIONS[0], NOW)
        assert packed and unpack(packed, False) == quick_create_event(SINGLE, REVISIONS[0], NOW)

    run(act)


@pytest.mark.parametrize("body", [b"", b"{}", b"[" * 100_000, BULK[:-1], BULK.replace(b"@", b"#")])
def test_what_takes_the_closer_look_comes_back_as_nothing(body: bytes) -> None:
    async def act(workers: Workers) -> None:
        assert await workers.read(body, True, REVISION, NOW) == b""
        assert await workers.read(BULK, True, REVISION, NOW)

    run(act)


def test_what_has_no_room_takes_the_closer_look(monkeypatch: pytest.MonkeyPatch) -> None:
    submission = quick_bulk_create(BULK, REVISION, NOW)
    size = len(pack(submission))
    assert size < WORKER_BYTES_MAX
    monkeypatch.setattr("eventkeep.server.worker.WORKER_BYTES_MAX", size)
    assert len(pack(submission)) == size
    monkeypatch.setattr("eventkeep.server.worker.WORKER_BYTES_MAX", size - 1)
    assert pack(submission) == b""
    assert unpack(b"", True) is None


def test_many_bodies_at_once_each_get_their_own_answer() -> None:
    async def act(workers: Workers) -> None:
        bodies = [bulk_body([f"{number}-{place}" for place in range(30)], number) for number in range(60)]
        packed = await asyncio.gather(*(workers.read(body, True, REVISION, NOW) for body in bodies))
        for number, answer in enumerate(packed):
            submission = unpack(answer or b"", True)
            assert submission is not None
            assert unique_ids(submission) == [f"{number}-{place}" for place in range(30)]

    run(act, count=2)


def test_who_waits_for_a_worker_that_ends_gets_nothing_and_another_takes_its_place() -> None:
    async def act(workers: Workers) -> None:
        (number,) = workers.processes
        os.kill(number, signal.SIGSTOP)
        # Some are with it, and some wait.
        reads = [asyncio.ensure_future(workers.read(BULK, True, REVISION, NOW)) for _ in range(2 * WORKER_SLOTS)]
        await asyncio.sleep(0.05)
        os.kill(number, signal.SIGKILL)
        assert await asyncio.gather(*reads) == [None] * len(reads)
        assert workers.processes == []
        assert await workers.read(BULK, True, REVISION, NOW) is None
        await until(lambda: len(workers.processes) == 1)
        assert workers.processes != [number]
        assert await workers.read(BULK, True, REVISION, NOW)

    run(act)


def test_a_worker_that_does_not_answer_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(workers: Workers) -> None:
        (number,) = workers.processes
        os.kill(number, signal.SIGSTOP)
        with monkeypatch.context() as patch:
            patch.setattr(workers_module, "WORKER_SECONDS_MAX", 0.1)
            assert await workers.read(BULK, True, REVISION, NOW) is None
        await until(lambda: workers.processes == [])
        await workers.read(BULK, True, REVISION, NOW)
        await until(lambda: len(workers.processes) == 1)
        assert await workers.read(BULK, True, REVISION, NOW)

    run(act)


def test_who_goes_away_leaves_nothing_behind() -> None:
    async def act(workers: Workers) -> None:
        (number,) = workers.processes
        os.kill(number, signal.SIGSTOP)
        reads = [asyncio.ensure_future(workers.read(BULK, True, REVISION, NOW)) for _ in range(3 * WORKER_SLOTS)]
        await asyncio.sleep(0.05)
        for read in reads:
            read.cancel()
        await asyncio.gather(*reads, return_exceptions=True)
        assert (len(workers._waiting), workers._waiting_bytes) == (0, 0)
        os.kill(number, signal.SIGCONT)
        for _ in range(2 * WORKER_SLOTS):
            assert await workers.read(BULK, True, REVISION, NOW)

    run(act)


def test_no_more_bodies_wait_than_may(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act(workers: Workers) -> None:
        (number,) = workers.processes
        os.kill(number, signal.SIGSTOP)
        monkeypatch.setattr(workers_module, "BODIES_WAITING_MAX", 3)
        reads = [asyncio.ensure_future(workers.read(BULK, True, REVISION, NOW)) for _ in range(WORKER_SLOTS + 3)]
        await asyncio.sleep(0.05)
        with pytest.raises(Unavailable, match="Too many bodies wait"):
            await workers.read(BULK, True, REVISION, NOW)
        os.kill(number, signal.SIGCONT)
        assert all(await asyncio.gather(*reads))

    run(act)


def test_none_is_started_where_none_is_wanted_or_the_system_has_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    async def act() -> None:
        none = Workers(0)
        assert await none.read(BULK, True, REVISION, NOW) is None
        assert none.processes == []

        def refuse(*_: object, **__: object) -> None:
            raise OSError(12, "Cannot allocate memory")

        monkeypatch.setattr("subprocess.Popen", refuse)
        some = Workers(1)
        assert await some.read(BULK, True, REVISION, NOW) is None
        assert some.processes == []
        some.close()

    asyncio.run(act())


def test_workers_leave_a_core_to_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    assert worker_count(5) == 5
    assert worker_count(0) == 0
    monkeypatch.setattr(workers, "is_built", lambda: False)
    assert 0 <= worker_count(None) < max(2, os.cpu_count() or 1)


def test_nobody_is_needed_beside_the_compiled_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "is_built", lambda: True)
    assert worker_count(None) == 0
    assert worker_count(2) == 2

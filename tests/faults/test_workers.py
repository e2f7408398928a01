"""A server whose workers are killed, or outlive it: nothing that was answered is lost, and nothing stays behind."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx

from eventkeep.testing import ServerProcess
from tests.faults.load import BULK_EVENTS, LARGE_FILLER, PATHS, Load, bulk_body, headers, unique_ids

WORKER = b"eventkeep.server.worker"


def workers_of(server: int) -> list[int]:
    """The process ids of a server's workers."""
    return [
        int(child)
        for child in Path(f"/proc/{server}/task/{server}/children").read_text().split()
        if WORKER in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


def send_large(server: ServerProcess, key: str, name: str) -> int:
    """Send one bulk create that is a worker's; the status."""
    body = bulk_body([f"{name}-{place}" for place in range(BULK_EVENTS)], 1, LARGE_FILLER)
    return httpx.post(f"{server.url}{PATHS[True]}", content=body, headers=headers(key), timeout=30).status_code


def ignores(process: int, number: signal.Signals) -> bool:
    status = Path(f"/proc/{process}/status").read_text()
    (mask,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigIgn:"))
    return bool(int(mask, 16) >> (number - 1) & 1)


def wait_for_worker(server: ServerProcess) -> int:
    """The process id of the server's worker, once it has begun its work."""
    deadline = time.monotonic() + 30
    while not any(ignores(worker, signal.SIGTERM) for worker in workers_of(server.pid)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return workers_of(server.pid)[0]


def test_workers_that_are_killed_all_the_time_cost_nothing_but_time(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", options=["--workers", "2"]) as server:
        key = server.make_key()
        load = Load(server.url, key, "killed", LARGE_FILLER)
        over = threading.Event()
        killed: list[int] = []

        def kill_workers() -> None:
            while not over.wait(0.3):
                for worker in workers_of(server.pid):
                    with suppress(ProcessLookupError):
                        os.kill(worker, signal.SIGKILL)
                        killed.append(worker)

        killing = threading.Thread(target=kill_workers)
        killing.start()
        stopper = threading.Timer(6.0, server.stop)
        stopper.start()
        asyncio.run(load.run(singles=2, bulks=6))
        stopper.join()
        over.set()
        killing.join()
        server.start()
        found = unique_ids(server.url, key)
    assert len(killed) > 2
    assert load.kept
    assert set(load.refusals) <= {503}
    load.check(found)


def test_a_worker_ends_with_the_server_whichever_way_that_ends(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", options=["--workers", "1"]) as server:
        key = server.make_key()
        for number, end in enumerate((signal.SIGTERM, signal.SIGKILL)):
            assert workers_of(server.pid) == []
            assert send_large(server, key, f"first-{number}") == httpx.codes.ACCEPTED
            worker = wait_for_worker(server)
            # Neither Control-C nor what ends a group of processes is for the worker itself.
            os.kill(worker, signal.SIGINT)
            os.kill(worker, signal.SIGTERM)
            assert send_large(server, key, f"second-{number}") == httpx.codes.ACCEPTED
            assert workers_of(server.pid) == [worker]
            os.kill(server.pid, end)
            deadline = time.monotonic() + 10
            while Path(f"/proc/{worker}").exists():
                assert time.monotonic() < deadline, "the worker is there still"
                time.sleep(0.01)
            while server.is_running():
                time.sleep(0.01)
            server.start()
        assert set(unique_ids(server.url, key).values()) == {1}


def test_a_server_without_workers_keeps_large_bodies_too(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", options=["--workers", "0"]) as server:
        key = server.make_key()
        assert [send_large(server, key, name) for name in ("one", "two")] == [httpx.codes.ACCEPTED] * 2
        assert workers_of(server.pid) == []
        assert len(unique_ids(server.url, key)) == 2 * BULK_EVENTS

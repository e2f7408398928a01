"""``kill -9`` and power cuts in the middle of a load: accepted events are stored once, and no event is incomplete."""

from __future__ import annotations

import asyncio
import random
import shutil
import threading
import time
from pathlib import Path

from eventkeep.testing import ServerProcess
from tests.faults.load import LARGE_FILLER, Load, unique_ids

ROUNDS = 10
KEPT_MIN = 10
"""Requests that a load has had accepted before its server is killed, however slow the machine is."""
START_SECONDS_MAX = 60.0


def wait_until_under_load(load: Load) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while len(load.kept) < KEPT_MIN and time.monotonic() < deadline:
        time.sleep(0.02)


def kill_in_the_middle(server: ServerProcess, load: Load, delay_seconds: float) -> None:
    wait_until_under_load(load)
    time.sleep(delay_seconds)
    server.kill()


def test_ten_kills_in_the_middle_of_a_load_lose_and_repeat_nothing(tmp_path: Path) -> None:
    choose = random.Random(1)
    server = ServerProcess(tmp_path / "data")
    server.start()
    key = server.make_key()
    loads = []
    for number in range(ROUNDS):
        load = Load(server.url, key, f"round-{number}", LARGE_FILLER if number % 2 else 200)
        loads.append(load)
        killer = threading.Thread(target=kill_in_the_middle, args=(server, load, 0.7 * choose.random()))
        killer.start()
        asyncio.run(load.run(singles=6, bulks=3))
        killer.join()
        server.start()
    assert all(len(load.kept) >= KEPT_MIN for load in loads)
    found = unique_ids(server.url, key)
    for load in loads:
        load.check(found)
    server.stop()


def test_a_copy_of_the_folder_at_a_random_moment_holds_accepted_requests(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        key = server.make_key()
        load = Load(server.url, key, "copied")
        loading = threading.Thread(target=lambda: asyncio.run(load.run(singles=6, bulks=3)))
        loading.start()
        wait_until_under_load(load)
        time.sleep(1.0)
        accepted = set(load.kept)
        # Stopped, so that the copy is of one moment, as after a power cut.
        server.pause()
        shutil.copytree(tmp_path / "data", tmp_path / "copy", ignore=shutil.ignore_patterns("*.sock"))
        server.resume()
        server.kill()
        loading.join()
    with ServerProcess(tmp_path / "copy") as copy:
        found = unique_ids(copy.url, key)
    assert accepted
    load.kept = accepted
    load.check(found)

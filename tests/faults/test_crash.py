"""``kill -9`` and power cuts in the middle of a load: accepted events are stored once, and no event is incomplete.

``python -m tests.faults.crash_rounds`` does more of both.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
import time
from pathlib import Path

import pytest

from eventkeep.testing import ServerProcess
from tests.faults.crash_rounds import TMPFS, run_rounds, wait_for_accepted
from tests.faults.load import Load, unique_ids

KILLS = 4
CUTS = 2


def test_kills_in_the_middle_of_a_load_lose_and_repeat_nothing(tmp_path: Path) -> None:
    assert run_rounds(tmp_path, KILLS, power=False)["rounds"] == KILLS


def test_power_cuts_in_the_middle_of_a_load_lose_and_repeat_nothing() -> None:
    if shutil.which("cc") is None or not TMPFS.is_dir():
        pytest.skip("there is no C compiler or no tmpfs")
    with tempfile.TemporaryDirectory(dir=TMPFS) as base:
        assert run_rounds(Path(base), CUTS, power=True)["rounds"] == CUTS


def test_a_copy_of_the_folder_at_a_random_moment_holds_accepted_requests(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        key = server.make_key()
        load = Load(server.url, key, "copied")
        loading = threading.Thread(target=lambda: asyncio.run(load.run(singles=6, bulks=3)))
        loading.start()
        wait_for_accepted(load)
        time.sleep(1.0)
        accepted = set(load.kept)
        # Stopped, so that the copy is of one moment.
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

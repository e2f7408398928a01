"""``kill -9`` and power cuts in the middle of a load: accepted events are stored once, and no event is incomplete.

``python -m tests.faults.crash_rounds`` does more of both.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.faults.crash_rounds import TMPFS, run_rounds

KILLS = 10
CUTS = 2


def test_ten_kills_in_the_middle_of_a_load_lose_and_repeat_nothing(tmp_path: Path) -> None:
    assert run_rounds(tmp_path, KILLS, power=False)["rounds"] == KILLS


def test_power_cuts_in_the_middle_of_a_load_lose_and_repeat_nothing() -> None:
    if shutil.which("cc") is None or not TMPFS.is_dir():
        pytest.skip("there is no C compiler or no tmpfs")
    with tempfile.TemporaryDirectory(dir=TMPFS) as base:
        assert run_rounds(Path(base), CUTS, power=True)["rounds"] == CUTS

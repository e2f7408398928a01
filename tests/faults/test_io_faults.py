"""Operations of the disk that fail under a real server; ``python -m tests.faults.io_faults`` tries every one."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tests.faults.io_faults import KINDS, build_shim, check, count_operations, run_scenario

POINTS = 1
"""Operations of each kind that are tried here, by chance."""

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture(scope="module")
def operations(shim: Path, tmp_path_factory: pytest.TempPathFactory) -> int:
    return count_operations(tmp_path_factory.mktemp("count"), shim)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_acknowledged_survives_a_fault(tmp_path: Path, shim: Path, operations: int, kind: str) -> None:
    chance = random.Random(kind)
    for fails_at in sorted(chance.sample(range(operations), POINTS)):
        done, _ = run_scenario(tmp_path / "data", shim, fails_at, kind)
        assert check(tmp_path / "data", done) is None, (kind, fails_at)
        shutil.rmtree(tmp_path / "data")

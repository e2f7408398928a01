"""A directory on a real file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from eventkeep.directory import Directory
from tests.unit.directory.held import HeldClock, open_directory


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def directory(folder: Path, clock: HeldClock) -> Iterator[Directory]:
    with open_directory(folder, clock) as opened:
        yield opened

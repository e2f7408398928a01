"""Random damage to the files of a data folder; ``python -m tests.faults.damages 500`` does more of it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

import pytest

from eventkeep.errors import StoreError
from eventkeep.ingest.repair import repair
from eventkeep.ingest.scrub import scrub_folder
from tests.faults.damages import EARLIER, copied, damage_one_file, everything, make_folders, outcomes_of

DAMAGES: Final = 50
CHECKED: Final = 12


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_folders(tmp_path_factory.mktemp("whole"))


def test_no_damage_is_silent(folders: dict[str, Path], tmp_path: Path) -> None:
    outcomes = outcomes_of(folders, tmp_path, range(DAMAGES))
    assert outcomes.total() == DAMAGES
    assert outcomes["refused"] > DAMAGES // 3


def test_check_finds_damage_and_repair_mends_or_names_it(folders: dict[str, Path], tmp_path: Path) -> None:
    """``eventkeep check`` names the damage that a start would refuse; an undamaged folder has none.

    After ``--repair`` everything is there, or the repair said what can't be repaired.
    """
    assert [part.damage for part in scrub_folder(copied(folders["ended"], tmp_path / "whole"))] == [None] * 5
    whole = everything(copied(folders["stopped"], tmp_path / "again"))
    repaired = 0
    for seed in range(1_000, 1_000 + CHECKED):
        folder = copied(folders["stopped"], tmp_path / "damaged")
        done = damage_one_file(folder, folders[EARLIER], random.Random(seed))
        if all(part.damage is None for part in scrub_folder(folder)):
            assert everything(folder) == whole, done
            continue
        folder = copied(folders["stopped"], tmp_path / "damaged")
        damage_one_file(folder, folders[EARLIER], random.Random(seed))
        try:
            for _ in repair(folder):
                pass
        except StoreError as exc:
            assert "log" in str(exc), done
        else:
            repaired += 1
            assert everything(folder) == whole, done
    assert repaired

"""Backups: a restored folder is the one that was backed up, as of any record, and damage is noticed."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from eventkeep.errors import ConfigurationError, StoreError
from eventkeep.ingest.backup import LIST_NAME, BackupList, back_up, read_list, restore
from eventkeep.ingest.repair import repair
from eventkeep.ingest.scrub import scrub_folder
from eventkeep.ingest.snapshot import Snapshot, take_snapshot
from eventkeep.ingest.stores import Stores
from tests.kept_records import everything, keep


class Data:
    """A data folder that is open, its backup, and its contents at each record."""

    def __init__(self, base: Path) -> None:
        self.folder, self.backup, self.base = base / "data", base / "backup", base
        self.stores = Stores.open(self.folder)
        self.states = {1: everything(self.stores)}

    def add(self, *numbers: int) -> None:
        for number in numbers:
            keep(self.stores, number)
            self.states[self.stores.log.last] = everything(self.stores)

    def back_up(self) -> BackupList:
        return back_up(self.folder, self.backup, self._snapshot)

    def restored(self, **bounds: int) -> list[Any]:
        target = self.base / "restored"
        shutil.rmtree(target, ignore_errors=True)
        restore(self.backup, target, **bounds)
        stores = Stores.open(target)
        try:
            return everything(stores)
        finally:
            stores.close()

    def _snapshot(self, target: Path) -> Snapshot:
        return take_snapshot(self.stores, target, lambda act: act())


@pytest.fixture
def data(tmp_path: Path) -> Data:
    return Data(tmp_path)


def test_every_position_and_moment_behind_the_first_snapshot_can_be_restored(data: Data) -> None:
    data.add(2, 3)
    assert [len(data.back_up().snapshots), len(data.back_up().logs)] == [1, 0]
    data.add(4, 5)
    assert len(data.back_up().logs) == 1
    data.add(6)
    found = data.back_up()
    assert (len(found.snapshots), len(found.logs), found.last[0]) == (1, 2, 6)
    for position in (3, 4, 5, 6):
        assert data.restored(position=position) == data.states[position]
    assert data.restored() == data.states[6]
    assert data.restored(moment_us=4_500_000) == data.states[4]
    with pytest.raises(ConfigurationError, match="begins later"):
        data.restored(position=2)
    with pytest.raises(StoreError, match="ends at record 6, before record 7"):
        data.restored(position=7)


def test_restored_folder_goes_on(data: Data, tmp_path: Path) -> None:
    data.add(2, 3)
    data.back_up()
    restore(data.backup, tmp_path / "restored")
    stores = Stores.open(tmp_path / "restored")
    keep(stores, 4)
    data.add(4)
    assert everything(stores) == data.states[4]
    stores.close()


def test_log_that_was_trimmed_gets_another_snapshot(data: Data) -> None:
    data.add(2)
    data.back_up()
    data.add(*range(3, 9))
    position = data.stores.log.last
    data.stores.log._file_heads = [data.stores.log._file_heads[-1]]  # type: ignore[attr-defined]
    found = data.back_up()
    assert found.last[0] == position
    assert data.restored() == data.states[position]


def test_backup_of_another_folder_is_refused(data: Data, tmp_path: Path) -> None:
    data.back_up()
    other = Data(tmp_path / "other")
    with pytest.raises(ConfigurationError, match="has the backup of another data folder"):
        back_up(other.folder, data.backup, other._snapshot)


def test_folder_that_is_not_empty_is_refused(data: Data) -> None:
    data.back_up()
    with pytest.raises(ConfigurationError, match="is not empty"):
        restore(data.backup, data.folder)
    with pytest.raises(ConfigurationError, match="there is no backup"):
        restore(data.folder, data.base / "new")


def test_every_damage_of_a_backup_is_noticed(data: Data) -> None:
    data.add(2, 3)
    data.back_up()
    data.add(4)
    data.back_up()
    chance = random.Random(3)
    files = sorted(path for path in data.backup.rglob("*") if path.is_file())
    assert {path.name for path in files} >= {LIST_NAME, "directory.sqlite3", "directory.sums", "manifest"}
    for path in files:
        whole = path.read_bytes()
        for place in [0, len(whole) - 1, *(chance.randrange(len(whole)) for _ in range(6))]:
            path.unlink()
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with pytest.raises(StoreError):
                data.restored()
        path.unlink()
        with pytest.raises((StoreError, ConfigurationError)):
            data.restored()
        path.write_bytes(whole)
    assert data.restored() == data.states[4]
    assert read_list(data.backup) is not None


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("view", ["directory.sqlite3", "segment"])
def test_damaged_view_is_made_anew_from_the_log(data: Data, view: str) -> None:
    data.add(2, 3)
    data.stores.close()
    damage(data.folder / view if view != "segment" else next((data.folder / "events").glob("*.documents")))
    with pytest.raises(StoreError):
        scrub_all(data.folder)
    assert any("follows the log from record 1 on" in step for step in repair(data.folder))
    stores = Stores.open(data.folder)
    assert everything(stores) == data.states[3]
    stores.close()
    scrub_all(data.folder)


@pytest.mark.parametrize("view", ["directory.sqlite3", "segment"])
def test_damaged_view_is_made_anew_from_a_backup(data: Data, view: str) -> None:
    data.add(2, 3)
    data.back_up()
    restore(data.backup, data.base / "short")
    stores = Stores.open(data.base / "short")
    keep(stores, 4)
    data.add(4)
    stores.close()
    damage(data.base / "short" / view if view != "segment" else next((data.base / "short/events").glob("*.documents")))
    with pytest.raises(StoreError, match="name a backup with --from"):
        list(repair(data.base / "short"))
    assert any("as of record 3" in step for step in repair(data.base / "short", data.backup))
    stores = Stores.open(data.base / "short")
    assert everything(stores) == data.states[4]
    stores.close()


def scrub_all(folder: Path) -> None:
    for part in scrub_folder(folder):
        # The events of this test have neither profiles nor metrics.
        if part.damage is not None and part.part != "agreement":
            raise StoreError(part.damage)

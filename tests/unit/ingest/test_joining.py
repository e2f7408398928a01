"""A snapshot of one folder takes the place of the views of another, whole or not at all, whenever the process ends."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eventkeep.errors import SnapshotDamaged, StoreError
from eventkeep.files import Files
from eventkeep.ingest.joining import LOADING, Fetch, check_room, load_snapshot, prepare_folder, views_position
from eventkeep.ingest.snapshot import Snapshot, SnapshotFile, take_snapshot
from eventkeep.ingest.stores import Stores
from eventkeep.log.file_log import FileLog
from eventkeep.log.transport import Outcome
from tests.faulty_files import FaultyFiles, Killed
from tests.kept_records import everything, keep

PIECE_BYTES = 3_000


class Cluster:
    """A log elsewhere, the folder of a node that follows it, a snapshot of it, and the folder of an older node."""

    def __init__(self, base: Path) -> None:
        self.base, self.older = base, base / "older"
        stores = Stores.open(base / "leader", replicated=self.log())
        assert stores.keep(stores.directory.first_changes()).outcome is Outcome.KEPT
        keep(stores, 2)
        stores.close()
        Stores.open(self.older, replicated=self.log()).close()
        stores = Stores.open(base / "leader", replicated=self.log())
        for number in range(3, 7):
            keep(stores, number)
        self.snapshot = take_snapshot(stores, base / "snapshot", lambda act: act())
        keep(stores, 7)
        self.state = everything(stores)
        self.last = stores.log.last
        stores.close()

    def log(self) -> FileLog:
        return FileLog.open(self.base / "log")

    def fetch(self, file: SnapshotFile, offset: int) -> bytes:
        return (self.base / "snapshot" / file.name).read_bytes()[offset : offset + PIECE_BYTES]

    def copy_of_older(self, name: str) -> Path:
        return Path(shutil.copytree(self.older, self.base / name))

    def state_of(self, folder: Path) -> list[Any]:
        with closing(Stores.open(folder, replicated=self.log())) as stores:
            return everything(stores)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    return Cluster(tmp_path_factory.mktemp("cluster"))


def nothing(_: int) -> None:
    pass


@pytest.mark.parametrize("name", ["new", "behind"])
def test_a_folder_with_a_snapshot_follows_from_there(cluster: Cluster, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "data" if name == "new" else cluster.copy_of_older(name)
    prepare_folder(folder)
    assert views_position(folder) == (0 if name == "new" else 2)
    sizes: list[int] = []
    load_snapshot(folder, cluster.snapshot, cluster.fetch, sizes.append)
    assert sum(sizes) == sum(each.size for each in cluster.snapshot.files)
    assert max(sizes) == PIECE_BYTES
    assert views_position(folder) == cluster.snapshot.position == cluster.last - 1
    assert cluster.state_of(folder) == cluster.state


def faults(cluster: Cluster) -> Iterator[tuple[str, Fetch, Snapshot]]:
    def flip(file: SnapshotFile, offset: int) -> bytes:
        piece = bytearray(cluster.fetch(file, offset))
        piece[len(piece) // 2] ^= 1
        return bytes(piece)

    files = cluster.snapshot.files
    elsewhere = msgspec.structs.replace(files[0], name="../outside")
    yield "has another checksum", flip, cluster.snapshot
    yield "has not the", lambda _file, _offset: b"", cluster.snapshot
    yield "has not the", lambda file, _offset: bytes(file.size + 1), cluster.snapshot
    yield "which no snapshot has", cluster.fetch, msgspec.structs.replace(cluster.snapshot, files=[elsewhere])


def test_a_damaged_snapshot_is_not_taken(cluster: Cluster) -> None:
    folder = cluster.copy_of_older("damaged")
    for message, fetch, snapshot in faults(cluster):
        prepare_folder(folder)
        with pytest.raises(SnapshotDamaged, match=message):
            load_snapshot(folder, snapshot, fetch, nothing)
    assert not (folder.parent / "outside").exists()
    assert views_position(folder) == 2


class SmallDisk(Files):
    """A disk with room for a part of a snapshot."""

    def __init__(self, free: int) -> None:
        self._free = free

    def free_bytes(self, path: Path) -> int:
        return self._free

    def disk_bytes(self, path: Path) -> int:
        return 0


def test_a_snapshot_needs_room(cluster: Cluster) -> None:
    folder = cluster.copy_of_older("small")
    whole = sum(each.size for each in cluster.snapshot.files)
    first, *others = cluster.snapshot.files
    large = msgspec.structs.replace(
        cluster.snapshot, files=[msgspec.structs.replace(first, size=1_000_000_000), *others]
    )
    with pytest.raises(StoreError, match="make room"):
        load_snapshot(folder, large, cluster.fetch, nothing, SmallDisk(10))
    assert views_position(folder) == 2
    check_room(folder, SmallDisk(1_000_000))
    with pytest.raises(StoreError, match="a snapshot needs"):
        check_room(folder, SmallDisk(10))
    # Without room for both, the stores that can't follow the log go first.
    load_snapshot(folder, cluster.snapshot, cluster.fetch, nothing, SmallDisk(whole - 10))
    assert cluster.state_of(folder) == cluster.state


@pytest.mark.parametrize("fault", ["kill", "killed"])
def test_a_process_that_ends_half_way_leaves_the_old_or_the_new_views(cluster: Cluster, fault: str) -> None:
    folder = cluster.copy_of_older(f"{fault} whole")
    files = FaultyFiles()
    files.arm(None, fault)
    load_snapshot(folder, cluster.snapshot, cluster.fetch, nothing, files)
    operations = len(files.done)
    found = set()
    for at in range(operations):
        folder = cluster.copy_of_older(f"{fault} {at}")
        files = FaultyFiles()
        files.arm(at, fault)
        with pytest.raises(Killed):
            load_snapshot(folder, cluster.snapshot, cluster.fetch, nothing, files)
        prepare_folder(folder)
        assert not (folder / LOADING).exists()
        found.add(views_position(folder))
        assert cluster.state_of(folder) == cluster.state
        shutil.rmtree(folder)
    assert found == {2, cluster.snapshot.position}


def test_a_folder_with_a_log_of_its_own_does_not_join(tmp_path: Path) -> None:
    Stores.open(tmp_path / "data").close()
    with pytest.raises(StoreError, match="has a log of its own"):
        prepare_folder(tmp_path / "data")

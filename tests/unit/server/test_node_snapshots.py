"""The snapshots that a node holds for others: shared, read in pieces, and removed when nobody reads on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventkeep.errors import NotFound, StoreError, Unavailable
from eventkeep.ingest.snapshot import Snapshot, SnapshotFile
from eventkeep.limits import (
    CLUSTER_SNAPSHOT_IDLE_SECONDS_MAX,
    CLUSTER_SNAPSHOT_SHARED_SECONDS,
    CLUSTER_SNAPSHOTS_MAX,
)
from eventkeep.server.node_snapshots import FOLDER, NodeSnapshots, SnapshotState

CONTENT = b"content of a file"


class Source:
    """Takes snapshots of one file, when a test lets it."""

    def __init__(self) -> None:
        self.now, self.position = 0.0, 10
        self.failure: Exception | None = None
        self.go_on = threading.Event()
        self.go_on.set()

    def monotonic(self) -> float:
        return self.now

    def take(self, target: Path) -> Snapshot:
        assert self.go_on.wait(10)
        if self.failure is not None:
            raise self.failure
        target.mkdir()
        (target / "directory.sums").write_bytes(CONTENT)
        return Snapshot(1, self.position, 2, 3, [SnapshotFile("directory.sums", len(CONTENT), 4)])


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def snapshots(tmp_path: Path, source: Source) -> Iterator[NodeSnapshots]:
    (tmp_path / FOLDER / "left").mkdir(parents=True)
    held = NodeSnapshots(tmp_path, source.take, source.monotonic)
    assert not (tmp_path / FOLDER).exists()
    yield held
    source.go_on.set()
    held.close()
    assert not (tmp_path / FOLDER).exists()


def taken(snapshots: NodeSnapshots, id: str) -> SnapshotState:
    deadline = time.monotonic() + 10
    while (state := snapshots.state(id)).snapshot is None and not state.error:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return state


def test_a_snapshot_is_read_in_pieces(snapshots: NodeSnapshots, source: Source) -> None:
    source.go_on.clear()
    begun = snapshots.begin(5)
    assert (begun.snapshot, snapshots.oldest_position) == (None, None)
    source.go_on.set()
    state = taken(snapshots, begun.id)
    assert state.snapshot is not None
    assert (state.snapshot.position, snapshots.oldest_position) == (10, 10)
    assert snapshots.piece(state.id, "directory.sums", 8) == CONTENT[8:]
    for id, name, offset in ((state.id, "../log", 0), (state.id, "directory.sums", 99), ("other", "directory.sums", 0)):
        with pytest.raises(NotFound):
            snapshots.piece(id, name, offset)


def test_nodes_that_join_at_the_same_time_share_one(snapshots: NodeSnapshots, source: Source) -> None:
    first = snapshots.begin(5)
    assert snapshots.begin(5).id == first.id
    ids = {first.id}
    for _ in range(CLUSTER_SNAPSHOTS_MAX - 1):
        source.now += CLUSTER_SNAPSHOT_SHARED_SECONDS
        snapshots.state(first.id)
        ids.add(snapshots.begin(5).id)
    assert len(ids) == CLUSTER_SNAPSHOTS_MAX
    source.now += CLUSTER_SNAPSHOT_SHARED_SECONDS
    with pytest.raises(Unavailable, match="are being loaded already"):
        snapshots.begin(5)


def test_a_snapshot_that_is_too_old_is_not_shared(snapshots: NodeSnapshots, source: Source) -> None:
    first = taken(snapshots, snapshots.begin(5).id)
    source.position = 20
    assert snapshots.begin(10).id == first.id
    second = taken(snapshots, snapshots.begin(11).id)
    assert second.snapshot is not None
    assert (second.snapshot.position, snapshots.oldest_position) == (20, 10)


def test_a_snapshot_that_nobody_reads_is_removed(snapshots: NodeSnapshots, source: Source, tmp_path: Path) -> None:
    state = taken(snapshots, snapshots.begin(5).id)
    source.now += CLUSTER_SNAPSHOT_IDLE_SECONDS_MAX - 1
    snapshots.piece(state.id, "directory.sums", 0)
    source.now += CLUSTER_SNAPSHOT_IDLE_SECONDS_MAX - 1
    snapshots.expire()
    assert (tmp_path / FOLDER / state.id).exists()
    source.now += CLUSTER_SNAPSHOT_IDLE_SECONDS_MAX
    snapshots.expire()
    assert not (tmp_path / FOLDER / state.id).exists()
    assert snapshots.oldest_position is None
    with pytest.raises(NotFound, match="any more"):
        snapshots.state(state.id)


def test_a_snapshot_that_can_not_be_taken_says_why(snapshots: NodeSnapshots, source: Source) -> None:
    for failure in (StoreError("the disk is full"), RuntimeError("a fault of our own")):
        source.failure = failure
        assert taken(snapshots, snapshots.begin(5).id).error == str(failure)
    source.failure = None
    assert taken(snapshots, snapshots.begin(5).id).snapshot is not None

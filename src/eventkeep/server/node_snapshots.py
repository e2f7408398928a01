"""The snapshots that a node gives to others: taken on request, handed out in pieces, and removed when nobody reads on.

A snapshot has its files beside the stores, as second names of the segments and a copy of the directory, so that the
stores go on meanwhile. Nodes that join at the same time share one. While one is held, no record behind it is trimmed.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import structlog

from eventkeep.errors import EventkeepError, Fault, NotFound, Unavailable
from eventkeep.files import Files
from eventkeep.ingest.snapshot import Snapshot
from eventkeep.limits import (
    CLUSTER_SNAPSHOT_IDLE_SECONDS_MAX,
    CLUSTER_SNAPSHOT_PIECE_BYTES,
    CLUSTER_SNAPSHOT_SHARED_SECONDS,
    CLUSTER_SNAPSHOTS_MAX,
    RETRY_AFTER_SECONDS,
)

logger = structlog.get_logger(__name__)

FOLDER: Final = "snapshots"
STOP_SECONDS_MAX: Final = 10.0
"""For how many seconds a stop waits for a snapshot that is being taken."""


class SnapshotState(msgspec.Struct, frozen=True):
    """A snapshot that was asked for. ``snapshot`` is None while it is taken; ``error`` says why it could not be."""

    id: str
    snapshot: Snapshot | None = None
    error: str = ""


class HeldSnapshot:
    """A snapshot with its folder, and the monotonic times of its start and of the last request."""

    def __init__(self, id: str, folder: Path, now: float) -> None:
        self.folder, self.started, self.touched = folder, now, now
        self.state = SnapshotState(id)
        self.sizes: dict[str, int] = {}


class NodeSnapshots:
    """The snapshots of one node. Any thread may call."""

    def __init__(self, data: Path, take: Callable[[Path], Snapshot], monotonic: Callable[[], float]) -> None:
        """Remove what an earlier run has left. ``take`` writes a snapshot into a folder."""
        self._folder, self._take, self._monotonic = data / FOLDER, take, monotonic
        self._lock = threading.Lock()
        self._held: dict[str, HeldSnapshot] = {}
        self._threads: list[threading.Thread] = []
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def oldest_position(self) -> int | None:
        """The position of the oldest snapshot that is held, None if none is."""
        with self._lock:
            taken = [held.state.snapshot for held in self._held.values()]
            return min((each.position for each in taken if each is not None), default=None)

    def begin(self, least: int) -> SnapshotState:
        """Begin to take a snapshot, or share one that was taken just now, unless its position is below ``least``.

        The position of one that is being taken is not known yet. Raises Unavailable if too many are held.
        """
        now = self._monotonic()
        with self._lock:
            for held in self._held.values():
                snapshot = held.state.snapshot
                is_late = snapshot is None or snapshot.position >= least
                if is_late and not held.state.error and now - held.started < CLUSTER_SNAPSHOT_SHARED_SECONDS:
                    held.touched = now
                    return held.state
            if sum(not held.state.error for held in self._held.values()) >= CLUSTER_SNAPSHOTS_MAX:
                raise Unavailable(
                    f"{CLUSTER_SNAPSHOTS_MAX} snapshots of this node are being loaded already.", RETRY_AFTER_SECONDS
                )
            id = os.urandom(8).hex()
            held = self._held[id] = HeldSnapshot(id, self._folder / id, now)
            thread = threading.Thread(target=self._fill, args=(held,), name="snapshot", daemon=True)
            self._threads = [each for each in self._threads if each.is_alive()] + [thread]
            thread.start()
            return held.state

    def state(self, id: str) -> SnapshotState:
        """A snapshot's state. Raises NotFound if it is not held any more."""
        return self._touched(id).state

    def piece(self, id: str, name: str, offset: int) -> bytes:
        """Bytes of a file of a snapshot from an offset on. Raises NotFound, and OSError if the disk fails."""
        held = self._touched(id)
        size = held.sizes.get(name)
        if size is None or not 0 <= offset <= size:
            raise NotFound([Fault(f"The snapshot {id} has no file {name!r} with {offset} bytes.")])
        files = Files()
        file = files.open(held.folder / name)
        try:
            return files.read(file, CLUSTER_SNAPSHOT_PIECE_BYTES, offset)
        finally:
            files.close(file)

    def expire(self) -> None:
        """Remove the snapshots that nobody reads any more."""
        now = self._monotonic()
        with self._lock:
            idle = [
                held
                for held in self._held.values()
                if now - held.touched > CLUSTER_SNAPSHOT_IDLE_SECONDS_MAX
                and (held.state.snapshot is not None or held.state.error)
            ]
            for held in idle:
                del self._held[held.state.id]
        for held in idle:
            logger.info("removed a snapshot that nobody reads any more", id=held.state.id)
            shutil.rmtree(held.folder, ignore_errors=True)

    def close(self) -> None:
        """Remove all snapshots."""
        for thread in self._threads:
            thread.join(STOP_SECONDS_MAX)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _touched(self, id: str) -> HeldSnapshot:
        with self._lock:
            held = self._held.get(id)
            if held is None:
                raise NotFound([Fault(f"This node does not hold the snapshot {id!r} any more.")])
            held.touched = self._monotonic()
            return held

    def _fill(self, held: HeldSnapshot) -> None:
        """In a thread of its own: take the snapshot."""
        started = self._monotonic()
        id = held.state.id
        try:
            Files().make_folder(self._folder)
            snapshot = self._take(held.folder)
        except Exception as exc:
            # Whatever went wrong, even a fault of our own: the other node waits, and has to ask elsewhere.
            is_known = isinstance(exc, EventkeepError | OSError)
            logger.error("a snapshot for another node could not be taken", cause=str(exc), exc_info=not is_known)
            with self._lock:
                held.state, held.touched = SnapshotState(id, error=str(exc) or repr(exc)), self._monotonic()
            shutil.rmtree(held.folder, ignore_errors=True)
            return
        with self._lock:
            held.sizes = {each.name: each.size for each in snapshot.files}
            held.state, held.touched = SnapshotState(id, snapshot), self._monotonic()
        logger.info(
            "took a snapshot for another node",
            position=snapshot.position,
            bytes=sum(held.sizes.values()),
            seconds=round(self._monotonic() - started, 2),
        )

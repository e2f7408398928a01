"""Snapshots: the state that a read sees, as one tuple that is replaced in one assignment."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from eventkeep.events.memory_segment import MemoryPart
from eventkeep.events.segment import Segment


class Snapshot(NamedTuple):
    """The segments, and the parts of the tail that are not in them, up to a position of the log.

    ``epoch`` counts the changes of the segments: a file that went is needed by the snapshots of earlier epochs only.
    """

    epoch: int
    position: int
    segments: tuple[Segment, ...]
    memory: tuple[MemoryPart, ...]


class Snapshots:
    """The current snapshot, who reads which, and the files that wait for their last reader."""

    def __init__(self, first: Snapshot) -> None:
        self.current = first
        self._lock = threading.Lock()
        self._readers: dict[int, int] = {}
        self._waiting: list[tuple[int, Path]] = []

    @contextmanager
    def reading(self) -> Iterator[Snapshot]:
        """The current snapshot, whose files stay inside the block."""
        with self._lock:
            snapshot = self.current
            self._readers[snapshot.epoch] = self._readers.get(snapshot.epoch, 0) + 1
        try:
            yield snapshot
        finally:
            with self._lock:
                self._readers[snapshot.epoch] -= 1
                if not self._readers[snapshot.epoch]:
                    del self._readers[snapshot.epoch]

    def replace(self, snapshot: Snapshot, gone: Sequence[Path] = ()) -> None:
        """Make ``snapshot`` the current one; it does without the files ``gone``. The caller holds the store's lock."""
        with self._lock:
            self._waiting += [(snapshot.epoch, path) for path in gone]
            self.current = snapshot

    def unused(self) -> list[Path]:
        """Take the files that nobody can read any more."""
        with self._lock:
            oldest = min(self._readers, default=self.current.epoch)
            free = [path for epoch, path in self._waiting if epoch <= oldest]
            self._waiting = [(epoch, path) for epoch, path in self._waiting if epoch > oldest]
        return free

    def put_back(self, path: Path) -> None:
        """A file that could not be removed waits again."""
        with self._lock:
            self._waiting.append((0, path))

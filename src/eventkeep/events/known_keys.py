"""Which events are stored already: by the filter if it can tell, by an exact look-up if it can't."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import structlog

from eventkeep.errors import EventStoreError
from eventkeep.events.bloom import KeyFilter
from eventkeep.events.memory_segment import MemoryPart
from eventkeep.events.rows import row_slices
from eventkeep.events.segment import Segment
from eventkeep.events.snapshot import Snapshots
from eventkeep.limits import FILTER_RETRY_SECONDS, KEYS_AT_ONCE, MERGE_ROWS
from eventkeep.model.event_columns import Flags, Keys

logger = structlog.get_logger(__name__)


class KnownKeys:
    """The keys of all stored events.

    A start without a saved filter reads them into a new one in a thread; until it is ready every key is looked up.
    ``add`` and ``is_new`` are one thread's.
    """

    def __init__(self, snapshots: Snapshots, saved: KeyFilter | None) -> None:
        self._snapshots, self._filter = snapshots, saved
        # Keys added while the filter is being made; None once it is there.
        self._unseen: list[Keys] | None = None if saved is not None else []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._loader = threading.Thread(target=self._load, name="load keys", daemon=True)
        if saved is None:
            self._loader.start()

    def close(self) -> None:
        """Stop reading keys."""
        self._stopping.set()
        if self._loader.ident is not None:
            self._loader.join()

    @property
    def is_loading(self) -> bool:
        """Whether the filter does not know all keys yet."""
        return self._unseen is not None

    @property
    def filter(self) -> KeyFilter | None:
        """The filter with all keys, None while it is being made."""
        return None if self.is_loading else self._filter

    @property
    def memory_bytes(self) -> int:
        """Memory of the filter."""
        return 0 if self._filter is None else self._filter.memory_bytes

    def add(self, ids: Keys) -> None:
        """Remember the keys of events by their upper halves (shape [n])."""
        with self._lock:
            if self._unseen is not None:
                self._unseen.append(ids)
            elif self._filter is not None:
                self._filter.add(ids)

    def is_new(self, ids: Keys, key_lows: Keys) -> Flags:
        """For each key (two halves, each of shape [n]): whether no event with it is stored (shape [n])."""
        known = self.filter
        perhaps = np.arange(len(ids)) if known is None else np.flatnonzero(known.perhaps_known(ids))
        is_new = np.ones(len(ids), dtype=np.bool_)
        # Keys that are neighbours in the order of keys are read together.
        perhaps = perhaps[np.argsort(ids[perhaps])]
        for start in range(0, len(perhaps), KEYS_AT_ONCE):
            some = perhaps[start : start + KEYS_AT_ONCE]
            is_new[some] = ~self._contains(ids[some], key_lows[some])
        return is_new

    def _contains(self, ids: Keys, key_lows: Keys) -> Flags:
        found = np.zeros(len(ids), dtype=np.bool_)
        with self._snapshots.reading() as snapshot:
            parts: list[Segment | MemoryPart] = [*snapshot.segments, *snapshot.memory]
            for part in parts:
                ask = np.flatnonzero(~found)
                if not len(ask):
                    break
                found[ask] = part.contains(ids[ask], key_lows[ask])
        return found

    def _load(self) -> None:
        while not self._stopping.is_set():
            try:
                if self._fill(self._stopping.is_set):
                    return
            except EventStoreError:
                # Without the filter the store is slower, not wrong.
                logger.exception("the keys of the stored events could not be read; trying again")
                self._stopping.wait(FILTER_RETRY_SECONDS)

    def _fill(self, stops: Callable[[], bool]) -> bool:
        with self._snapshots.reading() as snapshot:
            made = KeyFilter(sum(segment.rows for segment in snapshot.segments))
            for segment in snapshot.segments:
                for rows in row_slices(0, segment.rows, MERGE_ROWS):
                    if stops():
                        return False
                    made.add(segment.columns(rows, ("id",))["id"])
        with self._lock:
            for ids in self._unseen or ():
                made.add(ids)
            self._filter, self._unseen = made, None
        return True

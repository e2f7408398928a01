"""Which events are kept already: by the seen filter where it can say so, by an exact look-up where it can't."""

from __future__ import annotations

import threading
import time

import numpy as np
import numpy.typing as npt
import structlog

from eventkeep.eventlog.seen import Keys, SeenFilter
from eventkeep.eventlog.table import KEY_LIST_MAX, EventTable
from eventkeep.eventlog.tail import Tail
from eventkeep.limits import FLUSH_RETRY_SECONDS, SEEN_WAIT_SECONDS_MAX

logger = structlog.get_logger(__name__)


class KnownKeys:
    """The keys of all kept events.

    A start reads them into a new filter, which takes about a second for ten million. Until
    then a few keys are looked up, and more wait for the filter as long as SEEN_WAIT_SECONDS_MAX
    after the start: looking all of them up would keep the filter from getting ready.

    ``add`` and ``is_new`` are the committer's, one thread's.
    """

    def __init__(self, table: EventTable, tail: Tail) -> None:
        self._table, self._tail = table, tail
        self._filter = SeenFilter()
        # Keys kept while a filter of all keys is being made; None once it is there.
        self._unseen: list[Keys] | None = []
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._loaded = threading.Event()
        self._waited_enough = time.monotonic() + SEEN_WAIT_SECONDS_MAX
        self._loader = threading.Thread(target=self._load, name="load keys", daemon=True)
        self._loader.start()

    def close(self) -> None:
        """Stop reading keys."""
        self._stopping.set()
        self._loader.join()

    @property
    def is_loading(self) -> bool:
        """Whether the filter does not know all keys yet."""
        return self._unseen is not None

    @property
    def memory_bytes(self) -> int:
        """Memory of the filter."""
        return self._filter.memory_bytes

    def add(self, ids: Keys) -> None:
        """Remember the keys of kept events by their upper halves (shape [n])."""
        with self._lock:
            if self._unseen is None:
                self._filter.add(ids)
            else:
                self._unseen.append(ids)

    def is_new(self, ids: Keys, key_lows: Keys) -> npt.NDArray[np.bool_]:
        """For each key (two halves, each of shape [n]): whether no event with it is kept (shape [n])."""
        if len(ids) > KEY_LIST_MAX:
            self._loaded.wait(max(0.0, self._waited_enough - time.monotonic()))
        new = np.zeros(len(ids), dtype=np.bool_) if self.is_loading else ~self._filter.perhaps_seen(ids)
        perhaps = np.flatnonzero(~new)
        if len(perhaps):
            new[perhaps] = ~self._kept(ids[perhaps], key_lows[perhaps])
        return new

    def _kept(self, ids: Keys, key_lows: Keys) -> npt.NDArray[np.bool_]:
        # The tail first: an event that leaves it in between is in the table by then.
        in_tail = self._tail.kept(ids)
        kept = np.array([key in in_tail for key in zip(ids.tolist(), key_lows.tolist(), strict=True)])
        ask = np.flatnonzero(~kept)
        if len(ask):
            kept[ask] = self._table.stored(ids[ask], key_lows[ask])
        return kept

    def _load(self) -> None:
        """Tell a filter all keys that the table holds, and then those that were kept meanwhile."""
        while not self._stopping.is_set():
            try:
                known = SeenFilter(self._table.count())
                for ids in self._table.key_pieces():
                    if self._stopping.is_set():
                        break
                    known.add(ids)
                else:
                    self._take(known)
                    return
            except Exception:
                # Without the filter the log is slower, not wrong. What waits for it is bounded by the
                # tail, which is not emptied either while the table can't be read.
                logger.exception("the keys of the stored events could not be read; trying again")
                self._stopping.wait(FLUSH_RETRY_SECONDS)

    def _take(self, known: SeenFilter) -> None:
        with self._lock:
            for ids in self._unseen or ():
                known.add(ids)
            self._filter, self._unseen = known, None
        self._loaded.set()

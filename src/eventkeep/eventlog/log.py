"""The event log: keep a batch, tell what is new, read a page.

An event goes into the journal (durable), the tail (visible) and then, with many
others, into the table. The three are one log: the table is where events stay; the
journal and the tail hold the last second or so until the table has them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from heapq import merge
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import structlog

from eventkeep.errors import EventLogError
from eventkeep.eventlog.columns import Columns, joined
from eventkeep.eventlog.counting import with_tail
from eventkeep.eventlog.journal import Journal
from eventkeep.eventlog.known_keys import KnownKeys
from eventkeep.eventlog.pages import RecentPages
from eventkeep.eventlog.recent_events import RecentEvents
from eventkeep.eventlog.rows import stored_events, warm_up
from eventkeep.eventlog.seen import Keys
from eventkeep.eventlog.selection import EventSelection, events_within
from eventkeep.eventlog.table import APPEND_EVENTS_MAX, EventTable
from eventkeep.eventlog.tail import Chunk, Tail
from eventkeep.limits import (
    FLUSH_EVENTS,
    FLUSH_RETRY_SECONDS,
    FLUSH_SECONDS,
    PAGE_BYTES_MAX,
    TAIL_BYTES_MAX,
    TAIL_EVENTS_MAX,
    TAIL_WAIT_SECONDS_MAX,
)
from eventkeep.model.event import StoredEvent
from eventkeep.model.event_count import EventCount

logger = structlog.get_logger(__name__)


class EventLog:
    """The kept events of all accounts.

    ``append`` and ``is_new`` are the committer's, one thread's; every other method may
    be called from any thread.
    """

    def __init__(self, table: EventTable, journal: Journal) -> None:
        self._table, self._journal = table, journal
        self._tail, self._pages, self._events = Tail(), RecentPages(), RecentEvents()
        self._retrying = False
        self._stopping = threading.Event()
        self._replay()
        self._keys = KnownKeys(table, self._tail)
        self._appending = threading.Lock()
        self._flushing = threading.Lock()
        self._full = threading.Event()
        self._flusher = threading.Thread(target=self._flush_now_and_then, name="flush", daemon=True)
        self._flusher.start()

    @classmethod
    def open(cls, folder: Path) -> EventLog:
        """Open the log in ``folder``, making it where there is none; what a crash left behind is completed.

        Raises EventLogError where the folder can't be used or is newer than this program.
        """
        warm_up()
        with ExitStack() as opened:
            table = EventTable.open(folder / "table")
            opened.callback(table.close)
            journal = Journal(folder / "journal")
            opened.callback(journal.close)
            log = cls(table, journal)
            opened.pop_all()
        return log

    def close(self) -> None:
        """Move what is in the tail to the table and close. What can't be moved stays in the journal."""
        self._stopping.set()
        self._full.set()
        self._flusher.join()
        self._keys.close()
        try:
            self.flush()
        except EventLogError:
            logger.exception("the tail could not be moved; the journal has it for the next start")
        self._journal.close()
        self._table.close()

    def append(self, events: Columns) -> int:
        """Keep ``events``, all or none: on disk and visible when this returns.

        Returns their bytes on disk, which are about those in memory.
        Raises EventLogError where they can't be kept.
        """
        if not self._tail.wait_for_room(TAIL_EVENTS_MAX, TAIL_BYTES_MAX, TAIL_WAIT_SECONDS_MAX):
            raise EventLogError("the table takes no events, and the tail is full")
        payload = events.encode()
        with self._appending:
            self._journal.append(payload)
            self._tail.add(events, len(payload))
        self._keys.add(events.numbers["id"])
        if self._tail.events >= FLUSH_EVENTS:
            self._full.set()
        return len(payload)

    def is_new(self, ids: Keys, key_lows: Keys) -> npt.NDArray[np.bool_]:
        """For each key (two halves, each of shape [n]): whether no event with it is kept (shape [n])."""
        return self._keys.is_new(ids, key_lows)

    def page(self, selection: EventSelection) -> list[StoredEvent]:
        """Up to ``selection.count`` events in the selection's order, ties by id.

        There are fewer where their properties have more than PAGE_BYTES_MAX bytes: the
        last one is that with which they do.
        """
        recent = [chunk.first(selection) for chunk in self._tail.chunks()]
        events = self._pages.page(selection, self._read_page)
        if not any(rows.num_rows for rows in recent):
            return within_bytes(events, PAGE_BYTES_MAX)
        lists = [events, *(in_order(stored_events(rows), selection.descending) for rows in recent)]
        merged = merge(*lists, key=place_of, reverse=selection.descending)
        return within_bytes(without_repeats(merged)[: selection.count], PAGE_BYTES_MAX)

    def event(self, account: int, time: int, event_id: int) -> StoredEvent | None:
        """One event by its account, time (Unix seconds) and id, or None."""
        if (known := self._events.get(account, time, event_id)) is not None:
            return known
        after = EventSelection(
            account=account, count=1, descending=False, time_min=time, time_max=time, after=(time, event_id - 1)
        )
        if event_id == 0:
            after = EventSelection(account=account, count=1, descending=False, time_min=time, time_max=time)
        for chunk in self._tail.chunks():
            for event in stored_events(chunk.first(after)):
                if event.id == event_id:
                    return event
        return self._table.event(account, time, event_id)

    def last_event_times(self, account: int, profiles: Sequence[int]) -> dict[int, int]:
        """The newest event's time (Unix seconds) of each of ``profiles`` that has events."""
        chunks = self._tail.chunks()
        newest = self._table.last_event_times(account, profiles)
        wanted = np.array(sorted(profiles), dtype=np.uint64)
        for chunk in chunks:
            flags = (chunk.account == account) & np.isin(chunk.profile, wanted)
            for profile, seconds in zip(chunk.profile[flags].tolist(), chunk.time[flags].tolist(), strict=True):
                newest[profile] = max(seconds, newest.get(profile, 0))
        return newest

    def newest_profile(self) -> int:
        """The highest number of a profile that has events in the table; 0 where it has none."""
        return self._table.newest_profile()

    def count(self) -> int:
        """ResolvedRequest events of all accounts; while events are being moved, some may count twice."""
        return self._tail.events + self._table.count()

    def counts(self, account: int, metric: int | None = None) -> dict[int, EventCount]:
        """The account's events by their metric's number; of one metric where it is given.

        Meanwhile nothing moves from the tail to the table, so that each counts once.
        """
        with self._flushing:
            chunks = self._tail.chunks()
            counts = self._table.counts(account, metric)
        with_tail(counts, chunks, account, metric)
        return counts

    def disk_bytes(self) -> int:
        """Bytes of the table's parts on disk."""
        return self._table.disk_bytes()

    @property
    def tail_events(self) -> int:
        """Events that the table does not have yet."""
        return self._tail.events

    @property
    def is_loading(self) -> bool:
        """Whether the seen filter does not know all keys yet: for some seconds after a start with many events."""
        return self._keys.is_loading

    @property
    def seen_bytes(self) -> int:
        """Memory of the seen filter."""
        return self._keys.memory_bytes

    def flush(self) -> None:
        """Move the tail to the table, one caller at a time. Raises EventLogError where it refuses the events."""
        with self._flushing:
            self._move_tail()

    def _read_page(self, selection: EventSelection) -> list[StoredEvent]:
        events = self._table.page(selection)
        self._events.add(events)
        return events

    def _move_tail(self) -> None:
        with self._appending:
            chunks = self._tail.seal()
            segment = self._journal.rotate()
        if not chunks:
            return
        with self._pages.change():
            for rows in in_pieces(chunks):
                # The table may have some of them: a try before this one may have failed half-way.
                self._table.append(self._missing(rows) if self._retrying else rows)
        self._retrying = False
        self._tail.remove(chunks)
        self._journal.drop(segment)

    def _flush_now_and_then(self) -> None:
        while not self._stopping.is_set():
            self._full.wait(FLUSH_SECONDS)
            self._full.clear()
            try:
                self.flush()
                if not self._keys.is_loading:
                    self._table.tend()
            except Exception:
                # Whatever it was: the tail is emptied by this thread or by none.
                self._retrying = True
                logger.exception("moving events from the tail to the table failed; trying again")
                self._stopping.wait(FLUSH_RETRY_SECONDS)

    def _missing(self, rows: pa.Table) -> pa.Table:
        stored = self._table.stored(rows["id"].to_numpy(), rows["key_low"].to_numpy())
        return rows.filter(pa.array(~stored))

    def _replay(self) -> None:
        """Give the table what the journal holds from before: the process ended before it could."""
        old = [number for number in self._journal.segments() if number != self._journal.number]
        replayed = 0
        payloads = (payload for number in old for payload in self._journal.read(number))
        for rows in rows_of_records(payloads, FLUSH_EVENTS, TAIL_BYTES_MAX):
            missing = self._missing(rows)
            if missing.num_rows:
                self._table.append(missing)
                replayed += missing.num_rows
        if old:
            self._journal.drop(old[-1])
            logger.info("completed what the journal held", events=replayed, segments=len(old))


def in_pieces(chunks: Sequence[Chunk]) -> list[pa.Table]:
    """The rows of the chunks in as few tables as one append allows each."""
    rows = pa.concat_tables([chunk.rows for chunk in chunks])
    return [rows.slice(start, APPEND_EVENTS_MAX) for start in range(0, rows.num_rows, APPEND_EVENTS_MAX)]


def rows_of_records(payloads: Iterable[bytes], events_min: int, bytes_min: int) -> Iterator[pa.Table]:
    """The rows of journal records, in order, as many records together as have so many events or bytes."""
    together: list[Columns] = []
    size = 0
    for payload in payloads:
        together.append(Columns.decode(payload))
        size += len(payload)
        if size >= bytes_min or sum(map(len, together)) >= events_min:
            yield joined(together).table
            together, size = [], 0
    if together:
        yield joined(together).table


def place_of(event: StoredEvent) -> tuple[int, int]:
    """Where an event stands in the order of its account."""
    return event.time, event.id


def in_order(events: list[StoredEvent], descending: bool) -> list[StoredEvent]:
    return sorted(events, key=place_of, reverse=descending)


def within_bytes(events: list[StoredEvent], bytes_max: int) -> list[StoredEvent]:
    """The first events, up to the one with which their properties have more than ``bytes_max`` bytes."""
    return events[: events_within(np.array([len(event.properties) for event in events], dtype=np.int64), bytes_max)]


def without_repeats(events: Iterable[StoredEvent]) -> list[StoredEvent]:
    """The events of an ordered run, each place once: one may be found in the tail and in the table."""
    unique: list[StoredEvent] = []
    for event in events:
        if not unique or place_of(unique[-1]) != place_of(event):
            unique.append(event)
    return unique

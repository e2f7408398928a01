"""The tail: events that are kept and not yet in the table, in memory and in order of arrival.

A read looks here and in the table, in this order: an event leaves the tail only when
the table has it, so it is found once at least, and the reader drops the second find.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from eventkeep.eventlog.columns import Columns, joined
from eventkeep.eventlog.seen import Keys
from eventkeep.eventlog.selection import EventSelection, events_within
from eventkeep.limits import PAGE_BYTES_MAX, TAIL_CHUNK_EVENTS_MIN

Places = npt.NDArray[np.intp]


class Chunk:
    """Some rows of the tail, with the columns that conditions ask about at hand."""

    __slots__ = ("account", "bytes", "id", "metric", "profile", "rows", "time")

    def __init__(self, rows: pa.Table, size: int) -> None:
        """``size`` is the rows', in bytes or so."""
        self.rows, self.bytes = rows, size
        self.account, self.time, self.id, self.profile, self.metric = (
            rows[name].to_numpy() for name in ("account", "time", "id", "profile", "metric")
        )

    def __len__(self) -> int:
        return len(self.id)

    def matching(self, selection: EventSelection) -> Places:
        """The places of the rows that meet the selection's conditions (shape [matches])."""
        flags = self.account == selection.account
        if selection.metric is not None:
            flags &= self.metric == selection.metric
        if selection.profile is not None:
            flags &= self.profile == selection.profile
        if selection.time_min is not None:
            flags &= self.time >= selection.time_min
        if selection.time_max is not None:
            flags &= self.time <= selection.time_max
        if selection.after is not None:
            time, event_id = selection.after
            if selection.descending:
                flags &= (self.time < time) | ((self.time == time) & (self.id < np.uint64(event_id)))
            else:
                flags &= (self.time > time) | ((self.time == time) & (self.id > np.uint64(event_id)))
        return np.flatnonzero(flags)

    def first(self, selection: EventSelection) -> pa.Table:
        """Up to ``selection.count`` matching rows that come first in the selection's order.

        There are fewer where these already have more than PAGE_BYTES_MAX bytes of properties.
        """
        places = self.matching(selection)
        is_large = self.rows.nbytes > PAGE_BYTES_MAX
        if len(places) > selection.count or is_large:
            order = np.lexsort((self.id[places], self.time[places]))
            order = order[::-1] if selection.descending else order
            places = places[order[: selection.count]]
        if is_large:
            sizes = pc.binary_length(self.rows["properties"]).to_numpy()
            places = places[: events_within(sizes[places], PAGE_BYTES_MAX)]
        return self.rows.take(pa.array(places))


class Tail:
    """What was added last, and the chunks made of what was added before, oldest first.

    One thread adds, one removes, any number read. Adding only notes: whoever reads first
    makes chunks of what came since, for most commits are small and most are never read
    before the table has them.
    """

    def __init__(self) -> None:
        self._chunks: tuple[Chunk, ...] = ()
        self._added: list[tuple[Columns, int]] = []
        self._sealed = 0
        self._shrunk = threading.Condition()
        self.events = 0
        self.bytes = 0

    def chunks(self) -> tuple[Chunk, ...]:
        """A view that stays as it is while the tail goes on."""
        if self._added:
            with self._shrunk:
                self._make_chunks()
        return self._chunks

    def kept(self, ids: Keys) -> set[tuple[int, int]]:
        """The keys in the tail whose upper halves are among ``ids`` (shape [n])."""
        found: set[tuple[int, int]] = set()
        for chunk in self.chunks():
            places = np.flatnonzero(np.isin(chunk.id, ids))
            if len(places):
                found.update(keys_of(chunk.rows.take(pa.array(places))))
        return found

    def seal(self) -> tuple[Chunk, ...]:
        """The chunks as they stand, which nothing is joined with from now on: they are being moved."""
        with self._shrunk:
            self._make_chunks()
            self._sealed = len(self._chunks)
            return self._chunks

    def add(self, events: Columns, size: int) -> None:
        """Add the events of one commit, of ``size`` bytes or so."""
        with self._shrunk:
            self._added.append((events, size))
            self.events += len(events)
            self.bytes += size

    def remove(self, chunks: Sequence[Chunk]) -> None:
        """Remove the oldest chunks, which the table has now."""
        with self._shrunk:
            self._chunks = self._chunks[len(chunks) :]
            self._sealed = 0
            for chunk in chunks:
                self.events -= len(chunk)
                self.bytes -= chunk.bytes
            self._shrunk.notify_all()

    def _make_chunks(self) -> None:
        """Put what was added into chunks, small pieces joined."""
        if not self._added:
            return
        chunks = list(self._chunks)
        small: list[Columns] = []
        events = size = 0
        for columns, column_bytes in self._added:
            small.append(columns)
            events, size = events + len(columns), size + column_bytes
            if events >= TAIL_CHUNK_EVENTS_MIN:
                chunks.append(Chunk(joined(small).table, size))
                small, events, size = [], 0, 0
        if small:
            tables = [joined(small).table]
            # Joining only with chunks that are no larger keeps the copying logarithmic.
            while len(chunks) > self._sealed and len(chunks[-1]) <= min(events, TAIL_CHUNK_EVENTS_MIN):
                last = chunks.pop()
                tables.insert(0, last.rows)
                events, size = events + len(last), size + last.bytes
            chunks.append(Chunk(tables[0] if len(tables) == 1 else pa.concat_tables(tables).combine_chunks(), size))
        # In this order: a reader who finds nothing added must find it in the chunks.
        self._chunks = tuple(chunks)
        self._added = []

    def wait_for_room(self, events_max: int, bytes_max: int, seconds: float) -> bool:
        """Wait until the tail is below both bounds; False where it was not within ``seconds``."""
        with self._shrunk:
            return self._shrunk.wait_for(lambda: self.events < events_max and self.bytes < bytes_max, timeout=seconds)


def keys_of(rows: pa.Table) -> zip[tuple[int, int]]:
    """The 128-bit keys of rows as pairs of their halves."""
    return zip(rows["id"].to_pylist(), rows["key_low"].to_pylist(), strict=True)

"""Look-backs: the past events of some profiles, of some metrics, as columns; properties are read when asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from eventkeep.events.descriptors import OpenFiles
from eventkeep.events.found import AnyPart, Found, columns_of, texts_of
from eventkeep.events.rows import PROFILE, Chunk
from eventkeep.events.sorted_streams import filtered
from eventkeep.limits import LOOK_BACK_ROWS

Numbers = npt.NDArray[np.uint32]


class PastRange(msgspec.Struct, frozen=True):
    """A range to search: the times from ``time_min`` to ``time_max`` (Unix seconds, inclusive) of some profiles."""

    time_min: int
    time_max: int
    profiles: frozenset[int]


class PastEvents:
    """Events, in no order: ``columns`` has their time, id, profile, metric and value (each of shape [n])."""

    def __init__(self, parts: Sequence[AnyPart], found: Found, opened: OpenFiles) -> None:
        self._parts, self._found, self._opened = parts, found, opened
        self.columns: Chunk = found.columns

    def __len__(self) -> int:
        return len(self._found)

    def properties(self, places: Sequence[int]) -> list[bytes]:
        """The properties of the events at ``places``, in their order. Raises EventStoreError if a file is damaged."""
        return [properties for _, properties in self.documents(places)]

    def documents(self, places: Sequence[int]) -> list[tuple[bytes, bytes]]:
        """The unique ids and the properties of the events at ``places``, as `properties` does."""
        wanted = self._found.take(np.array(places, dtype=np.int64))
        documents: list[tuple[bytes, bytes]] = []
        start, size = 0, len(wanted)
        while start < len(wanted):
            some = wanted.take(slice(start, start + size))
            texts = texts_of(self._parts, some, self._opened)
            if texts is None:
                size = -(-size // 2)
                continue
            documents += zip(texts[0].texts(), texts[1].texts(), strict=True)
            start += len(some)
        return documents


def past_events(
    parts: Sequence[AnyPart], account: int, ranges: Iterable[PastRange], metrics: frozenset[int], opened: OpenFiles
) -> PastEvents:
    """The account's events of the ``metrics`` in any of the ranges, each event once if no ranges overlap."""
    wanted = np.array(sorted(metrics), dtype=np.int64)
    chunks: list[Chunk] = []
    for each in ranges:
        profiles = np.array(sorted(each.profiles), dtype=np.uint32)
        for place, part in enumerate(parts):
            chunks += _of_part(part, place, account, each, profiles, wanted)
    if not chunks:
        # The columns of no rows: their names and types come from no part.
        empty = ("time", "id", "profile", "metric", "value", "file", "slot", "part", "row")
        return PastEvents(parts, Found({name: np.empty(0, dtype=np.int64) for name in empty}), opened)
    columns = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
    return PastEvents(parts, Found(columns), opened)


def _of_part(
    part: AnyPart, place: int, account: int, each: PastRange, profiles: Numbers, metrics: npt.NDArray[np.int64]
) -> Iterator[Chunk]:
    """The events of one part in one range, some at a time: a profile may have any number of others in it."""
    whole = part.account_rows(account)
    # Rows near the ends of the range are found too: to drop them is cheaper than to read the exact ends.
    rows = part.rows_around(*whole, each.time_min, each.time_max)
    if rows[0] == rows[1]:
        return
    starts, ends = part.entries(PROFILE, whole, profiles, rows)
    counts = ends - starts
    entries = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(starts, counts)
    for first in range(0, len(entries), LOOK_BACK_ROWS):
        found = np.sort(part.rows_at(PROFILE, entries[first : first + LOOK_BACK_ROWS]))
        chunk = columns_of(part, place, found)
        time = chunk["time"]
        is_wanted = np.isin(chunk["metric"], metrics) & (time >= each.time_min) & (time <= each.time_max)
        chunk = filtered(chunk, is_wanted)
        if len(chunk["id"]):
            yield chunk

"""Counts, sums and unique profiles of events over hours, days, weeks or months in a time zone."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from eventkeep.limits import AGGREGATE_PROFILES_HELD_MAX
from eventkeep.model.interval import Interval

Zone = ZoneInfo | datetime.timezone
Times = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.uint32]
Values = npt.NDArray[np.float64]
Buckets = npt.NDArray[np.int64]

SLOT_SECONDS: Final = 900
"""The offsets of all time zones in use are multiples of a quarter of an hour, and so are the edges of buckets."""
_HOUR: Final = 3600


def bucket_edges(start: int, end: int, interval: Interval, zone: Zone) -> list[int]:
    """The Unix seconds at which the buckets of a time range begin, and the end of the last one.

    The first bucket holds ``start``, the last one holds the second before ``end``. Days,
    weeks (from Monday on) and months begin at midnight in the zone, so that they are longer
    or shorter when its offset changes.
    """
    edges = [_floor(start, interval, zone)]
    while edges[-1] < end:
        edges.append(_following(edges[-1], interval, zone))
    return edges


class BucketFinder:
    """Finds the buckets of times."""

    def __init__(self, edges: Sequence[int]) -> None:
        self._edges = np.array(edges, dtype=np.int64)
        self.count = len(edges) - 1
        self._slots: npt.NDArray[np.int32] | None = None
        if not (self._edges % SLOT_SECONDS).any():
            # A look-up costs a fifth of a binary search.
            sizes = np.diff(self._edges) // SLOT_SECONDS
            self._slots = np.repeat(np.arange(self.count, dtype=np.int32), sizes)

    def find(self, times: Times) -> Buckets:
        """The bucket of each time, counted from 0. The times (shape [n]) lie within the edges."""
        found: Buckets
        if self._slots is None:
            found = np.searchsorted(self._edges, times, side="right").astype(np.int64) - 1
        else:
            found = self._slots[(times - self._edges[0]) // SLOT_SECONDS].astype(np.int64)
        return found


class Totals:
    """Adds events up, some at a time, bucket by bucket."""

    def __init__(self, bucket_count: int, *, with_unique: bool) -> None:
        self.count: npt.NDArray[np.int64] = np.zeros(bucket_count, dtype=np.int64)
        self.sum_value: Values = np.zeros(bucket_count)
        self._unique = UniqueProfiles(bucket_count) if with_unique else None

    def add(self, buckets: Buckets, profiles: Numbers, values: Values) -> None:
        """Add events (each of shape [n]); a value that is NaN counts as none."""
        self.count += np.bincount(buckets, minlength=len(self.count))
        self.sum_value += np.bincount(buckets, weights=np.nan_to_num(values), minlength=len(self.count))
        if self._unique is not None:
            self._unique.add(buckets, profiles)

    def unique(self) -> npt.NDArray[np.int64]:
        """The number of profiles in each bucket."""
        return np.zeros(len(self.count), dtype=np.int64) if self._unique is None else self._unique.counts()


class UniqueProfiles:
    """The profiles of each bucket.

    They are held as they come and marked in one array when they are counted: that takes no
    sorting. When too many are held, they are reduced to the distinct ones.
    """

    def __init__(self, bucket_count: int) -> None:
        self._held: list[list[Numbers]] = [[] for _ in range(bucket_count)]
        self._held_count = 0
        self._wait_until = AGGREGATE_PROFILES_HELD_MAX
        self._number_max = 0

    def add(self, buckets: Buckets, profiles: Numbers) -> None:
        """Add the profiles of events, by number."""
        if not len(buckets):
            return
        if (np.diff(buckets) < 0).any():
            order = np.argsort(buckets, kind="stable")
            buckets, profiles = buckets[order], profiles[order]
        starts = np.concatenate(([0], np.flatnonzero(np.diff(buckets)) + 1))
        for bucket, part in zip(buckets[starts].tolist(), np.split(profiles, starts[1:]), strict=True):
            self._held[bucket].append(part)
        self._number_max = max(self._number_max, int(profiles.max()))
        self._held_count += len(profiles)
        if self._held_count > self._wait_until:
            self._compact()

    def counts(self) -> npt.NDArray[np.int64]:
        """The number of profiles in each bucket."""
        marks = np.zeros(self._number_max + 1, dtype=np.bool_)
        return np.array([self._distinct_count(parts, marks) for parts in self._held], dtype=np.int64)

    def _compact(self) -> None:
        marks = np.zeros(self._number_max + 1, dtype=np.bool_)
        self._held = [[self._distinct(parts, marks)] if parts else [] for parts in self._held]
        self._held_count = sum(len(part) for parts in self._held for part in parts)
        # If nearly all are distinct, the next time is later.
        self._wait_until = max(AGGREGATE_PROFILES_HELD_MAX, 2 * self._held_count)

    def _distinct_count(self, parts: Sequence[Numbers], marks: npt.NDArray[np.bool_]) -> int:
        """How many distinct numbers there are; ``marks`` is all False before and after."""
        if sum(map(len, parts)) * _SORTING_COSTS < len(marks):
            return len(self._distinct(parts, marks))
        for part in parts:
            marks[part] = True
        found = int(np.count_nonzero(marks))
        for part in parts:
            marks[part] = False
        return found

    def _distinct(self, parts: Sequence[Numbers], marks: npt.NDArray[np.bool_]) -> Numbers:
        """The distinct numbers; ``marks`` is all False before and after."""
        held = sum(map(len, parts))
        if held * _SORTING_COSTS < len(marks):
            return distinct(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.uint32)
        for part in parts:
            marks[part] = True
        found = np.flatnonzero(marks).astype(np.uint32)
        marks[found] = False
        return found


def distinct(numbers: Numbers) -> Numbers:
    """The distinct numbers, ascending. numpy's own ``unique`` hashes, which takes many times as long."""
    numbers = np.sort(numbers)
    is_first = np.ones(len(numbers), dtype=np.bool_)
    np.not_equal(numbers[1:], numbers[:-1], out=is_first[1:])
    return numbers[is_first]


_SORTING_COSTS: Final = 512
"""Sorting a number costs as much as looking at so many marks."""


class GroupedTotals:
    """Adds events up by rows and buckets. The rows are those of groups, counted from 0."""

    def __init__(self, bucket_count: int) -> None:
        self._bucket_count = bucket_count
        self._parts: list[tuple[Buckets, Buckets, Numbers, Values]] = []
        self.event_count = 0

    def add(self, rows: Buckets, buckets: Buckets, profiles: Numbers, values: Values) -> None:
        """Add events, each of shape [n]."""
        self._parts.append((rows, buckets, profiles, np.nan_to_num(values)))
        self.event_count += len(rows)

    def of(self, wanted: Sequence[int], measurements: Sequence[str]) -> list[dict[str, npt.NDArray[Any]]]:
        """The measurements of the wanted rows, by name; each has a number for every bucket."""
        places = np.full(1 + max(wanted, default=0), -1, dtype=np.int64)
        places[list(wanted)] = np.arange(len(wanted))
        shape = (len(wanted), self._bucket_count)
        found: dict[str, npt.NDArray[Any]] = {
            "count": np.zeros(shape, dtype=np.int64),
            "sum_value": np.zeros(shape),
            "unique": np.zeros(shape, dtype=np.int64),
        }
        cells: list[Buckets] = []
        held: list[Numbers] = []
        for rows, buckets, profiles, values in self._parts:
            is_known = rows < len(places)
            at = np.where(is_known, places[np.where(is_known, rows, 0)], -1)
            chosen = at >= 0
            cell = at[chosen] * self._bucket_count + buckets[chosen]
            size = shape[0] * shape[1]
            found["count"] += np.bincount(cell, minlength=size).reshape(shape)
            found["sum_value"] += np.bincount(cell, weights=values[chosen], minlength=size).reshape(shape)
            cells.append(cell)
            held.append(profiles[chosen])
        if "unique" in measurements and cells:
            pairs = np.unique(np.concatenate(cells).astype(np.uint64) << np.uint64(32) | np.concatenate(held))
            counted = np.bincount((pairs >> np.uint64(32)).astype(np.int64), minlength=shape[0] * shape[1])
            found["unique"] = counted.reshape(shape)
        return [{name: found[name][place] for name in measurements} for place in range(len(wanted))]

    def totals(self, row_count: int, measurement: str) -> npt.NDArray[Any]:
        """One measurement of every row over all buckets, to sort by; a profile counts once for each bucket."""
        if measurement == "unique":
            every = self.of(range(row_count), ["unique"])
            return np.array([int(each["unique"].sum()) for each in every], dtype=np.int64)
        total = np.zeros(row_count)
        for rows, _, _, values in self._parts:
            weights = None if measurement == "count" else values
            total += np.bincount(rows, weights=weights, minlength=row_count)
        return total


def _floor(time: int, interval: Interval, zone: Zone) -> int:
    local = datetime.datetime.fromtimestamp(time, zone)
    if interval == "hour":
        return time - local.minute * 60 - local.second
    return _midnight(_first_day(local.date(), interval), zone)


def _following(edge: int, interval: Interval, zone: Zone) -> int:
    if interval == "hour":
        following = edge + _HOUR
        # If an offset changes by half an hour, one bucket is shorter or longer.
        return max(edge + SLOT_SECONDS, _floor(following, "hour", zone))
    day = datetime.datetime.fromtimestamp(edge, zone).date()
    if interval == "day":
        # Some days of some zones begin at one o'clock, or are not there at all.
        step = 1
        while (following := _midnight(day + datetime.timedelta(days=step), zone)) <= edge:
            step += 1
        return following
    if interval == "week":
        return _midnight(_first_day(day, "week") + datetime.timedelta(weeks=1), zone)
    return _midnight((day.replace(day=1) + datetime.timedelta(days=32)).replace(day=1), zone)


def _first_day(day: datetime.date, interval: Interval) -> datetime.date:
    if interval == "week":
        return day - datetime.timedelta(days=day.weekday())
    return day.replace(day=1) if interval == "month" else day


def _midnight(day: datetime.date, zone: Zone) -> int:
    """When the day begins in the zone, in Unix seconds."""
    return int(datetime.datetime.combine(day, datetime.time(), zone).timestamp())

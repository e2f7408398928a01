"""Crediting events to touches, with as few touches read as possible.

`attribution.credited` is the rule, for touches that are all known. Here touches are events of which only the numbers
are known, and reading their properties is the expensive part: for each event they are read from the newest on, until
one is a touch whose window is open.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from eventkeep.limits import LOOK_BACK_RANGES_MAX
from eventkeep.model.attribution import Rule, Touch, touch_of
from eventkeep.model.event import decode_properties

ReadProperties = Callable[[Sequence[int]], Sequence[bytes]]
"""Reads the properties of the candidates at these places, in their order."""
_Names = Mapping[int, str]

_FIRST_READ: Final = 1
"""Candidates of an event that are read at first; each time it is not credited, twice as many as before."""


class Candidates(msgspec.Struct, frozen=True):
    """Events that may be touches, in any order; all columns have the shape [candidates].

    ``time`` is in Unix seconds; ``profile`` holds numbers, and so does ``metric``, whose names are ``metric_names``.
    """

    time: npt.NDArray[Any]
    id: npt.NDArray[Any]
    profile: npt.NDArray[Any]
    metric: npt.NDArray[Any]
    metric_names: _Names


def look_back_ranges(moments: Sequence[int], seconds: int) -> list[tuple[int, int, list[int]]]:
    """The time ranges in which the touches of events at ``moments`` lie: first and last second, and places of events.

    They don't overlap, and there are LOOK_BACK_RANGES_MAX at the most.
    """
    order = sorted(range(len(moments)), key=moments.__getitem__)
    times = [moments[place] for place in order]
    gaps = sorted(
        (place for place in range(1, len(times)) if times[place] - times[place - 1] > seconds),
        key=lambda place: times[place - 1] - times[place],
    )
    cuts = [0, *sorted(gaps[: LOOK_BACK_RANGES_MAX - 1]), len(times)]
    return [(times[start] - seconds, times[end - 1], order[start:end]) for start, end in pairwise(cuts) if start < end]


def credit_all(
    profiles: Sequence[int], moments: Sequence[int], candidates: Candidates, read: ReadProperties, rule: Rule
) -> list[Touch | None]:
    """The touch that each event is credited to, given its profile and its time, or None."""
    return _Crediting(candidates, read, rule).credits(profiles, moments)


class _Crediting:
    def __init__(self, candidates: Candidates, read: ReadProperties, rule: Rule) -> None:
        self._read, self._rule, self._look_back = read, rule, rule.look_back
        order = np.lexsort((candidates.id, candidates.time, candidates.profile))
        self._place: list[int] = order.tolist()
        profile: list[int] = candidates.profile[order].tolist()
        self._time: list[int] = candidates.time[order].tolist()
        self._id: list[int] = candidates.id[order].tolist()
        self._metric = [candidates.metric_names[number] for number in candidates.metric[order].tolist()]
        starts = [place for place, number in enumerate(profile) if not place or number != profile[place - 1]]
        self._ranges = {profile[first]: (first, end) for first, end in pairwise([*starts, len(profile)])}
        """The first candidate of each profile that has any, and the end of them."""
        self._known: dict[int, Touch | None] = {}
        """The touches that the candidates are, as far as they were read."""

    def credits(self, profiles: Sequence[int], moments: Sequence[int]) -> list[Touch | None]:
        found: list[Touch | None] = [None] * len(moments)
        waiting: dict[int, tuple[int, int]] = {}
        for place, (profile, moment) in enumerate(zip(profiles, moments, strict=True)):
            # Most profiles of a page have no candidate at all.
            if (own := self._ranges.get(profile)) is not None:
                waiting[place] = own[0], bisect_right(self._time, moment, lo=own[0], hi=own[1]) - 1
        count = _FIRST_READ
        while waiting:
            unread: set[int] = set()
            for event, (first, newest) in list(waiting.items()):
                found[event], missing = self._search(first, newest, moments[event], count)
                if missing:
                    unread.update(missing)
                    waiting[event] = first, missing[0]
                else:
                    del waiting[event]
            self._learn(sorted(unread))
            count *= 2
        return found

    def _search(self, first: int, newest: int, moment: int, count: int) -> tuple[Touch | None, list[int]]:
        """The touch that a moment is credited to, or up to ``count`` candidates that have to be read to tell.

        The candidates are the newest ones between ``newest`` and ``first``, the newest of them first.
        """
        rule, missing = self._rule, list[int]()
        for place in range(newest, first - 1, -1):
            if self._time[place] + self._look_back < moment:
                break
            if self._time[place] + rule.windows[self._metric[place]] < moment:
                continue
            if place not in self._known:
                missing.append(place)
                if len(missing) == count:
                    break
            elif (touch := self._known[place]) is not None and touch.closes(rule) >= moment:
                return (None, missing) if missing else (touch, [])
        return None, missing

    def _learn(self, places: Sequence[int]) -> None:
        if not places:
            return
        for place, properties in zip(places, self._read([self._place[each] for each in places]), strict=True):
            self._known[place] = touch_of(
                self._time[place], self._id[place], self._metric[place], decode_properties(properties), self._rule
            )

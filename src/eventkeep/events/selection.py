"""The conditions of a page and of a scan, and how many events fit into a page."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt


class EventSelection(msgspec.Struct, kw_only=True, frozen=True):
    """The conditions of a page.

    ``time_min`` and ``time_max`` are inclusive Unix seconds; ``after`` is the (time, id) that the page starts behind,
    in its order; ``count`` is in events. Ties in time are ordered by id. ``metrics`` and ``profiles`` are numbers of
    the account: None is no condition, an empty set selects nothing.
    """

    account: int
    count: int
    descending: bool = True
    time_min: int | None = None
    time_max: int | None = None
    metrics: frozenset[int] | None = None
    profiles: frozenset[int] | None = None
    after: tuple[int, int] | None = None


def events_within(sizes: npt.NDArray[Any], bytes_max: int) -> int:
    """How many events of these sizes (shape [n], in their order) reach past ``bytes_max``; all if they don't."""
    return min(int(np.searchsorted(np.cumsum(sizes), bytes_max, side="right")) + 1, len(sizes))

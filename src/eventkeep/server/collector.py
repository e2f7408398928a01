"""The garbage collector of a process that reads requests."""

from __future__ import annotations

import gc

from eventkeep.limits import COLLECTOR_ALLOCATIONS


def calm_collector() -> None:
    """Have the garbage collector look seldom, and never at what was there before the first request.

    Requests leave next to nothing in cycles; with the interpreter's own thresholds a
    bulk request of 1,000 events would start the collector a dozen times.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECTOR_ALLOCATIONS, 20, 20)

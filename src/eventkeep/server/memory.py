"""The garbage collector of a process that parses requests."""

from __future__ import annotations

import gc

from eventkeep.limits import COLLECTOR_ALLOCATIONS


def calm_collector() -> None:
    """Run the garbage collector seldom, and never over objects from before the first request.

    Requests leave next to nothing in cycles. With the interpreter's own thresholds, a bulk create of 1,000 events would
    start the collector a dozen times.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECTOR_ALLOCATIONS, 20, 20)

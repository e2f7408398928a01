"""The memory of a process that reads requests: its garbage collector and its allocator."""

from __future__ import annotations

import ctypes
import gc
from typing import Final

from eventkeep.limits import COLLECTOR_ALLOCATIONS, WORKER_KEPT_BYTES_MAX

M_TRIM_THRESHOLD: Final = -1
"""How much free memory at the end of the heap glibc keeps, as mallopt(3) numbers it."""
M_MMAP_THRESHOLD: Final = -3
"""From which size on glibc asks the system for each piece of memory, and gives each back."""


def calm_collector() -> None:
    """Have the garbage collector look seldom, and never at what was there before the first request.

    Requests leave next to nothing in cycles; with the interpreter's own thresholds a
    bulk request of 1,000 events would start the collector a dozen times.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECTOR_ALLOCATIONS, 20, 20)


def keep_freed_memory() -> None:
    """Keep the memory of one body for the next, instead of giving it back and having it cleared again each time.

    That is a tenth of the work of reading a large body. Only glibc can be told so;
    elsewhere nothing happens.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, WORKER_KEPT_BYTES_MAX // 2)
        mallopt(M_TRIM_THRESHOLD, WORKER_KEPT_BYTES_MAX)

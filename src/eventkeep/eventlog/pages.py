"""Pages of the table that were read lately, for as long as the table stays as it is.

The table changes when the tail is moved into it, about once a second under a load and
not at all without one; what came since is in the tail. So a page that is asked for
again, by somebody who waits for an event or by many who look at the newest, is exact
and costs the engine nothing.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from eventkeep.eventlog.selection import EventSelection
from eventkeep.limits import PAGES_REMEMBERED_BYTES_MAX
from eventkeep.model.event import StoredEvent

EVENT_BYTES = 600
"""About what an event takes in memory besides its properties."""


class RecentPages:
    """Up to ``bytes_max`` bytes of pages, by what was asked for; the longest unused go first. Any thread's."""

    def __init__(self, bytes_max: int = PAGES_REMEMBERED_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._lock = threading.Lock()
        self._pages: OrderedDict[EventSelection, tuple[list[StoredEvent], int]] = OrderedDict()
        self._changes = 0
        self._is_changing = False
        self.bytes = 0

    def page(self, selection: EventSelection, read: Callable[[EventSelection], list[StoredEvent]]) -> list[StoredEvent]:
        """The page, out of memory or as ``read`` reads it from the table. It is not to be changed."""
        with self._lock:
            known = self._pages.get(selection)
            if known is not None:
                self._pages.move_to_end(selection)
                return known[0]
            before = self._changes
        events = read(selection)
        size = EVENT_BYTES + sum([EVENT_BYTES + len(event.properties) for event in events])
        with self._lock:
            # Where the table has changed meanwhile, the page may be of the time before.
            if before == self._changes and not self._is_changing and selection not in self._pages:
                self._pages[selection] = events, size
                self.bytes += size
                while self.bytes > self._bytes_max:
                    _, (_, dropped) = self._pages.popitem(last=False)
                    self.bytes -= dropped
        return events

    @contextmanager
    def change(self) -> Iterator[None]:
        """The table is changed within; what was known of it is forgotten, and nothing is learnt meanwhile."""
        with self._lock:
            self._is_changing = True
            self._changes += 1
            self._pages.clear()
            self.bytes = 0
        try:
            yield
        finally:
            with self._lock:
                self._is_changing = False
                self._changes += 1

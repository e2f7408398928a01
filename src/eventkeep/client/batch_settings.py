"""The settings of a batch, and its counts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, get_args

import msgspec

from eventkeep.client.drafts import BatchedEvent
from eventkeep.client.errors import ClientError
from eventkeep.errors import ConfigurationError
from eventkeep.limits import BATCH_REQUESTS_AT_ONCE_MAX
from eventkeep.protocol.operations import OPERATIONS
from eventkeep.protocol.revisions import Revision

WhenFull = Literal["block", "refuse"]
OnRefused = Callable[[BatchedEvent, ClientError], object]
"""Called with each event that can't be delivered, from the batch's own thread or task."""


class BatchSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of a batch; ``client.batch`` documents them."""

    on_refused: OnRefused | None
    spool: Path | None
    when_full: WhenFull
    buffer_events_max: int
    buffer_bytes_max: int
    delay_seconds: float
    requests_at_once: int
    give_up_seconds: float
    close_seconds_max: float
    flush_on_sigterm: bool

    def check(self, revision: Revision) -> None:
        """Raises ConfigurationError that names the setting that can't be used."""
        since = OPERATIONS["bulk_create_events"].since
        if revision.date < since:
            raise ConfigurationError(
                f"revision: a batch needs the bulk operation, which exists from {since} on, not in {revision.date}"
            )
        if self.when_full not in get_args(WhenFull):
            raise ConfigurationError(f"when_full: expected 'block' or 'refuse', got {self.when_full!r}")
        if self.on_refused is not None and not callable(self.on_refused):
            raise ConfigurationError(f"on_refused: expected a function, got {self.on_refused!r}")
        least = {"buffer_events_max": 1, "buffer_bytes_max": 1, "requests_at_once": 1}
        least |= {"delay_seconds": 0, "give_up_seconds": 0, "close_seconds_max": 0}
        for name, number in least.items():
            value = getattr(self, name)
            if not isinstance(value, int | float) or not value >= number:
                raise ConfigurationError(f"{name}: expected {number} or more, got {value!r}")
        if self.requests_at_once > BATCH_REQUESTS_AT_ONCE_MAX:
            raise ConfigurationError(
                f"requests_at_once: expected at most {BATCH_REQUESTS_AT_ONCE_MAX}, got {self.requests_at_once}"
            )


class BatchCounts(msgspec.Struct):
    """Events of a batch so far.

    ``tracked`` counts the events that were accepted, with those that a spool file held at the start;
    ``sent`` those whose request got 202, of which ``stored`` and ``repeated`` are None
    if the server does not report them; ``refused`` those that can't be delivered at all.
    """

    tracked: int = 0
    sent: int = 0
    stored: int | None = 0
    repeated: int | None = 0
    refused: int = 0

    def add_sent(self, events: int, stored: int | None, repeated: int | None) -> None:
        """Count the events of a request."""
        self.sent += events
        self.stored = None if self.stored is None or stored is None else self.stored + stored
        self.repeated = None if self.repeated is None or repeated is None else self.repeated + repeated

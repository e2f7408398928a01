"""One commit on its way: its changes, its record, and the tickets of its requests."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import msgspec
import numpy as np

from eventkeep.directory.changes import Change
from eventkeep.directory.pending import Pending
from eventkeep.events.keys import Halves, first_keys
from eventkeep.events.store import EventStore
from eventkeep.ingest.batch import Batch
from eventkeep.ingest.parsing import ParsedCreates
from eventkeep.ingest.resolve import Resolver
from eventkeep.ingest.stores import Encoded
from eventkeep.limits import GATHERED_SINGLES_MAX
from eventkeep.log.transport import AppendResult
from eventkeep.model.event_columns import EventColumns, Flags


class Outcome(msgspec.Struct, frozen=True):
    """The outcome of a stored create.

    ``left`` names the identifiers that stayed with another profile; ``ignored`` those that could not be used.
    """

    stored: int
    repeated: int
    left: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()


ONE_STORED = Outcome(1, 0)
ONE_REPEATED = Outcome(0, 1)

Delivery = list[tuple[Any, Outcome | Exception]]
"""Tickets, each with the outcome of its create or with the reason why it was not stored."""


class CommitCounters(msgspec.Struct):
    """Counts since the start, for the metrics."""

    batches_failed: int = 0
    events_stored: int = 0
    events_repeated: int = 0
    identifiers_ignored: int = 0
    identifiers_left: int = 0


class Commit(msgspec.Struct):
    """A batch that was resolved.

    ``ids`` and ``key_lows`` are the keys of ``events``. ``encoded`` and ``appending`` are set once it is on its way to
    the log. ``started`` is on the monotonic clock, in seconds.
    """

    creates: Sequence[ParsedCreates]
    now_us: int
    pending: Pending
    changes: list[Change]
    events: EventColumns | None
    delivery: Delivery
    counters: CommitCounters
    started: float
    encoded: Encoded | None = None
    appending: Future[AppendResult] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to append: only duplicates, of profiles that don't change."""
        return not self.changes and self.events is None

    @property
    def is_short(self) -> bool:
        """Whether it has so few events that others should not keep it waiting."""
        return self.count <= GATHERED_SINGLES_MAX

    @property
    def count(self) -> int:
        """How many events the creates have."""
        return sum([len(item.submission) for item in self.creates])


def prepare(
    creates: Sequence[ParsedCreates], before: Commit | None, resolver: Resolver, events: EventStore, started: float
) -> Commit:
    """Resolve creates against the applied state and the commit ``before``, which is not applied yet.

    Nothing is changed. Raises StoreError if a store can't be read, and LogError if the record would be too large.
    """
    resolution = resolver.resolve(creates, None if before is None else before.pending)
    delivery: Delivery = [(item.tickets[0], refusal) for item, refusal in resolution.refused]
    counters, columns = CommitCounters(), None
    if resolution.requests:
        batch = Batch([part.resolved for part in resolution.requests])
        fresh = first_keys((batch.ids, batch.key_lows), keys_of(before)) & events.is_new(batch.ids, batch.key_lows)
        fresh &= ~repeats_under_merged(batch, resolver, events)
        if fresh.any():
            resolver.mark_values(resolution, fresh)
            columns = batch.columns(fresh)
        start = 0
        for part in resolution.requests:
            stored = fresh[start : start + len(part.resolved.submission)].tolist()
            start += len(stored)
            count, repeated = sum(stored), len(stored) - sum(stored)
            counters.events_stored += count
            counters.events_repeated += repeated
            if len(part.tickets) > 1:
                # Single creates without identifiers that could be left or ignored.
                delivery += [
                    (ticket, ONE_STORED if is_stored else ONE_REPEATED)
                    for ticket, is_stored in zip(part.tickets, stored, strict=True)
                ]
                continue
            (ticket,) = part.tickets
            ignored = part.resolved.submission.ignored()
            counters.identifiers_ignored += len(ignored)
            counters.identifiers_left += sum(part.left.values())
            delivery.append((ticket, Outcome(count, repeated, frozenset(part.left), frozenset(ignored))))
    return Commit(
        creates, resolution.now_us, resolution.pending, resolution.changes(), columns, delivery, counters, started
    )


def repeats_under_merged(batch: Batch, resolver: Resolver, events: EventStore) -> Flags:
    """Whether each event is stored under the number of a profile that was merged into its own (shape [events])."""
    flags = np.zeros(len(batch), dtype=np.bool_)
    for account, profile, merged in resolver.merged_numbers(batch):
        places = batch.places_of(account, profile)
        for number in merged:
            keys = batch.keys_under(places, np.full(len(places), number, dtype=np.uint32))
            flags[places] |= ~events.is_new(*keys)
    return flags


def keys_of(commit: Commit | None) -> Halves:
    """The keys of a commit's events; none without a commit."""
    if commit is None or commit.events is None:
        return np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.uint64)
    return commit.events.numbers["id"], commit.events.numbers["key_low"]

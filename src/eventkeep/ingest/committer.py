"""Group commit: the creates that wait in the queue are parsed, resolved, freed of duplicates, stored and answered.

One thread does it, batch after batch: an idle server commits a request at once, a busy one commits all that came
during the last commit. It parses plain bodies too: two threads that both want the interpreter's lock, and release it in
every call of numpy, cost each other a third of their time.

The order of the steps matters, because a crash may come between any two of them: a profile without its event is
completed when the client retries; an event without its profile could never be read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import structlog

from eventkeep.clock import Clock
from eventkeep.errors import Unavailable
from eventkeep.eventlog.columns import Columns
from eventkeep.eventlog.log import EventLog
from eventkeep.ingest.batch import Batch
from eventkeep.ingest.parsing import CreateParser, ParsedCreates
from eventkeep.ingest.queue import CreateQueue, QueuedCreates
from eventkeep.ingest.resolve import ResolvedRequest, Resolver
from eventkeep.limits import BATCH_BYTES_MAX, BATCH_EVENTS_MAX, RETRY_AFTER_SECONDS
from eventkeep.model.event_columns import Flags

logger = structlog.get_logger(__name__)


class Outcome(msgspec.Struct, frozen=True):
    """What became of a stored create.

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


class Committer:
    """Owns the writing side of both stores. ``deliver`` is called once a batch, and may be called from any thread."""

    def __init__(
        self,
        resolver: Resolver,
        log: EventLog,
        clock: Clock,
        deliver: Callable[[Delivery], None],
        queue: CreateQueue | None = None,
    ) -> None:
        self._resolver, self._log, self._clock, self._deliver = resolver, log, clock, deliver
        self.queue = queue or CreateQueue()
        self._parser = CreateParser(self.queue, lambda ticket, failure: deliver([(ticket, failure)]))
        self.counters = CommitCounters()
        self._observe: Callable[[int, float], None] = lambda _events, _seconds: None
        self._follow: Callable[[Columns, int], None] = lambda _columns, _size: None
        self._thread = threading.Thread(target=self._commit_batches, name="commit", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def watch(self, observe: Callable[[int, float], None]) -> None:
        """Have ``observe`` called for each commit, in the committer's thread: its events and its seconds."""
        self._observe = observe

    def follow(self, take: Callable[[Columns, int], None]) -> None:
        """Have ``take`` called with each commit's events and their bytes once they are kept, in the committer's thread.

        It has to be quick and may not raise: requests wait for it.
        """
        self._follow = take

    def offer(self, creates: QueuedCreates) -> None:
        """Queue creates; their outcomes come with the tickets. Raises Unavailable if the queue is full."""
        self.queue.put(creates)

    def stop(self) -> None:
        """Commit what waits, deliver every outcome, and end the threads."""
        self.queue.close()
        if self._thread.is_alive():
            self._thread.join()
        self._parser.close()

    def _commit_batches(self) -> None:
        while waiting := self.queue.take(BATCH_EVENTS_MAX, BATCH_BYTES_MAX):
            started = self._clock.monotonic()
            if parsed := self._parser.parse(waiting):
                delivery = self._commit_or_split(parsed)
                self._observe(sum([len(item.submission) for item in parsed]), self._clock.monotonic() - started)
                self._deliver(delivery)

    def _commit_or_split(self, waiting: Sequence[ParsedCreates]) -> Delivery:
        """Commit the batch. If that fails, commit each request alone, so that none fails because of another."""
        try:
            return self._commit(waiting)
        except Exception as exc:
            # Whatever went wrong, even a fault of our own: this thread has to go on.
            self.counters.batches_failed += 1
            logger.exception("a commit failed", requests=len(waiting))
            alone = [one for item in waiting for one in item.separated()]
            if len(alone) > 1:
                return [delivered for item in alone for delivered in self._commit_or_split([item])]
            refusal = Unavailable("The events could not be stored now; none of them was kept.", RETRY_AFTER_SECONDS)
            # Its traceback, logged above, would keep the batch in memory until the garbage collector runs.
            refusal.__cause__ = exc.with_traceback(None)
            return [(alone[0].tickets[0], refusal)]

    def _commit(self, waiting: Sequence[ParsedCreates]) -> Delivery:
        kept, refused = self._resolver.resolve(waiting)
        delivery: Delivery = [(item.tickets[0], refusal) for item, refusal in refused]
        if kept:
            batch = Batch([part.resolved for part in kept])
            fresh = batch.first_of_each_key() & self._log.is_new(batch.ids, batch.key_lows)
            if fresh.any():
                self._resolver.note_values(kept, fresh)
                columns = Columns.of_events(batch.columns(fresh))
                self._follow(columns, self._log.append(columns))
            delivery += self._outcomes(kept, fresh)
        return delivery

    def _outcomes(self, kept: Sequence[ResolvedRequest], fresh: Flags) -> Delivery:
        """The outcome of each create. ``fresh`` says of each of their events whether it was stored."""
        delivery: Delivery = []
        counters = self.counters
        start = 0
        for part in kept:
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
        return delivery

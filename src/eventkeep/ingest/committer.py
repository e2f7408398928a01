"""Group commit: what gathered in the queue is resolved, freed of repeats, kept and answered together.

One thread does it, batch after batch: an idle server commits a request at once, a
busy one commits what came while the last commit ran. The same thread reads large
bodies: two threads that both want the interpreter's lock, and let go of it in every
call of numpy, cost each other a third of their time. The steps keep their order, for
a crash may fall between any two of them: a profile without its event is completed by
the client's retry; an event without its profile could never be read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
import structlog

from eventkeep.clock import Clock
from eventkeep.errors import RequestRefused, Unavailable
from eventkeep.eventlog.columns import Columns
from eventkeep.eventlog.log import EventLog
from eventkeep.ingest.batch import Batch, Flags
from eventkeep.ingest.queue import Queued, SingleGroup, SubmissionQueue, UnparsedBody, UnparsedSingles, Waiting
from eventkeep.ingest.resolve import ResolvedRequest, Resolver
from eventkeep.limits import BATCH_BYTES_MAX, BATCH_EVENTS_MAX, RETRY_AFTER_SECONDS
from eventkeep.model.submission import Gathered, Submission

logger = structlog.get_logger(__name__)

Read = TypeVar("Read")


class Outcome(msgspec.Struct, frozen=True):
    """What became of a kept submission.

    ``left`` names the identifiers that stayed with another profile; ``ignored`` those
    that could not be used.
    """

    stored: int
    repeated: int
    left: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()


ONE_STORED = Outcome(1, 0)
ONE_REPEATED = Outcome(0, 1)

Delivery = list[tuple[Any, Outcome | RequestRefused | None]]
"""Tickets with what became of their submissions; None for a body that needs the closer look."""


class CommitCounters(msgspec.Struct):
    """What the committer has done since it started; read by the metrics."""

    batches_failed: int = 0
    events_stored: int = 0
    events_repeated: int = 0
    identifiers_ignored: int = 0
    identifiers_left: int = 0


class Committer:
    """Owns the writing side of both stores. ``deliver`` is called from its thread, once a batch."""

    def __init__(
        self,
        resolver: Resolver,
        log: EventLog,
        clock: Clock,
        deliver: Callable[[Delivery], None],
        queue: SubmissionQueue | None = None,
    ) -> None:
        self._resolver, self._log, self._clock, self._deliver = resolver, log, clock, deliver
        self.queue = queue or SubmissionQueue()
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

    def offer(self, account: int, submission: Submission, ticket: Any) -> None:
        """Queue a submission; its outcome comes with ``ticket``. Raises Unavailable where the queue is full."""
        self.queue.put(Waiting(account, submission, ticket))

    def offer_unread(self, account: int, read: Callable[[], Submission | None], body_bytes: int, ticket: Any) -> None:
        """Queue a body that ``read`` makes a submission of, in the committer's thread; else like ``offer``.

        Where ``read`` gives None, so does the ticket: the closer look is the caller's.
        """
        self.queue.put(UnparsedBody(account, read, body_bytes, ticket))

    def offer_unread_singles(
        self, account: int, read: Callable[[], Gathered], body_bytes: int, tickets: list[Any]
    ) -> None:
        """Queue bodies of single creates, ``body_bytes`` together, with a ticket each; else like ``offer_unread``."""
        self.queue.put(UnparsedSingles(account, read, body_bytes, tickets))

    def stop(self) -> None:
        """Commit what waits, hand out every outcome, and end the thread."""
        self.queue.close()
        if self._thread.is_alive():
            self._thread.join()

    def _commit_batches(self) -> None:
        while waiting := self.queue.take(BATCH_EVENTS_MAX, BATCH_BYTES_MAX):
            started = self._clock.monotonic()
            read, delivery = self._read(waiting)
            if read:
                delivery += self._commit_or_split(read)
                self._observe(sum([item.submission.events for item in read]), self._clock.monotonic() - started)
            self._deliver(delivery)

    def _read(self, waiting: list[Queued]) -> tuple[list[Waiting | SingleGroup], Delivery]:
        """The submissions of all that can be read quickly, and the tickets of the rest."""
        ready: list[Waiting | SingleGroup] = []
        rest: Delivery = []
        for item in waiting:
            if isinstance(item, Waiting):
                ready.append(item)
                continue
            if isinstance(item, UnparsedBody):
                alone = [(item.ticket, read_or_none(item.read))]
            else:
                together, alone = read_singles(item)
                ready += together
            for ticket, submission in alone:
                if submission is None:
                    rest.append((ticket, None))
                else:
                    ready.append(Waiting(item.account, submission, ticket))
        return ready, rest

    def _commit_or_split(self, waiting: Sequence[Waiting | SingleGroup]) -> Delivery:
        """Commit the batch; where that fails, each of its requests alone, so that none fails for another."""
        try:
            return self._commit(waiting)
        except Exception as exc:
            # Whatever went wrong, a fault of our own too: this thread has to go on answering.
            self.counters.batches_failed += 1
            logger.exception("a commit failed", requests=len(waiting))
            alone = separated(waiting)
            if len(alone) > 1:
                return [delivered for item in alone for delivered in self._commit_or_split([item])]
            refusal = Unavailable("The events could not be stored now; none of them was kept.", RETRY_AFTER_SECONDS)
            # Logged by now; with its traceback it would hold the batch until the collector comes by.
            refusal.__cause__ = exc.with_traceback(None)
            return [(alone[0].ticket, refusal)]

    def _commit(self, waiting: Sequence[Waiting | SingleGroup]) -> Delivery:
        kept, refused = self._resolver.resolve(waiting)
        delivery: Delivery = [(item.ticket, refusal) for item, refusal in refused]
        if kept:
            batch = Batch([part.resolved for part in kept])
            fresh = batch.first_of_each_key() & self._log.is_new(batch.ids, batch.key_lows)
            if fresh.any():
                self._resolver.note_values(kept, fresh)
                columns = batch.columns(fresh)
                self._follow(columns, self._log.append(columns))
            delivery += self._outcomes(kept, fresh)
        return delivery

    def _outcomes(self, kept: Sequence[ResolvedRequest], fresh: Flags) -> Delivery:
        """What became of each submission, given which of all their events are stored."""
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
                # Each brought one event, and nothing that could be left or ignored.
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


def separated(waiting: Sequence[Waiting | SingleGroup]) -> list[Waiting]:
    """Every request by itself."""
    alone: list[Waiting] = []
    for item in waiting:
        if isinstance(item, SingleGroup):
            alone += item.separated()
        else:
            alone.append(item)
    return alone


def read_singles(item: UnparsedSingles) -> tuple[list[SingleGroup], list[tuple[Any, Submission | None]]]:
    """Those that were read together, if any, and the tickets of the others with what was read alone."""
    gathered, tickets = read_or_none(item.read), item.tickets
    if gathered is None:
        return [], [(ticket, None) for ticket in tickets]
    alone = [(tickets[place], submission) for place, submission in gathered.alone]
    if gathered.together is None:
        return [], alone
    return [SingleGroup(item.account, gathered.together, [tickets[place] for place in gathered.places])], alone


def read_or_none(read: Callable[[], Read | None]) -> Read | None:
    """What ``read`` gives; None where it fails."""
    try:
        return read()
    except Exception:
        logger.exception("a body could not be read")
        return None

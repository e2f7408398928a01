"""Group commit: what gathered in the queue is resolved, freed of repeats, inserted and answered together.

Two threads work side by side. The preparing thread takes what waits, resolves
profiles and metrics in one directory transaction and drops repeats; the inserting
thread appends the batch to the event log and hands out the outcomes. While one batch
is inserted the next one is prepared, so the two stores' waits overlap.

The steps keep this order, for a crash may fall between any two of them: a profile
without its event is completed by the client's retry; an event without its profile
could never be read.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import msgspec
import numpy as np
import structlog

from eventkeep.clock import Clock
from eventkeep.errors import EventkeepError, Unavailable
from eventkeep.eventlog.log import EventLog
from eventkeep.eventlog.seen import Keys
from eventkeep.ingest.batch import Batch, Flags, Resolved
from eventkeep.ingest.queue import SubmissionQueue, Waiting
from eventkeep.ingest.resolve import Refused, Resolver
from eventkeep.limits import BATCH_EVENTS_MAX, RETRY_AFTER_SECONDS
from eventkeep.model.submission import Submission

logger = structlog.get_logger(__name__)


class Outcome(msgspec.Struct, frozen=True):
    """What became of a kept submission.

    ``left`` names the identifiers that stayed with another profile; ``ignored`` those
    that could not be used.
    """

    stored: int
    repeated: int
    left: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()


class CommitCounters(msgspec.Struct):
    """What the committer has done since it started; read by the metrics."""

    batches: int = 0
    events_stored: int = 0
    events_repeated: int = 0
    batches_failed: int = 0
    commit_seconds: float = 0.0


Delivery = Sequence[tuple[Any, Outcome | EventkeepError]]
"""Tickets with what became of their submissions."""


class Prepared(msgspec.Struct):
    """A batch that only has to be inserted."""

    waiting: list[Waiting]
    batch: Batch
    left: list[frozenset[str]]
    fresh: Flags
    started: float


class Committer:
    """Owns the writing side of both stores. ``deliver`` is called from its threads."""

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
        self._seen = log.seen_filter()
        self._inserter = ThreadPoolExecutor(1, thread_name_prefix="insert")
        self._places = threading.Semaphore(1)
        self._inflight: list[tuple[Future[None], Keys]] = []
        self._preparer = threading.Thread(target=self._prepare_batches, name="prepare", daemon=True)

    def start(self) -> None:
        self._preparer.start()

    def offer(self, account: int, submission: Submission, ticket: Any) -> None:
        """Queue a submission; its outcome comes with ``ticket``. Raises Unavailable where the queue is full."""
        self.queue.put(Waiting(account, submission, ticket))

    def stop(self) -> None:
        """Commit what waits, hand out every outcome, and end the threads."""
        self.queue.close()
        if self._preparer.is_alive():
            self._preparer.join()
        self._inserter.shutdown(wait=True)

    def _prepare_batches(self) -> None:
        while waiting := self.queue.take(BATCH_EVENTS_MAX):
            try:
                prepared = self._prepare(waiting)
            except EventkeepError as exc:
                self._prepare_apart(waiting, exc)
            except Exception as exc:
                # A fault of our own must not end the thread that answers everybody.
                logger.exception("preparing a batch failed")
                self._prepare_apart(waiting, exc)
            else:
                if prepared is not None:
                    self._hand_over(prepared)

    def _prepare(self, waiting: list[Waiting]) -> Prepared | None:
        started = self._clock.monotonic()
        resolved = self._resolver.resolve(waiting)
        refused = [(item.ticket, part.error) for item, part in zip(waiting, resolved, strict=True) if isinstance(part, Refused)]
        if refused:
            self._deliver(refused)
        kept = [(item, part) for item, part in zip(waiting, resolved, strict=True) if not isinstance(part, Refused)]
        if not kept:
            return None
        batch = Batch([part.resolved for _, part in kept])
        fresh = self._without_repeats(batch)
        return Prepared([item for item, _ in kept], batch, [part.left for _, part in kept], fresh, started)

    def _without_repeats(self, batch: Batch) -> Flags:
        fresh = batch.first_of_each_key()
        perhaps = np.flatnonzero(fresh & self._seen.perhaps_seen(batch.ids))
        if len(perhaps):
            ids, key_lows = batch.ids[perhaps], batch.key_lows[perhaps]
            self._wait_for_inserts_of(ids)
            fresh[perhaps[self._log.stored(ids, key_lows)]] = False
        self._seen.add(batch.ids[fresh])
        return fresh

    def _wait_for_inserts_of(self, ids: Keys) -> None:
        """Wait where one of ``ids`` is being inserted: whether it is a repeat depends on how that ends."""
        for future, inserting in list(self._inflight):
            if not future.done() and np.isin(ids, inserting).any():
                wait([future])

    def _prepare_apart(self, waiting: list[Waiting], cause: Exception) -> None:
        """Give each submission of a batch that failed a try of its own, so that none fails for another."""
        if len(waiting) == 1:
            self._refuse(waiting, cause)
            return
        for item in waiting:
            try:
                prepared = self._prepare([item])
            except Exception as exc:
                self._refuse([item], exc)
            else:
                if prepared is not None:
                    self._hand_over(prepared)

    def _hand_over(self, prepared: Prepared) -> None:
        self._places.acquire()
        self._inflight = [pair for pair in self._inflight if not pair[0].done()]
        future = self._inserter.submit(self._insert, prepared)
        self._inflight.append((future, prepared.batch.ids[prepared.fresh]))

    def _insert(self, prepared: Prepared) -> None:
        try:
            if prepared.fresh.any():
                self._log.append(prepared.batch.rows(prepared.fresh))
            self._settle(prepared.waiting, prepared.batch, prepared.left, prepared.fresh)
        except Exception:
            self.counters.batches_failed += 1
            logger.exception("inserting a batch failed; its requests are tried apart")
            self._insert_apart(prepared)
        finally:
            self.counters.commit_seconds += self._clock.monotonic() - prepared.started
            self._places.release()

    def _insert_apart(self, prepared: Prepared) -> None:
        """Insert each submission of a failed batch alone, after asking the log what it has already."""
        for item, part, left in zip(prepared.waiting, prepared.batch.parts, prepared.left, strict=True):
            try:
                alone = Batch([part])
                fresh = alone.first_of_each_key() & ~self._log.stored(alone.ids, alone.key_lows)
                if fresh.any():
                    self._log.append(alone.rows(fresh))
            except Exception as exc:
                self._refuse([item], exc)
            else:
                self._settle([item], alone, [left], fresh)

    def _settle(self, waiting: list[Waiting], batch: Batch, left: list[frozenset[str]], fresh: Flags) -> None:
        stored = batch.stored_by_part(fresh)
        self.counters.batches += 1
        self.counters.events_stored += sum(stored)
        self.counters.events_repeated += len(batch) - sum(stored)
        self._deliver(
            [
                (
                    item.ticket,
                    Outcome(
                        stored=count,
                        repeated=len(item.submission) - count,
                        left=names,
                        ignored=frozenset(name for write in item.submission.profiles for name in write.ignored),
                    ),
                )
                for item, count, names in zip(waiting, stored, left, strict=True)
            ]
        )

    def _refuse(self, waiting: list[Waiting], cause: Exception) -> None:
        logger.error("a request could not be kept", cause=str(cause), requests=len(waiting))
        refusal = Unavailable("The events could not be stored now. Try again.", RETRY_AFTER_SECONDS)
        refusal.__cause__ = cause
        self._deliver([(item.ticket, refusal) for item in waiting])

"""Group commit: the creates that wait in the queue are parsed, resolved, appended to the log, applied and responded to.

One thread does it, batch after batch: an idle server commits a request at once, a busy one commits all that came during
the last commit. While a record is written and synced, the next batch is parsed and resolved against the changes of that
record. The order of the steps:

1. resolve against memory, the commit on its way and the directory; nothing is changed;
2. append the record to the log and sync it; only here a commit can still fail;
3. apply it to the directory and the event store. If that fails, the server stops: the record is in the log, and the
   next start applies it;
4. respond.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final, Protocol, TypeVar

import structlog

from eventkeep.clock import Clock
from eventkeep.directory import Directory
from eventkeep.directory.changes import Change
from eventkeep.errors import NotBegun, Unavailable
from eventkeep.ingest.commit import Commit, CommitCounters, Delivery, Outcome, prepare
from eventkeep.ingest.parsing import CreateParser, ParsedCreates
from eventkeep.ingest.queue import CreateQueue, QueuedChange, QueuedCreates
from eventkeep.ingest.resolve import Resolver
from eventkeep.ingest.stores import Room, Stores
from eventkeep.limits import BATCH_BYTES_MAX, BATCH_EVENTS_MAX, RETRY_AFTER_SECONDS, TAIL_WAIT_SECONDS_MAX
from eventkeep.log.transport import AppendResult
from eventkeep.log.transport import Outcome as AppendOutcome
from eventkeep.model.event_columns import EventColumns

__all__ = ["CommitCounters", "Committer", "Delivery", "Outcome"]

logger = structlog.get_logger(__name__)

BATCH_SECONDS: Final = 0.02
"""The time for a batch of bulk creates while short ones come, as far as it can be foreseen, in seconds."""
PACE_BYTES_START: Final = 2_000_000
"""Body bytes of a batch before any was timed."""
PACE_BYTES_MIN: Final = 100_000
"""Body bytes of a batch of bulk creates; one that has fewer is short."""
NO_ACCOUNTS: Final[frozenset[int]] = frozenset()
SHORT_SECONDS: Final = 1.0
"""The time for which a short batch bounds those that follow, in seconds."""

Result = TypeVar("Result")


class Committer:
    """Owns the writing side of the stores. ``deliver`` is called once a batch, and may be called from any thread.

    ``failed`` is called once, from the commit thread, if a record can't be applied: the process has to end then.
    """

    def __init__(
        self,
        stores: Stores,
        clock: Clock,
        deliver: Callable[[Delivery], None],
        room: Room,
        failed: Callable[[Exception], None],
        queue: CreateQueue | None = None,
        turn: Turn | None = None,
    ) -> None:
        self._turn = turn or OnlyWriter()
        self._stores, self._clock, self._deliver, self._room, self._failed = stores, clock, deliver, room, failed
        self._resolver = Resolver(stores.directory, clock)
        self.queue = queue or CreateQueue()
        self._parser = CreateParser(self.queue, lambda ticket, failure: deliver([(ticket, failure)]))
        self.counters = CommitCounters()
        self._observe: Callable[[int, float], None] = lambda _events, _seconds: None
        self._follow: Callable[[EventColumns], None] = lambda _events: None
        self.on_applied: Callable[[], None] = lambda: None
        """Called in the commit thread after each record that was applied."""
        self._on_its_way: Commit | None = None
        self._pace = Pace()
        self._appender = ThreadPoolExecutor(1, thread_name_prefix="log")
        self._thread = threading.Thread(target=self._run, name="commit", daemon=True)
        self._is_broken = False
        self._is_busy = False

    def start(self) -> None:
        self._thread.start()

    def watch(self, observe: Callable[[int, float], None]) -> None:
        """Have ``observe`` called for each commit, in the commit thread: its events and its seconds."""
        self._observe = observe

    def follow(self, take: Callable[[EventColumns], None]) -> None:
        """Have ``take`` called with each commit's events once they are stored, in the commit thread.

        It has to be quick and may not raise: requests wait for it.
        """
        self._follow = take

    def offer(self, item: QueuedCreates | QueuedChange) -> None:
        """Queue creates or a change; their outcomes come with the tickets. Raises Unavailable if the queue is full."""
        if isinstance(item, QueuedCreates) and item.is_bulk and self._is_busy:
            with self._parser.begun(item):
                self.queue.put(item)
        else:
            self.queue.put(item)

    def change(self, make: Callable[[Directory], tuple[Sequence[Change], Result]]) -> Result:
        """Keep the changes that ``make`` returns, and wait until they are applied; see `QueuedChange`.

        Raises the errors of ``make``, and Unavailable if the changes can't be kept.
        """
        done: Future[Result] = Future()
        self.offer(QueuedChange(make, done))
        return done.result()

    def move(
        self, make: Callable[[Directory], tuple[Sequence[Change], EventColumns | None, Result]], size: int = 0
    ) -> Result:
        """Keep a step of an account's move to another shard: changes and events, ``size`` bytes; like ``change``."""
        done: Future[Result] = Future()
        self.offer(QueuedChange(make, done, bytes=size, of_move=True))
        return done.result()

    def call(self, act: Callable[[], None]) -> None:
        """Have ``act`` called in the commit thread, between two commits. Raises its errors, and Unavailable."""

        def make(_: Directory) -> tuple[Sequence[Change], None]:
            act()
            return [], None

        self.change(make)

    @property
    def is_ready(self) -> bool:
        """Whether a create would be stored now."""
        return not self.queue.is_full and not self._is_broken and self._room.lack() is None

    def stop(self) -> None:
        """Commit the waiting creates, deliver every outcome, and end the threads."""
        self.queue.close()
        if self._thread.is_alive():
            self._thread.join()
        self._parser.close()
        self._appender.shutdown()

    def run_once(self) -> bool:
        """Commit the creates that wait in the queue, or wait for some; returns False once it is closed and empty.

        The commit thread calls it again and again.
        """
        if not self.queue.has_items:
            self._advance(None)
            self._turn.end()
        self._is_busy = False
        items = self.queue.take(BATCH_EVENTS_MAX, self._pace.bytes_max(self._clock.monotonic()))
        self._is_busy = True
        if not items:
            self._advance(None)
            self._turn.end()
            return False
        creates = [item for item in items if isinstance(item, QueuedCreates)]
        started = self._clock.monotonic()
        if creates and (parsed := self._parser.parse(creates)):
            self._commit(parsed, started)
            self._pace.note(sum([item.bytes for item in creates]), started, self._clock.monotonic())
        for item in items:
            if isinstance(item, QueuedChange):
                self._advance(None)
                self._keep(item)
        return True

    def _run(self) -> None:
        while self.run_once():
            pass

    def _commit(self, creates: Sequence[ParsedCreates], started: float) -> None:
        """Resolve creates and send them on their way. If they can't be resolved together, resolve each alone."""
        if (refusal := self._refusal()) is not None:
            self._advance(None)
            self._turn.end()
            self._refuse(creates, refusal)
            return
        creates = self._without_moving(creates)
        if not creates:
            self._advance(None)
            self._turn.end()
            return
        try:
            commit = self._prepare(creates, started)
        except Exception as exc:
            # Whatever went wrong, even a fault of our own: this thread has to go on.
            self.counters.batches_failed += 1
            logger.exception("a batch could not be resolved", requests=len(creates))
            alone = [one for item in creates for one in item.separated()]
            if len(alone) > 1:
                for one in alone:
                    self._commit([one], started)
                return
            self._advance(None)
            self._refuse(alone, not_stored(exc))
            return
        self._advance(commit)

    @property
    def _moving(self) -> frozenset[int]:
        """The accounts that requests may not change: a server with a log of its own has all to itself."""
        return self._stores.directory.moves.unchanged if self._stores.is_replicated else NO_ACCOUNTS

    def _without_moving(self, creates: Sequence[ParsedCreates]) -> Sequence[ParsedCreates]:
        """Refuse the creates of accounts that are being moved to another shard, or were; returns the others."""
        moving = self._moving
        if not moving:
            return creates
        self._refuse([item for item in creates if item.account in moving], being_moved())
        return [item for item in creates if item.account not in moving]

    def _prepare(self, creates: Sequence[ParsedCreates], started: float) -> Commit:
        return prepare(creates, self._on_its_way, self._resolver, self._stores.events, started)

    def _advance(self, following: Commit | None) -> None:
        """Finish the commit on its way, and send ``following`` on its way."""
        before, self._on_its_way = self._on_its_way, None
        if before is not None and not self._was_kept(before):
            before = None
            if following is not None:
                # It was resolved as if the other one had been kept.
                self._commit(following.creates, following.started)
                return
        if following is None or following.is_empty:
            self._finish(before)
            if following is not None:
                self._respond(following)
            return
        try:
            made = self._stores.encoded(following.changes, following.events, following.now_us)
        except Exception as exc:
            self._finish(before)
            self._split(following, exc)
            return
        following.encoded = made
        # A short commit does not wait until a bulk create is resolved.
        if self.queue.has_items and not (following.is_short and self.queue.has_bulk):
            following.appending = self._appender.submit(self._stores.log.append, made.record)
            self._on_its_way = following
            self._finish(before)
        else:
            # Nothing to do meanwhile: to hand it to another thread and back would cost more than it gains.
            self._finish(before)
            following.appending = Future()
            following.appending.set_result(self._stores.log.append(made.record))
            self._on_its_way = following
            self._advance(None)

    def _split(self, commit: Commit, exc: Exception) -> None:
        """Commit each request of a batch alone whose record can't be made."""
        logger.error("a record could not be made", cause=str(exc))
        alone = [one for item in commit.creates for one in item.separated()]
        if len(alone) == 1:
            self._refuse(alone, not_stored(exc))
            return
        for one in alone:
            self._commit([one], commit.started)

    def _was_kept(self, commit: Commit) -> bool:
        """Wait for the append. If the record was not kept, refuse the creates."""
        assert commit.appending is not None
        try:
            result = commit.appending.result()
        except Exception as exc:
            self._break(exc)
            result = AppendResult(AppendOutcome.UNKNOWN, str(exc))
        if result.outcome is AppendOutcome.KEPT:
            return True
        self.counters.batches_failed += 1
        logger.error("a commit failed", outcome=result.outcome.value, cause=result.reason)
        self._note_failure(result)
        self._refuse(commit.creates, not_stored(None))
        return False

    def _note_failure(self, result: AppendResult) -> None:
        """A record was not kept."""
        if not self._stores.is_replicated:
            # A refusal by a replicated log says nothing of the disk here.
            self._room.note_failure(result.reason)
        self._turn.append_failed(result)

    def _finish(self, commit: Commit | None) -> None:
        """Apply a commit whose record is in the log, and respond. If it can't be applied, the process has to end."""
        if commit is None:
            return
        if self._is_broken:
            self._refuse(commit.creates, not_stored(None))
            return
        made = commit.encoded
        assert made is not None
        try:
            self._stores.directory.apply(commit.changes, made.progress, commit.pending)
            self._stores.events.append(made.record.position, commit.events)
        except Exception as exc:
            self._break(exc)
            self._refuse(commit.creates, not_stored(exc))
            return
        self.on_applied()
        if commit.events is not None:
            self._follow(commit.events)
        self._respond(commit)

    def _respond(self, commit: Commit) -> None:
        total, part = self.counters, commit.counters
        total.events_stored += part.events_stored
        total.events_repeated += part.events_repeated
        total.identifiers_ignored += part.identifiers_ignored
        total.identifiers_left += part.identifiers_left
        self._observe(commit.count, self._clock.monotonic() - commit.started)
        self._deliver(commit.delivery)

    def _keep(self, item: QueuedChange) -> None:
        """Make a change and keep it. Nothing else is on its way."""
        try:
            if self._is_broken:
                raise not_stored(None)
            if (reason := self._turn.begin()) is not None:
                self._turn.end()
                raise NotBegun(reason, RETRY_AFTER_SECONDS)
            changes, events, result = self._made(item)
            if changes or events is not None:
                self._keep_changes(list(changes), events)
        except Exception as exc:
            item.done.set_exception(exc)
        else:
            item.done.set_result(result)

    def _made(self, item: QueuedChange) -> tuple[Sequence[Change], EventColumns | None, Any]:
        """The changes, events and result of a change. Raises the errors of ``make``, and Unavailable."""
        if item.of_move:
            changes, events, result = item.make(self._stores.directory)
            return changes, events, result
        changes, result = item.make(self._stores.directory)
        moving = self._moving
        if moving and any(change.account in moving for change in changes):
            raise being_moved()
        return changes, None, result

    def _keep_changes(self, changes: list[Change], events: EventColumns | None) -> None:
        """Append changes and apply them. Raises Unavailable if they are not kept, and the errors of applying."""
        if (lack := self._room.lack()) is not None:
            raise Unavailable(f"The change can't be stored now: {lack}.", RETRY_AFTER_SECONDS)
        if events is not None and not self._stores.events.wait_for_room(TAIL_WAIT_SECONDS_MAX):
            raise Unavailable("Too many events wait to be written to segments.", RETRY_AFTER_SECONDS)
        made = self._stores.encoded(changes, events)
        kept = self._stores.log.append(made.record)
        if kept.outcome is not AppendOutcome.KEPT:
            self._note_failure(kept)
            raise Unavailable(f"The change could not be stored now: {kept.reason}.", RETRY_AFTER_SECONDS)
        try:
            self._stores.directory.apply(changes, made.progress)
            self._stores.events.append(made.record.position, events)
        except Exception as exc:
            self._break(exc)
            raise
        self.on_applied()

    def _refusal(self) -> Unavailable | None:
        """Why creates have to be refused now, or None."""
        if self._is_broken:
            return not_stored(None)
        if (reason := self._turn.begin()) is not None:
            return Unavailable(reason, RETRY_AFTER_SECONDS)
        if (lack := self._room.lack()) is not None:
            return Unavailable(f"Events can't be stored now: {lack}.", RETRY_AFTER_SECONDS)
        events = self._stores.events
        if not events.has_room() and not events.wait_for_room(TAIL_WAIT_SECONDS_MAX):
            return Unavailable("Too many events wait to be written to segments.", RETRY_AFTER_SECONDS)
        return None

    def _refuse(self, creates: Sequence[ParsedCreates], refusal: Exception) -> None:
        self._deliver([(ticket, refusal) for item in creates for ticket in item.tickets])

    def _break(self, exc: Exception) -> None:
        """A record is in the log and can't be applied: no response may come from the stores any more."""
        if not self._is_broken:
            self._is_broken = True
            logger.critical("a record of the log can't be applied; the server stops", exc_info=exc)
            self._failed(exc)


class Pace:
    """The size of the next batch. While short creates come, it is resolved in about `BATCH_SECONDS`.

    A single create waits for the batch that is being resolved. Without single creates, larger batches cost less.
    """

    def __init__(self) -> None:
        self._fitting: float = PACE_BYTES_START
        self._short_until = 0.0

    def bytes_max(self, now: float) -> int:
        """Body bytes of the next batch, unless one request has more; ``now`` is on the monotonic clock, in seconds."""
        return min(int(self._fitting), BATCH_BYTES_MAX) if now < self._short_until else BATCH_BYTES_MAX

    def note(self, size: int, started: float, now: float) -> None:
        """A batch of ``size`` bytes was resolved between the two times."""
        if size < PACE_BYTES_MIN:
            self._short_until = now + SHORT_SECONDS
        elif now > started:
            self._fitting += (size / (now - started) * BATCH_SECONDS - self._fitting) / 4


def not_stored(exc: Exception | None) -> Unavailable:
    """The refusal of creates that were not stored, as far as is known."""
    refusal = Unavailable("The events could not be stored now; none of them was kept.", RETRY_AFTER_SECONDS)
    if exc is not None:
        # Its traceback would keep the batch in memory until the garbage collector runs.
        refusal.__cause__ = exc.with_traceback(None)
    return refusal


def being_moved() -> Unavailable:
    return Unavailable("The account is being moved to another shard; try again.", RETRY_AFTER_SECONDS)


class Turn(Protocol):
    """The right to append to the log and to apply the records. Only the commit thread calls it."""

    def begin(self) -> str | None:
        """Take the turn, or keep it. Returns the reason why that is not possible, or None.

        After a reason, the caller finishes the commit on its way, calls ``end``, and appends nothing.
        """

    def end(self) -> None:
        """Give the turn back; nothing is on its way to the log. No effect without a turn."""

    def append_failed(self, result: AppendResult) -> None:
        """An append was not kept, as far as is known. The turn goes on until ``end``."""


class OnlyWriter:
    """The turn of the only process that writes."""

    def begin(self) -> str | None:
        return None

    def end(self) -> None:
        pass

    def append_failed(self, result: AppendResult) -> None:
        pass

# Made by tools/async_to_sync.py from asynchronous/batch.py: change that one.
"""``Batch``: many events in few requests, sent beside the program."""

from __future__ import annotations

import datetime
import logging
import math
import os
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from eventkeep.client.batch_settings import BatchCounts, BatchSettings
from eventkeep.client.buffer import Buffer, is_too_large
from eventkeep.client.calls import create_call
from eventkeep.client.drafts import BatchedEvent, batched_event, draft_attributes, draft_profile
from eventkeep.client.errors import (
    ArgumentError,
    BufferFullError,
    ClientError,
    ClosedError,
    EventsRefusedError,
    InvalidRequestError,
    SpoolError,
)
from eventkeep.client.forks import close_at_exit_of_child, notice_fork, reset_after_fork
from eventkeep.client.packing import Packing, packed
from eventkeep.client.rejections import failure_kind, rejection
from eventkeep.client.retries import RetryPolicy
from eventkeep.client.spool import Spool
from eventkeep.client.synchronous import waiting
from eventkeep.client.termination import flush_on_sigterm
from eventkeep.limits import BATCH_PAUSE_SECONDS, BATCH_REFUSALS_REMEMBERED_MAX, BODY_BYTES_MAX

if TYPE_CHECKING:
    from eventkeep.client.synchronous.client import Client

logger = logging.getLogger(__name__)


class Batch:
    """Takes events one by one and sends them in bulk requests, from a thread of its own.

    ::

        with client.batch() as batch:
            for order in orders:
                batch.track("Placed Order", {"email": order.email}, value=order.total)

    ``track`` returns at once while the buffer has room. A request is sent when it is full
    (1,000 events or 5 MB) or when its first event has waited ``delay_seconds``. An event
    that the server refuses is taken out of its request, and the others are sent again
    without it. The end of the ``with`` block, and SIGTERM, send all events that
    wait. ``counts`` has the numbers of events taken, sent and refused so far.

    With a spool file, an event is in the file when ``track`` returns, and stays there
    until the server has responded: the next batch on the same file sends the events that
    a process left first. Events are then never given up because the server or the network
    fails; the batch stops with an error if only a person can help (the key is refused).

    In a forked child an open batch starts empty and with threads of its own: the events
    that wait in the parent stay the parent's.
    """

    def __init__(self, client: Client, settings: BatchSettings) -> None:
        self._client, self._settings = client, settings
        self._is_open = self._is_finished = False
        self._spool: Spool | None = None
        self._undo_sigterm: Callable[[], None] | None = None
        self._at_exit = waiting.AtExit()
        self._begin()

    def _begin(self) -> None:
        """Start with no event. The child of a fork begins anew, too."""
        settings = self._settings
        self._changes = waiting.Changes()
        self._workers = waiting.Workers()
        self._buffer = Buffer(settings.buffer_events_max, settings.buffer_bytes_max, settings.delay_seconds)
        self._has_workers = False
        self._close_end = math.inf
        self._stopped_by: ClientError | None = None
        self._failure: Exception | None = None
        self._refusals: list[tuple[BatchedEvent, ClientError]] = []
        self._refused_untold = 0
        self.counts = BatchCounts()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except ClientError:
            if exc is None:
                raise
            # The error that ended the block must not be hidden behind one that followed from it.
            logger.exception("a batch that ended with an error could not send all of its events")

    def open(self) -> Self:
        """Start to send, events of the spool file first. Raises SpoolError, ClosedError."""
        if self._is_open:
            raise ClosedError("the batch is open already")
        if self._settings.spool is not None:
            self._take_over(Spool(self._settings.spool))
        self._is_open = True
        self._start_workers()
        self._at_exit.add(self, self.close)
        reset_after_fork(self)
        if self._settings.flush_on_sigterm:
            self._undo_sigterm = flush_on_sigterm(waiting.from_thread(self.close))
        return self

    def track(
        self,
        metric: str,
        profile: Mapping[str, Any],
        *,
        properties: Mapping[str, Any] | None = None,
        time: datetime.datetime | str | None = None,
        value: float | Decimal | None = None,
        value_currency: str | None = None,
        unique_id: str | None = None,
        service: str | None = None,
    ) -> None:
        """Take one event; the arguments are those of ``client.track``.

        If the buffer is full, this waits for room, or raises BufferFullError if
        ``when_full`` is ``"refuse"``. Raises ArgumentError, ClosedError and SpoolError; the
        event is not taken then.
        """
        attributes = draft_attributes(
            metric,
            properties=properties,
            time=time,
            value=value,
            value_currency=value_currency,
            unique_id=unique_id,
            service=service,
        )
        self.add(batched_event(attributes, draft_profile(profile)))

    def add(self, event: BatchedEvent) -> None:
        """Take an event that is encoded already; raises as ``track`` does."""
        if is_too_large(event):
            raise ArgumentError(f"the event is larger than a request may be ({BODY_BYTES_MAX:,} bytes)")
        notice_fork()
        with self._changes:
            self._require_open()
            if not self._has_workers:
                self._start_in_child()
            while not self._buffer.has_room(event):
                if not self._buffer.is_flushing:
                    # Nothing more fits in, so a request that is not full yet need not wait for more events.
                    self._buffer.flush()
                    self._changes.notify()
                if self._settings.when_full == "refuse":
                    raise BufferFullError(
                        f"the batch is full: {len(self._buffer):,} events of {self._buffer.bytes:,} bytes wait for "
                        "their response. Send less, or raise buffer_events_max and buffer_bytes_max."
                    )
                self._changes.wait(None)
                self._require_open()
            self._take(event)

    def flush(self) -> None:
        """Send all events taken so far without delay, and wait for the responses.

        Raises EventsRefusedError if events were refused and no ``on_refused`` was given,
        and errors that ``on_refused`` itself raised; ClosedError if the batch ended before
        all were sent; SpoolError if the file could not be written.
        """
        notice_fork()
        with self._changes:
            number = self._buffer.flush()
            self._changes.notify()
            while not self._buffer.is_complete(number):
                self._require_open()
                self._changes.wait(None)
            self._raise_failures()

    def close(self) -> None:
        """Send all events that wait, for at most ``close_seconds_max`` seconds, and end. It may be called again.

        Events that were not sent by then stay in the spool file; without one they are
        refused. Raises the errors of ``flush``.
        """
        if not self._is_open:
            return
        notice_fork()
        with self._changes:
            self._close_end = min(self._close_end, monotonic() + self._settings.close_seconds_max)
            self._changes.notify()
        self._workers.join()
        with self._changes:
            left = self._finish()
        self._refuse(left, ClosedError(f"the batch ended, after {self._settings.close_seconds_max:g} s"))
        with self._changes:
            self._raise_failures()
            if self._stopped_by is not None:
                stopped_by, self._stopped_by = self._stopped_by, None
                raise stopped_by

    def after_fork(self) -> None:
        """Begin anew in the child of a fork, without the parent's events, locks and threads."""
        if self._spool is not None:
            self._spool.close()
            self._spool = None
        self._begin()

    def left_open(self) -> tuple[Any, ...]:
        """Return all that ``waiting.AtExit`` needs to send the events of a batch that was not closed."""
        return (self._buffer, self._client.settings, self._settings, self._client.is_own_transport)

    # The caller of the following holds the lock.

    def _start_workers(self) -> None:
        self._has_workers = True
        self._workers.start(self._work, self._settings.requests_at_once, "eventkeep batch")

    def _start_in_child(self) -> None:
        """Start in a forked child, at its first event: few of the children that a program forks send any."""
        path = self._settings.spool
        if path is not None:
            self._take_over(Spool(path.with_name(f"{path.name}.{os.getpid()}")))
        close_at_exit_of_child(self.close)
        self._start_workers()

    def _take_over(self, spool: Spool) -> None:
        for event in spool.left:
            self._buffer.add(event, -math.inf)
        spool.compact(self._buffer.pending())
        spool.remove_adopted()
        self.counts.tracked = len(self._buffer)
        self._spool = spool

    def _take(self, event: BatchedEvent) -> None:
        if self._spool is not None:
            if self._spool.is_large:
                self._spool.compact(self._buffer.pending())
            event.number = self._buffer.last_number + 1
            self._spool.append([event])
        self.counts.tracked += 1
        if self._buffer.add(event, monotonic()):
            self._changes.notify()

    def _require_open(self) -> None:
        if self._stopped_by is not None:
            raise ClosedError(f"the batch has stopped: {self._stopped_by}") from self._stopped_by
        if not self._is_open or self._close_end < math.inf:
            raise ClosedError("the batch is closed" if self._is_open else "the batch is not open: use it in a with")

    def _raise_failures(self) -> None:
        failure, self._failure = self._failure, None
        refusals, count = self._refusals, self._refused_untold
        self._refusals, self._refused_untold = [], 0
        if failure is not None:
            raise failure
        if refusals:
            raise EventsRefusedError(count, refusals)

    def _finish(self) -> list[BatchedEvent]:
        """End once; returns the events that can't be sent any more."""
        if self._is_finished:
            return []
        self._is_finished = True
        self._at_exit.remove()
        if self._undo_sigterm is not None:
            self._undo_sigterm()
        left = self._buffer.take_all()
        if self._spool is None:
            return left
        if len(self._buffer):
            logger.warning("%d events stay in %s: a batch on this file sends them", len(self._buffer), self._spool.path)
        self._spool.close()
        return []

    def _complete(self, events: Sequence[BatchedEvent]) -> None:
        """Forget events that were responded to or refused."""
        self._buffer.complete(events)
        self._changes.notify()
        if self._spool is not None and events:
            try:
                self._spool.complete(events)
            except SpoolError as exc:
                # The events would be sent again from the file as duplicates: no harm, but the caller should know.
                self._failure = self._failure or exc

    def _next(self) -> Packing[BatchedEvent] | None:
        """Return the next request, as soon as it is due; None at the end of the batch."""
        while True:
            is_closing = self._close_end < math.inf
            if self._stopped_by is not None or monotonic() > self._close_end:
                return None
            seconds = self._buffer.seconds_until_due(monotonic())
            if seconds == 0 or (is_closing and seconds is not None):
                return self._buffer.take()
            if is_closing:
                return None
            self._changes.wait(seconds)

    # The following are called without the lock.

    def _work(self) -> None:
        while True:
            with self._changes:
                packing = self._next()
            if packing is None:
                return
            # Parts of a request that was refused, the first one last.
            parts = [packing]
            while parts:
                parts += self._deliver(parts.pop())

    def _deliver(self, packing: Packing[BatchedEvent]) -> list[Packing[BatchedEvent]]:
        """Send a request and complete its events; returns the parts that have to be sent again, the first one last."""
        policy = RetryPolicy(
            retries_max=None, seconds_max=self._settings.give_up_seconds, deadline=lambda: self._close_end
        )
        try:
            response = self._client.perform(create_call("bulk_create_events", packing.body()), policy, self._pause)
        except ClientError as error:
            return self._after(error, packing)
        except Exception as exc:
            # A fault of this program. Without an end of its own it would leave others waiting for ever.
            logger.exception("a batch met an unexpected error")
            with self._changes:
                self._failure = self._failure or exc
            self._refuse(packing.events(), ClientError(f"{type(exc).__name__}: {exc}"))
            return []
        with self._changes:
            self.counts.add_sent(len(packing), response.data.stored, response.data.repeated)
            self._complete(packing.events())
        return []

    def _after(self, error: ClientError, packing: Packing[BatchedEvent]) -> list[Packing[BatchedEvent]]:
        """Handle a request that failed; returns the same as ``_deliver``."""
        kind = failure_kind(error)
        if kind == "events" and isinstance(error, InvalidRequestError):
            found = rejection(error, packing)
            self._refuse(found.refused, error)
            return [packed(events) for events in reversed(found.again)]
        if self._spool is None:
            self._refuse(packing.events(), error)
            return []
        if kind == "permanent":
            with self._changes:
                self._stopped_by = error
                self._changes.notify()
            return []
        if monotonic() < self._close_end:
            logger.warning("a batch goes on trying: %s", error)
            self._pause(BATCH_PAUSE_SECONDS)
        # Past the end of the batch the events stay in the spool file.
        return [packing] if monotonic() < self._close_end else []

    def _refuse(self, events: Sequence[BatchedEvent], error: ClientError) -> None:
        """Report events as not delivered, and complete them. The program's callback runs without the lock."""
        failure: Exception | None = None
        if self._settings.on_refused is not None:
            for event in events:
                try:
                    self._settings.on_refused(event, error)
                except Exception as exc:
                    logger.exception("on_refused raised an error")
                    failure = failure or exc
        with self._changes:
            self._failure = self._failure or failure
            self.counts.refused += len(events)
            if self._settings.on_refused is None:
                self._refused_untold += len(events)
                self._refusals += [(event, error) for event in events]
                del self._refusals[BATCH_REFUSALS_REMEMBERED_MAX:]
            self._complete(events)

    def _pause(self, seconds: float) -> None:
        """Wait; the end of the batch cuts the wait short if it would reach past it."""
        end = monotonic() + seconds
        with self._changes:
            while (left := end - monotonic()) > 0:
                if self._close_end < end:
                    return
                self._changes.wait(left)

# Made by tools/async_to_sync.py from asynchronous/batch.py: change that one.
"""``Batch``: many events in few requests, sent beside the program."""

from __future__ import annotations

import datetime
import logging
import math
from collections.abc import Callable, Mapping, Sequence
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
from eventkeep.client.packing import Packing, packed
from eventkeep.client.rejections import trouble, verdict
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

    ``track`` returns at once, as long as the buffer has room. A request is sent when it is
    full (1,000 events or 5 MB) or when its first event has waited ``delay_seconds``. An
    event that the server refuses is taken out of its request, and the others are sent
    again without it. The end of the ``with`` block, and SIGTERM, send all that waits.
    ``counts`` says how many events were taken, sent and refused so far.

    With a spool file, an event is in the file when ``track`` returns, and stays there
    until it is answered: what a process left, the next batch on the same file sends
    first. Events are then never given up because of the server's or the network's
    trouble; the batch stops with an error where only a person can help (the key is refused).
    """

    def __init__(self, client: Client, settings: BatchSettings) -> None:
        self._client, self._settings = client, settings
        self._changes = waiting.Changes()
        self._workers = waiting.Workers()
        self._at_exit = waiting.AtExit()
        self._buffer = Buffer(settings.buffer_events_max, settings.buffer_bytes_max, settings.delay_seconds)
        self._spool: Spool | None = None
        self._undo_sigterm: Callable[[], None] | None = None
        self._is_open = self._is_finished = False
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
            # What ended the block is the news; it must not be hidden behind what followed from it.
            logger.exception("a batch that ended with an error could not send all of its events")

    def open(self) -> Self:
        """Start sending; the first thing sent is what the spool file held. Raises SpoolError, ClosedError."""
        if self._is_open:
            raise ClosedError("the batch is open already")
        if self._settings.spool is not None:
            self._take_over(Spool(self._settings.spool))
        self._is_open = True
        self._workers.start(self._work, self._settings.requests_at_once, "eventkeep batch")
        self._at_exit.add(self.close)
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
        value: float | None = None,
        value_currency: str | None = None,
        unique_id: str | None = None,
        service: str | None = None,
    ) -> None:
        """Take one event; the arguments are those of ``client.track``.

        Where the buffer is full it waits for room, or raises BufferFullError, as the
        batch was told. Raises ArgumentError, ClosedError and SpoolError; the event is
        not taken then.
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
        event = batched_event(attributes, draft_profile(profile))
        if is_too_large(event):
            raise ArgumentError(f"the event is larger than a request may be ({BODY_BYTES_MAX:,} bytes)")
        with self._changes:
            self._require_open()
            while not self._buffer.has_room(event):
                if not self._buffer.is_hurried:
                    # What waits for company would wait in vain: nothing more fits in.
                    self._buffer.hurry()
                    self._changes.tell()
                if self._settings.when_full == "refuse":
                    raise BufferFullError(
                        f"the batch is full: {len(self._buffer):,} events of {self._buffer.bytes:,} bytes wait for "
                        "their answer. Send less, or raise buffer_events_max and buffer_bytes_max."
                    )
                self._changes.wait(None)
                self._require_open()
            self._take(event)

    def flush(self) -> None:
        """Send all that was taken before, without delay, and wait until it is answered.

        Raises EventsRefusedError where events were refused and no ``on_refused`` was
        given, and what ``on_refused`` itself raised; ClosedError where the batch ended
        before all was sent; SpoolError where the file could not be written.
        """
        with self._changes:
            number = self._buffer.hurry()
            self._changes.tell()
            while not self._buffer.is_settled(number):
                self._require_open()
                self._changes.wait(None)
            self._raise_failures()

    def close(self) -> None:
        """Send all that waits, for ``close_seconds_max`` seconds at the most, and end. It may be called again.

        What was not sent by then stays in the spool file; without one it is refused.
        Raises what ``flush`` does.
        """
        if not self._is_open:
            return
        with self._changes:
            self._close_end = min(self._close_end, monotonic() + self._settings.close_seconds_max)
            self._changes.tell()
        self._workers.join()
        with self._changes:
            left = self._finish()
        self._refuse(left, ClosedError(f"the batch ended, after {self._settings.close_seconds_max:g} s"))
        with self._changes:
            self._raise_failures()
            if self._stopped_by is not None:
                stopped_by, self._stopped_by = self._stopped_by, None
                raise stopped_by

    # The following are called with the lock held.

    def _take_over(self, spool: Spool) -> None:
        for event in spool.left:
            self._buffer.add(event, -math.inf)
        spool.compact(self._buffer.unsettled())
        self.counts.tracked = len(self._buffer)
        self._spool = spool

    def _take(self, event: BatchedEvent) -> None:
        if self._spool is not None:
            if self._spool.is_large:
                self._spool.compact(self._buffer.unsettled())
            event.number = self._buffer.last_number + 1
            self._spool.append([event])
        self.counts.tracked += 1
        if self._buffer.add(event, monotonic()):
            self._changes.tell()

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
        """The end, once; returns what can't be sent any more."""
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

    def _settle(self, events: Sequence[BatchedEvent]) -> None:
        """Events are answered, one way or the other."""
        self._buffer.settle(events)
        self._changes.tell()
        if self._spool is not None and events:
            try:
                self._spool.settle(events)
            except SpoolError as exc:
                # The events would be sent again from the file, and be repeats there: no harm, but to be told.
                self._failure = self._failure or exc

    def _next(self) -> Packing[BatchedEvent] | None:
        """The next request, as soon as it is due; None at the end of the batch."""
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
        """Send a request and settle its events; returns what of it has to be sent again, the first part last."""
        policy = RetryPolicy(
            retries_max=None, seconds_max=self._settings.give_up_seconds, deadline=lambda: self._close_end
        )
        try:
            answer = self._client.perform(create_call("bulk_create_events", packing.body()), policy, self._pause)
        except ClientError as error:
            return self._after(error, packing)
        except Exception as exc:
            # Nothing that is known of: but without an end of its own it would leave others waiting for ever.
            logger.exception("a batch met an error that it does not know")
            with self._changes:
                self._failure = self._failure or exc
            self._refuse(packing.events(), ClientError(f"{type(exc).__name__}: {exc}"))
            return []
        with self._changes:
            self.counts.add_sent(len(packing), answer.data.stored, answer.data.repeated)
            self._settle(packing.events())
        return []

    def _after(self, error: ClientError, packing: Packing[BatchedEvent]) -> list[Packing[BatchedEvent]]:
        """What a request that failed means for its events; returns what ``_deliver`` does."""
        kind = trouble(error)
        if kind == "none" and isinstance(error, InvalidRequestError):
            found = verdict(error, packing)
            self._refuse(found.refused, error)
            return [packed(events) for events in reversed(found.again)]
        if self._spool is None:
            self._refuse(packing.events(), error)
            return []
        if kind == "lasting":
            with self._changes:
                self._stopped_by = error
                self._changes.tell()
            return []
        if monotonic() < self._close_end:
            logger.warning("a batch goes on trying: %s", error)
            self._pause(BATCH_PAUSE_SECONDS)
        # Past the end of the batch the events stay in the spool file.
        return [packing] if monotonic() < self._close_end else []

    def _refuse(self, events: Sequence[BatchedEvent], error: ClientError) -> None:
        """Tell that events are not delivered, and settle them. The program's callback runs without the lock."""
        failure: Exception | None = None
        if self._settings.on_refused is not None:
            for event in events:
                try:
                    self._settings.on_refused(event, error)
                except Exception as exc:
                    logger.exception("on_refused met an error")
                    failure = failure or exc
        with self._changes:
            self._failure = self._failure or failure
            self.counts.refused += len(events)
            if self._settings.on_refused is None:
                self._refused_untold += len(events)
                self._refusals += [(event, error) for event in events]
                del self._refusals[BATCH_REFUSALS_REMEMBERED_MAX:]
            self._settle(events)

    def _pause(self, seconds: float) -> None:
        """Wait; the end of the batch cuts a wait short that would reach past it."""
        end = monotonic() + seconds
        with self._changes:
            while (left := end - monotonic()) > 0:
                if self._close_end < end:
                    return
                self._changes.wait(left)

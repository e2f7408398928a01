"""The first step of a commit: the bodies of queued creates become submissions.

The commit thread parses plain bodies with the native parser, which lets go of the interpreter's lock. While it is busy,
another thread begins with the bulk creates that wait. Any other body, or every one without a compiled reader,
goes to the full parser in a thread of its own: that may take a second, which no other request should wait for. It is
queued again with its submission.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import msgspec

from eventkeep.errors import RequestRefused, Unavailable
from eventkeep.ingest.queue import CreateQueue, QueuedCreates
from eventkeep.limits import PARSED_AHEAD_BYTES_MAX, PARSER_BYTES_MAX, PARSER_THREADS, RETRY_AFTER_SECONDS
from eventkeep.model.stated_consent import with_statements
from eventkeep.model.submission import Submission
from eventkeep.protocol.creates.native_parser import Parsed, parse_natively
from eventkeep.protocol.creates.parser import parse_bulk_create, parse_create_event

Failed = Callable[[Any, Exception], None]
"""Takes a ticket, and why its create will not be stored."""


class ParsedCreates(msgspec.Struct):
    """Creates of one account with their submission: one bulk create, or single ones in the order of the tickets."""

    account: int
    submission: Submission
    tickets: list[Any]

    def separated(self) -> list[ParsedCreates]:
        """Each request by itself."""
        if len(self.tickets) == 1:
            return [self]
        return [
            ParsedCreates(self.account, submission, [ticket])
            for submission, ticket in zip(self.submission.separated(), self.tickets, strict=True)
        ]


class CreateParser:
    """Parses the creates that the commit thread takes from the queue. ``failed`` may be called from any thread."""

    def __init__(self, queue: CreateQueue, failed: Failed) -> None:
        self._queue, self._failed = queue, failed
        self._threads = ThreadPoolExecutor(PARSER_THREADS, thread_name_prefix="parse")
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="parse ahead")
        self._counting = threading.Lock()
        self._waiting_bytes = 0
        self._ahead_bytes = 0

    @contextmanager
    def begun(self, item: QueuedCreates) -> Iterator[None]:
        """Have another thread parse a bulk create, unless the block, which queues it, raises an error.

        At most PARSED_AHEAD_BYTES_MAX bytes of bodies are parsed ahead of their commit; no effect for more.
        """
        size = item.bytes
        with self._counting:
            has_room = self._ahead_bytes + size <= PARSED_AHEAD_BYTES_MAX
            self._ahead_bytes += size if has_room else 0
        if has_room:
            item.parsing = self._ahead.submit(natively, item)
        try:
            yield
        except BaseException:
            self._end(item)
            raise

    def _end(self, item: QueuedCreates) -> Future[Parsed] | None:
        """The parsing of a create in the other thread; None if that has not got to it, and then never will."""
        parsing, item.parsing = item.parsing, None
        if parsing is None:
            return None
        with self._counting:
            self._ahead_bytes -= item.bytes
        return None if parsing.cancel() else parsing

    def parse(self, items: list[QueuedCreates]) -> list[ParsedCreates]:
        """The creates that are ready for the commit; the others are queued again, or fail."""
        ready: list[ParsedCreates] = []
        for item in items:
            submission, places = item.submission, list(range(len(item.bodies)))
            if submission is None:
                parsing = self._end(item)
                submission, places = natively(item) if parsing is None else parsing.result()
            if submission is not None:
                ready.append(ParsedCreates(item.account, submission, [item.tickets[place] for place in places]))
            if len(places) < len(item.bodies):
                for place in sorted(set(range(len(item.bodies))).difference(places)):
                    self._parse_later(item, place)
        return ready

    def close(self) -> None:
        """Wait for the bodies that are being parsed."""
        self._threads.shutdown()
        self._ahead.shutdown()

    def _parse_later(self, item: QueuedCreates, place: int) -> None:
        ticket, body = item.tickets[place], item.bodies[place]
        one = msgspec.structs.replace(item, bodies=[body], tickets=[ticket])
        with self._counting:
            has_room = not self._waiting_bytes or self._waiting_bytes + len(body) <= PARSER_BYTES_MAX
            self._waiting_bytes += len(body) if has_room else 0
        if has_room:
            self._threads.submit(self._parse_fully, one)
        else:
            self._failed(ticket, Unavailable("Too many bodies wait to be validated.", RETRY_AFTER_SECONDS))

    def _parse_fully(self, one: QueuedCreates) -> None:
        (body,) = one.bodies
        try:
            parse = parse_bulk_create if one.is_bulk else parse_create_event
            one.submission = with_statements(parse(body, one.revision, one.received_at))
            self._queue.put(one)
        except RequestRefused as refusal:
            # Its traceback would keep the body in memory until the garbage collector runs.
            self._failed(one.tickets[0], refusal.with_traceback(None))
        except Exception as failure:
            # A fault of our own. The thread has to go on, and the client has to get a response.
            self._failed(one.tickets[0], failure)
        finally:
            with self._counting:
                self._waiting_bytes -= len(body)


def natively(item: QueuedCreates) -> Parsed:
    """The submission of the plain bodies, and their places."""
    submission, places = parse_natively(item.bodies, item.is_bulk, item.revision, item.received_at)
    return (None if submission is None else with_statements(submission)), places

"""The responding half of a connection: one request after the other, in the order in which they came."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

import structlog

from eventkeep.http.application import Application, Cancellable
from eventkeep.http.head_cache import HeadCache
from eventkeep.http.request import Request
from eventkeep.http.response import CONTINUE, DateLine, Response, StreamedResponse, response_bytes
from eventkeep.http.streaming import Stream, is_chunked, stream_head
from eventkeep.limits import BODY_BYTES_MAX

logger = structlog.get_logger(__name__)


class ResponderEvents(Protocol):
    """The events that a responder reports to its connection."""

    def body_wanted(self, request: Request) -> None:
        """The application waits for a body that has not arrived."""

    def response_written(self, is_last: bool) -> None:
        """The first request has its response. ``is_last`` says that the connection ends behind it."""

    def response_failed(self) -> None:
        """The response can't be written."""


class Responder:
    """Holds the requests whose heads have arrived; the first of them is being responded to."""

    _transport: asyncio.Transport

    def __init__(
        self, application: Application, head_cache: HeadCache, date: DateLine, events: ResponderEvents
    ) -> None:
        self._application, self._head_cache, self._date, self._events = application, head_cache, date, events
        self._requests: deque[Request] = deque()
        self.first: Request | None = None
        """The request that gets the next response."""
        self._pending: Cancellable | None = None

    def connect(self, transport: asyncio.Transport) -> None:
        """Write to this transport."""
        self._transport = transport

    @property
    def last(self) -> Request | None:
        return self._requests[-1] if self._requests else None

    @property
    def is_responding(self) -> bool:
        """Whether the application works on the first request."""
        return self._pending is not None

    def add(self, request: Request) -> None:
        self._requests.append(request)
        if self.first is None:
            self.first = request

    def start(self) -> None:
        """Have the application respond to the first request, unless it does so already."""
        request = self.first
        if self._pending is not None or request is None:
            return
        if request.refusal is None:
            request.when_read(self._body_wanted)
            self._pending = self._application.begin(request, self._respond)
        else:
            refused = self._application.refuse(request.refusal)
            self._pending = asyncio.get_running_loop().call_soon(self._respond, refused)

    def close(self) -> None:
        """The client is gone: nothing will be written any more."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.cancel()
        for request in self._requests:
            request.body.drop()
        self._requests.clear()
        self.first = None

    def _body_wanted(self, request: Request) -> None:
        self._events.body_wanted(request)
        if request.waits_to_be_asked:
            request.is_asked = True
            self._transport.write(CONTINUE)

    def pause(self) -> None:
        """The client does not take what is written."""
        if isinstance(self._pending, Stream):
            self._pending.pause()

    def resume(self) -> None:
        """The client takes what is written again."""
        if isinstance(self._pending, Stream):
            self._pending.resume()

    def _respond(self, response: Response) -> None:
        request = self.first
        if request is None:
            # The client went away.
            return
        self._pending = None
        request.has_response = True
        request.body.drop()
        if request.cache_key and request.head.memo is not None:
            self._head_cache.remember(request.cache_key, request.head)
        is_last = not request.keeps_alive or not (request.body.is_complete or will_end(request))
        if isinstance(response, StreamedResponse) and request.head.method != "HEAD":
            self._start_stream(request, response, is_last)
            return
        try:
            self._transport.write(response_bytes(request.head, response, self._date.now(), is_last))
        except Exception:
            # Otherwise the client would wait for a response that never comes.
            logger.exception("a response could not be sent")
            self._remove_first()
            self._events.response_failed()
        else:
            self._written(is_last)

    def _start_stream(self, request: Request, response: StreamedResponse, is_last: bool) -> None:
        """Write the head of a response and then its pieces; it is the first one until then."""
        chunked = is_chunked(request.head)
        is_last = is_last or not chunked
        self._transport.write(stream_head(request.head, response, self._date.now(), is_last))
        self._pending = Stream(self._transport, response.pieces, chunked, lambda: self._stream_ended(is_last))
        self._pending.start(self._events.response_failed)

    def _stream_ended(self, is_last: bool) -> None:
        if self.first is not None:
            self._pending = None
            self._written(is_last)

    def _written(self, is_last: bool) -> None:
        self._remove_first()
        self._events.response_written(is_last)

    def _remove_first(self) -> None:
        self._requests.popleft()
        self.first = self._requests[0] if self._requests else None


def will_end(request: Request) -> bool:
    """Whether the rest of a body can be waited for, and dropped, before the next request.

    A client that was not asked for the body may send it, or the next request instead.
    """
    return (request.head.declared or 0) <= BODY_BYTES_MAX and not request.waits_to_be_asked

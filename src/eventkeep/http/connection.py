"""One client's connection: when bytes are parsed, which requests wait, and how the connection ends.

A request gets its response before the next one is started. Reading pauses meanwhile, so that the bytes that a client
sends ahead stay few. A body is passed on as it arrives, and dropped if the application does not want it. A client that
is slow to send or to read is cut off.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from eventkeep.errors import RequestRefused
from eventkeep.http.deadline import Deadline, Wait
from eventkeep.http.parser import RequestParser
from eventkeep.http.refusals import body_cut, body_too_slow
from eventkeep.http.request import Request
from eventkeep.http.responder import Responder
from eventkeep.limits import BODY_BYTES_MAX, HEADER_BYTES_MAX

if TYPE_CHECKING:
    from eventkeep.http.listener import Listener

READING_METHODS = ("GET", "HEAD")


class Connection(asyncio.Protocol):
    """Connects the parser and the responder of a client to its transport. ``host`` tells clients apart."""

    responder_type = Responder
    _transport: asyncio.Transport

    def __init__(self, listener: Listener, host: str) -> None:
        self._listener, self.host = listener, host
        self._memory = listener.memory
        self._parser = RequestParser(listener.memory, listener.head_cache, self)
        self._responder = self.responder_type(listener.application, listener.head_cache, listener.date, self)
        self.deadline = Deadline(listener.clock)
        # Bytes that came during a response and are not parsed yet.
        self._ahead = b""
        self._unsent_before = 0
        # The client takes no responses; it will send no more; the last response is written; it is being closed.
        self._is_stalled = self._has_ended = self._is_over = self._is_closing = False

    @property
    def is_idle(self) -> bool:
        """Whether the connection waits for a request, or for the rest of a head."""
        return self.deadline.wait is Wait.HEAD and not self._is_closing

    @property
    def unsent_bytes(self) -> int:
        """Bytes of responses that the client has not taken yet."""
        return self._transport.get_write_buffer_size()

    def abort(self) -> None:
        """Cut the connection, in any state."""
        self._transport.abort()

    def finish(self) -> None:
        """Close the connection once all that was written is sent."""
        self._is_closing = True
        self._transport.close()

    def check_deadline(self, now: float) -> None:
        """End a wait that took too long; ``now`` is on the monotonic clock."""
        if now < self.deadline.at:
            return
        if self._is_stalled and self.unsent_bytes < self._unsent_before:
            # The client reads, if slowly.
            self._unsent_before = self.unsent_bytes
            self.deadline.start(Wait.READING)
        elif self.deadline.wait is Wait.BODY and (request := self._parser.incoming) and not request.has_response:
            request.keeps_alive = False
            self.deadline.start(Wait.APPLICATION)
            request.body.fail(body_too_slow())
        else:
            self.abort()

    # Events of the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._responder.connect(self._transport)
        self.deadline.start(Wait.HEAD)
        self._listener.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closing = True
        self._responder.close()
        self._memory.release(len(self._ahead))
        self._listener.closed(self)

    def data_received(self, data: bytes) -> None:
        if self._is_closing or self._is_over or self._parser.is_broken:
            return
        if self._ahead or self._has_to_wait():
            self._keep_ahead(data)
        else:
            self._parse(data)

    def eof_received(self) -> bool:
        """Whether the connection stays open for the responses that are due."""
        self._has_ended = True
        self._check_end()
        if (first := self._responder.first) is not None and first.method in READING_METHODS:
            # Few clients close their half only, and nobody should read for one that is gone.
            self.deadline.start(Wait.END)
        return not self._is_closing

    def pause_writing(self) -> None:
        self._is_stalled = True
        self._unsent_before = self.unsent_bytes
        self.deadline.start(Wait.READING)
        self._responder.pause()
        self._listener.stalled(self)

    def resume_writing(self) -> None:
        self._is_stalled = False
        self._listener.flowing(self)
        self._responder.resume()
        if self._is_closing:
            return
        if self._is_over:
            self._hang_up()
        else:
            self.deadline.start(Wait.HEAD)
            self._continue()

    # Events of the parser.

    def request_started(self, request: Request) -> None:
        self._responder.add(request)

    def request_complete(self, request: Request) -> None:
        if request.has_response:
            self.deadline.start(Wait.HEAD)

    def parsing_failed(self, request: Request | None, why: RequestRefused) -> None:
        last = self._responder.last
        if request is not None:
            request.keeps_alive = False
            request.body.fail(body_cut(why.faults[0].detail))
            if request.has_response:
                self._hang_up()
        elif last is None or last.keeps_alive:
            # It gets its response after all requests before it.
            self._responder.add(Request.refused(why, self._memory))

    # Events of the responder.

    def body_wanted(self, request: Request) -> None:
        self._transport.resume_reading()

    def response_failed(self) -> None:
        self.abort()

    def response_written(self, is_last: bool) -> None:
        self._is_over = is_last
        if self._is_stalled or self._is_closing:
            return
        if is_last:
            self._hang_up()
        else:
            self.deadline.start(Wait.HEAD if self._parser.incoming is None else Wait.BODY)
            self._continue()

    # Reading.

    def _has_to_wait(self) -> bool:
        """Whether the next bytes are not those of the request that is being responded to."""
        first = self._responder.first
        return first is not None and self._parser.incoming is not first

    def _keep_ahead(self, data: bytes) -> None:
        try:
            self._memory.hold(len(data))
        except RequestRefused:
            self.abort()
            return
        self._ahead += data
        self._transport.pause_reading()

    def _parse(self, data: bytes) -> None:
        """Parse up to the end of the request that gets the next response."""
        parser, place = self._parser, 0
        while place < len(data) and not parser.is_broken and not self._is_closing:
            if self._has_to_wait():
                self._keep_ahead(data[place:])
                break
            was_silent = parser.is_silent
            place = parser.feed(data, place)
            if was_silent and self._responder.first is None and not (self._is_stalled or self._is_closing):
                self.deadline.start(Wait.HEAD)
            incoming = parser.incoming
            if incoming is not None and incoming.has_response and incoming.body.received > BODY_BYTES_MAX:
                self._hang_up()
        if not self._is_closing:
            self._respond()

    def _respond(self) -> None:
        """Start the response that is due, and set the deadline of the bytes that have not arrived."""
        first = self._responder.first
        if first is not None and not self._is_stalled:
            is_arriving = first is self._parser.incoming
            if not self._responder.is_responding:
                self.deadline.start(Wait.BODY if is_arriving else Wait.APPLICATION)
                self._responder.start()
            elif not is_arriving:
                self.deadline.start(Wait.APPLICATION)
        incoming = self._parser.incoming
        if (
            incoming is not None
            and incoming is first
            and not incoming.body.is_read
            and incoming.body.received > HEADER_BYTES_MAX
        ):
            # Until the application reads the body, or responds without it.
            self._transport.pause_reading()
        if self._has_ended:
            self._check_end()

    def _continue(self) -> None:
        """Go on with the next request, if there is one."""
        if self._responder.first is not None:
            self._respond()
        if self._has_to_wait() or self._is_closing:
            return
        if self._ahead:
            data, self._ahead = self._ahead, b""
            self._memory.release(len(data))
            self._transport.resume_reading()
            self._parse(data)
        elif self._has_ended:
            self._check_end()
        elif self._parser.incoming is not None:
            self._transport.resume_reading()

    # The end.

    def _check_end(self) -> None:
        """The client sends no more: refuse a request that was cut off, and close an idle connection."""
        if self._ahead:
            return
        self._parser.end()
        if self._responder.first is None and not self._is_closing:
            self.finish()

    def _hang_up(self) -> None:
        """End the connection. A client that still sends is read for a moment: a reset would take the response back."""
        parser = self._parser
        is_done = not (parser.is_broken or parser.incoming or parser.has_begun or self._ahead or self._responder.first)
        if self._has_ended or is_done:
            self.finish()
            return
        self._is_closing = True
        self._transport.write_eof()
        self._transport.resume_reading()
        self.deadline.start(Wait.END)

"""The port: connections are taken while there is room for them, watched over, and closed."""

from __future__ import annotations

import asyncio
import errno
import socket
from email.utils import formatdate
from typing import Final

import structlog

from eventkeep.errors import ConfigurationError, RequestRefused, Unavailable
from eventkeep.limits import (
    ACCEPTED_AT_ONCE_MAX,
    BODIES_BYTES_MAX,
    CONNECTIONS_MAX,
    LISTEN_BACKLOG,
    RETRY_AFTER_SECONDS,
    UNSENT_BYTES_MAX,
)
from eventkeep.server.app import App
from eventkeep.server.exchange import Exchange
from eventkeep.server.heads import Heads
from eventkeep.server.http import Response
from eventkeep.server.http1 import Connection

logger = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 1.0
"""How late a deadline of a connection may be noticed, in seconds."""
ACCEPT_PAUSE_SECONDS: Final = 1.0
"""Until the next try to take a connection when the system has no room for one, in seconds."""
NO_ROOM: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


def bind(host: str, port: int) -> socket.socket:
    """A socket that has the address and does not listen yet; port 0 takes a free one.

    Raises ConfigurationError where the address can't be had, saying what to do.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
        except OSError:
            bound.close()
            raise
    except OSError as exc:
        raise not_to_be_had(host, port, exc) from exc
    return bound


def not_to_be_had(host: str, port: int, exc: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"{host}:{port} can't be listened on ({exc.strerror}): choose another with --host and --port"
    )


class Listener:
    """Takes connections on a bound socket, CONNECTIONS_MAX at most: others wait in the system's queue.

    It bounds what its connections hold together: bodies by BODIES_BYTES_MAX, answers
    that clients are slow to take by UNSENT_BYTES_MAX. One event loop's.
    """

    def __init__(self, app: App, bound: socket.socket) -> None:
        self.loop = asyncio.get_running_loop()
        self.app, self._socket = app, bound
        self._connections: set[Connection] = set()
        self._stalled: set[Connection] = set()
        self._arriving: set[asyncio.Task[None]] = set()
        self._taken = 0
        self._held_bytes = 0
        self._is_accepting = self._is_closed = False
        self._date, self._date_second = "", -1
        self.heads = Heads()

    def start(self) -> None:
        """Listen. Raises ConfigurationError where somebody else took the address meanwhile."""
        self._socket.setblocking(False)
        try:
            self._socket.listen(LISTEN_BACKLOG)
        except OSError as exc:
            host, port = self._socket.getsockname()[:2]
            raise not_to_be_had(host, port, exc) from exc
        self._resume()
        self.loop.call_later(LOOK_SECONDS, self._look)

    async def close(self, seconds_max: float) -> None:
        """Take no more connections, and close those that are open: what is not sent within the seconds is lost."""
        self._pause()
        self._is_closed = True
        self._socket.close()
        if self._arriving:
            await asyncio.wait(self._arriving)
        for connection in list(self._connections):
            connection.finish()
        deadline = self.loop.time() + seconds_max
        while self._connections:
            if self.loop.time() >= deadline:
                for connection in list(self._connections):
                    connection.abort()
            await asyncio.sleep(0.01)

    async def answer(self, exchange: Exchange) -> Response:
        """The application's answer to a request, or to what is none."""
        try:
            if exchange.refusal is not None:
                raise exchange.refusal
            request = exchange.request()
        except RequestRefused as refusal:
            return self.app.refuse(refusal)
        return await self.app.handle(request)

    def date(self) -> str:
        """The header that tells when an answer was made."""
        now = self.app.now()
        if int(now) != self._date_second:
            self._date_second = int(now)
            self._date = f"date: {formatdate(now, usegmt=True)}\r\n"
        return self._date

    def hold(self, count: int) -> None:
        """Count bytes as held. Raises Unavailable, and counts nothing, where these are too many."""
        if self._held_bytes + count > BODIES_BYTES_MAX:
            raise Unavailable("Too many request bodies are under way.", RETRY_AFTER_SECONDS)
        self._held_bytes += count

    def release(self, count: int) -> None:
        """Count bytes as held no longer."""
        self._held_bytes -= count

    def opened(self, connection: Connection) -> None:
        self._connections.add(connection)
        if self._is_closed:
            connection.finish()

    def closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._stalled.discard(connection)
        self._left()

    def stalled(self, connection: Connection) -> None:
        """A client is slow to take its answers. Where too much waits so, those with the most are cut off."""
        self._stalled.add(connection)
        unsent = {each: each.unsent_bytes for each in self._stalled}
        total = sum(unsent.values())
        for each in sorted(self._stalled, key=lambda each: unsent[each], reverse=True):
            if total <= UNSENT_BYTES_MAX:
                break
            total -= unsent[each]
            logger.warning("cut off a client that does not take its answers", unsent_bytes=unsent[each])
            each.abort()

    def flowing(self, connection: Connection) -> None:
        self._stalled.discard(connection)

    def _look(self) -> None:
        now = self.loop.time()
        for connection in list(self._connections):
            connection.look_at_deadline(now)
        if not self._is_closed:
            self.loop.call_later(LOOK_SECONDS, self._look)

    def _resume(self) -> None:
        if not self._is_closed:
            self._is_accepting = True
            self.loop.add_reader(self._socket, self._accept)

    def _pause(self) -> None:
        if self._is_accepting:
            self._is_accepting = False
            self.loop.remove_reader(self._socket)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE_MAX):
            if self._taken >= CONNECTIONS_MAX:
                self._pause()
                return
            try:
                accepted, _ = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as exc:
                if exc.errno not in NO_ROOM:
                    raise
                logger.warning("no room for a connection; trying again", cause=exc.strerror)
                self._pause()
                self.loop.call_later(ACCEPT_PAUSE_SECONDS, self._resume)
                return
            self._taken += 1
            task = self.loop.create_task(self._take(accepted))
            self._arriving.add(task)
            task.add_done_callback(self._arriving.discard)

    async def _take(self, accepted: socket.socket) -> None:
        try:
            await self.loop.connect_accepted_socket(lambda: Connection(self), accepted)
        except OSError as exc:
            # It was gone before it was here.
            accepted.close()
            self._left()
            logger.debug("a connection was lost at once", cause=str(exc))

    def _left(self) -> None:
        self._taken -= 1
        if not self._is_accepting:
            self._resume()

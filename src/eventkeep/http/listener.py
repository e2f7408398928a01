"""The port: connections are accepted while there is room for them, watched, and closed."""

from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import suppress
from typing import Final

import structlog

from eventkeep.clock import Clock
from eventkeep.errors import ConfigurationError
from eventkeep.http.application import Application
from eventkeep.http.body import BodyMemory
from eventkeep.http.connection import Connection
from eventkeep.http.connection_table import ConnectionTable
from eventkeep.http.head_cache import HeadCache
from eventkeep.http.hosts import client_host
from eventkeep.http.response import DateLine
from eventkeep.limits import (
    ACCEPTED_AT_ONCE_MAX,
    CONNECTIONS_MAX,
    CONNECTIONS_PER_HOST_MAX,
    LISTEN_BACKLOG,
    RETRY_AFTER_SECONDS,
)

logger = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 1.0
"""How late a deadline of a connection may be noticed, in seconds."""
ACCEPT_PAUSE_SECONDS: Final = 1.0
"""The pause before the next try to accept a connection if the system has no room for one, in seconds."""
NO_ROOM: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
TOO_MANY: Final = (
    f"HTTP/1.1 503 Service Unavailable\r\nretry-after: {RETRY_AFTER_SECONDS}\r\nconnection: close\r\n"
    "content-length: 0\r\n\r\n"
).encode()
"""The response to a client with too many connections."""


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that has the address and does not listen yet; port 0 takes a free one.

    Raises ConfigurationError, with advice, if the address is not available.
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
        raise not_available(host, port, exc) from exc
    return bound


def not_available(host: str, port: int, exc: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"{host}:{port} can't be listened on ({exc.strerror}): choose another with --host and --port"
    )


class Listener:
    """Serves an application on a bound socket. Belongs to one event loop.

    It owns the objects that its connections share: the memory of bodies, the cache of heads, the table of connections.
    If there is no room for another connection, clients wait in the system's queue.
    """

    def __init__(
        self,
        application: Application,
        bound: socket.socket,
        clock: Clock,
        connections_per_host_max: int = CONNECTIONS_PER_HOST_MAX,
        connection_type: type[Connection] = Connection,
    ) -> None:
        self.loop, self._connection_type = asyncio.get_running_loop(), connection_type
        self.application, self.clock, self._socket = application, clock, bound
        self.memory, self.head_cache, self.date = BodyMemory(), HeadCache(), DateLine(clock)
        self.table = ConnectionTable(CONNECTIONS_MAX, connections_per_host_max)
        self._arriving: set[asyncio.Task[None]] = set()
        self._is_accepting = self._is_closed = False

    def start(self) -> None:
        """Listen. Raises ConfigurationError if another program took the address meanwhile."""
        self._socket.setblocking(False)
        try:
            self._socket.listen(LISTEN_BACKLOG)
        except OSError as exc:
            host, port = self._socket.getsockname()[:2]
            raise not_available(host, port, exc) from exc
        self._resume()
        self.loop.call_later(LOOK_SECONDS, self._check_deadlines)

    async def close(self, seconds_max: float) -> None:
        """Accept no more connections and close the open ones. Bytes that are not sent within the seconds are lost."""
        self._pause()
        self._is_closed = True
        self._socket.close()
        if self._arriving:
            await asyncio.wait(self._arriving)
        for connection in self.table.connections:
            connection.finish()
        deadline = self.clock.monotonic() + seconds_max
        while self.table.connections:
            if self.clock.monotonic() >= deadline:
                for connection in self.table.connections:
                    connection.abort()
            await asyncio.sleep(0.01)

    # The events that connections report.

    def opened(self, connection: Connection) -> None:
        self.table.open(connection)
        if self._is_closed:
            connection.finish()

    def closed(self, connection: Connection) -> None:
        self.table.close(connection)
        self._go_on()

    def stalled(self, connection: Connection) -> None:
        self.table.stall(connection)

    def flowing(self, connection: Connection) -> None:
        self.table.flow(connection)

    def _check_deadlines(self) -> None:
        now = self.clock.monotonic()
        for connection in self.table.connections:
            connection.check_deadline(now)
        # Another connection may be idle by now.
        self._go_on()
        if not self._is_closed:
            self.loop.call_later(LOOK_SECONDS, self._check_deadlines)

    # Accepting.

    def _resume(self) -> None:
        if not self._is_closed:
            self._is_accepting = True
            self.loop.add_reader(self._socket, self._accept)

    def _pause(self) -> None:
        if self._is_accepting:
            self._is_accepting = False
            self.loop.remove_reader(self._socket)

    def _go_on(self) -> None:
        if not self._is_accepting:
            self._resume()

    def _accept(self) -> None:
        for number in range(ACCEPTED_AT_ONCE_MAX):
            if self.table.is_full and (number or not self.table.make_room()):
                # That one client waits is certain only the first time.
                if not number:
                    self._pause()
                return
            try:
                accepted, address = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as exc:
                if exc.errno not in NO_ROOM:
                    raise
                logger.warning("no room for a connection; trying again", cause=exc.strerror)
                self._pause()
                self.loop.call_later(ACCEPT_PAUSE_SECONDS, self._resume)
                return
            self._take(accepted, client_host(address[0]))

    def _take(self, accepted: socket.socket, host: str) -> None:
        if not self.table.take(host):
            logger.warning("refused a connection: its host has too many", host=host)
            accepted.setblocking(False)
            with suppress(OSError):
                accepted.send(TOO_MANY)
            accepted.close()
            return
        task = self.loop.create_task(self._establish(accepted, host))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    async def _establish(self, accepted: socket.socket, host: str) -> None:
        try:
            await self.loop.connect_accepted_socket(lambda: self._connection_type(self, host), accepted)
        except OSError as exc:
            # The client is gone already.
            accepted.close()
            self.table.give_back(host)
            self._go_on()
            logger.debug("a connection was lost at once", cause=str(exc))

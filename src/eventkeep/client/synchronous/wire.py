"""One TCP connection to the server, with TLS or without: with a socket.

``asynchronous.wire`` is the same with asyncio.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
from time import monotonic
from typing import Final, Self

import httpx

from eventkeep.limits import CLIENT_IDLE_SECONDS_MAX

_RECEIVED_BYTES: Final = 1 << 16
"""What is read at once."""


class Wire:
    """A connection. All seconds bound a single wait; whatever goes wrong is an httpx.TransportError."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._last_used = monotonic()

    @classmethod
    def connect(cls, url: httpx.URL, tls: ssl.SSLContext | None, seconds: float) -> Self:
        """A new connection to the host of the URL."""
        host, port = url.raw_host.decode(), url.port or (443 if tls else 80)
        try:
            connection = socket.create_connection((host, port), timeout=seconds)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                connection = _secured(connection, tls, host)
        except TimeoutError as exc:
            raise httpx.ConnectTimeout(f"no connection in {seconds:g} s") from exc
        except OSError as exc:
            raise httpx.ConnectError(str(exc)) from exc
        return cls(connection)

    @property
    def is_usable(self) -> bool:
        """Whether another request may be sent, as far as can be known: an idle server closes connections."""
        if monotonic() - self._last_used >= CLIENT_IDLE_SECONDS_MAX:
            return False
        # What comes unasked is the end, or nothing to go on with.
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return not poll.poll(0)

    def send(self, data: bytes, seconds: float) -> None:
        """Send all of it.

        A server may answer before it has read everything, and close: so a connection
        that breaks here is not an error yet, but one of ``receive``.
        """
        self._socket.settimeout(seconds)
        try:
            self._socket.sendall(data)
        except TimeoutError as exc:
            raise httpx.WriteTimeout(f"the request was not taken in {seconds:g} s") from exc
        except OSError:
            pass

    def receive(self, seconds: float) -> bytes:
        """What has come, or else what comes next; nothing at the end of the connection."""
        self._socket.settimeout(seconds)
        try:
            data = self._socket.recv(_RECEIVED_BYTES)
        except TimeoutError as exc:
            raise httpx.ReadTimeout(f"nothing came in {seconds:g} s") from exc
        except OSError as exc:
            raise httpx.ReadError(str(exc)) from exc
        self._last_used = monotonic()
        return data

    def close(self) -> None:
        """End the connection, without a word to the server."""
        with contextlib.suppress(OSError):
            self._socket.close()


def _secured(connection: socket.socket, tls: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    try:
        return tls.wrap_socket(connection, server_hostname=host)
    except OSError:
        connection.close()
        raise

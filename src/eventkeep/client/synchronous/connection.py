"""One TCP connection to the server, with TLS or without, on a socket.

``asynchronous.connection`` is its counterpart on asyncio.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from time import monotonic
from typing import Final, Self

import httpx

from eventkeep.client.readiness import is_readable
from eventkeep.limits import CLIENT_IDLE_SECONDS_MAX

_RECEIVED_BYTES: Final = 1 << 16
"""Bytes that one read takes at most."""


class Connection:
    """A connection. Every ``seconds`` bounds one wait. Raises httpx.TransportError for every failure."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._last_used = monotonic()

    @classmethod
    def connect(cls, url: httpx.URL, tls: ssl.SSLContext | None, seconds: float) -> Self:
        """Connect to the host of the URL."""
        host, port = url.raw_host.decode(), url.port or (443 if tls else 80)
        try:
            connection = socket.create_connection((host, port), timeout=seconds)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if tls is not None:
                connection = _secured(connection, tls, host)
        except TimeoutError as exc:
            raise httpx.ConnectTimeout(f"no connection in {seconds:g} s") from exc
        except (OSError, UnicodeError) as exc:
            # A host name that is too long raises UnicodeError.
            raise httpx.ConnectError(str(exc)) from exc
        return cls(connection)

    @property
    def is_usable(self) -> bool:
        """Whether another request may be sent, as far as it can be known: servers close idle connections."""
        return monotonic() - self._last_used < CLIENT_IDLE_SECONDS_MAX and not is_readable(self._socket)

    def send(self, data: bytes, seconds: float) -> None:
        """Send all of the data.

        A server may respond, and close, before it has read everything. So a connection
        that breaks here is an error only if ``receive`` finds no response.
        """
        self._socket.settimeout(seconds)
        try:
            self._socket.sendall(data)
        except TimeoutError as exc:
            raise httpx.WriteTimeout(f"the request was not taken in {seconds:g} s") from exc
        except OSError:
            pass

    def receive(self, seconds: float) -> bytes:
        """Return the bytes that have arrived, or wait for some; returns none at the end of the connection."""
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
        """End the connection at once."""
        with contextlib.suppress(OSError):
            self._socket.close()

    def abandon(self) -> None:
        """Let go of a connection of the parent process, which goes on using it."""
        with contextlib.suppress(OSError):
            self._socket.close()


def _secured(connection: socket.socket, tls: ssl.SSLContext, host: str) -> ssl.SSLSocket:
    try:
        return tls.wrap_socket(connection, server_hostname=host)
    except OSError:
        connection.close()
        raise

"""One TCP connection to the server, with TLS or without, on asyncio.

``synchronous.connection`` is its counterpart on a socket.
"""

from __future__ import annotations

import asyncio
import ssl
from time import monotonic
from typing import Self

import httpx

from eventkeep.client.readiness import is_readable
from eventkeep.limits import CLIENT_IDLE_SECONDS_MAX


class Connection(asyncio.Protocol):
    """A connection. Every ``seconds`` bounds one wait. Raises httpx.TransportError for every failure."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._received: list[bytes] = []
        self._is_ended = self._is_paused = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._last_used = monotonic()

    @classmethod
    async def connect(cls, url: httpx.URL, tls: ssl.SSLContext | None, seconds: float) -> Self:
        """Connect to the host of the URL."""
        port = url.port or (443 if tls else 80)
        try:
            async with asyncio.timeout(seconds):
                _, connection = await asyncio.get_running_loop().create_connection(
                    cls, url.raw_host.decode(), port, ssl=tls
                )
        except TimeoutError as exc:
            raise httpx.ConnectTimeout(f"no connection in {seconds:g} s") from exc
        except (OSError, UnicodeError) as exc:
            # A host name that is too long raises UnicodeError.
            raise httpx.ConnectError(str(exc)) from exc
        return connection

    @property
    def is_usable(self) -> bool:
        """Whether another request may be sent, as far as it can be known: servers close idle connections."""
        if self._is_ended or self._received or self._loop is not asyncio.get_running_loop():
            return False
        if self._transport is None or monotonic() - self._last_used >= CLIENT_IDLE_SECONDS_MAX:
            return False
        # Bytes may have arrived that the loop has not read yet.
        return not is_readable(self._transport.get_extra_info("socket"))

    async def send(self, data: bytes, seconds: float) -> None:
        """Send all of the data.

        A server may respond, and close, before it has read everything. So a connection
        that breaks here is an error only if ``receive`` finds no response.
        """
        if self._transport is not None:
            self._transport.write(data)
        if self._is_paused:
            await self._wait(seconds, httpx.WriteTimeout(f"the request was not taken in {seconds:g} s"))

    async def receive(self, seconds: float) -> bytes:
        """Return the bytes that have arrived, or wait for some; returns none at the end of the connection."""
        if not self._received and not self._is_ended:
            await self._wait(seconds, httpx.ReadTimeout(f"nothing came in {seconds:g} s"))
        if self._received:
            data = b"".join(self._received)
            self._received.clear()
            self._last_used = monotonic()
            return data
        if self._error is not None:
            raise httpx.ReadError(str(self._error)) from self._error
        return b""

    async def close(self) -> None:
        """End the connection at once."""
        # A loop that is closed has closed its connections.
        if self._transport is None or self._loop.is_closed():
            return
        if self._loop is asyncio.get_running_loop():
            self._transport.abort()
        else:
            self._loop.call_soon_threadsafe(self._transport.abort)

    def abandon(self) -> None:
        """Let go of a connection of the parent process. Its loop is the parent's too, so nothing is done."""

    async def _wait(self, seconds: float, late: httpx.TimeoutException) -> None:
        waiter = self._waiter = self._loop.create_future()
        try:
            async with asyncio.timeout(seconds):
                await waiter
        except TimeoutError as exc:
            raise late from exc
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # The loop calls the following.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received.append(data)
        # A response that comes early must not wake ``send``, which waits for the transport.
        if not self._is_paused:
            self._wake()

    def eof_received(self) -> None:
        self._is_ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_ended, self._error, self._is_paused = True, exc, False
        # A lost transport must not be aborted again: asyncio fails if it was still sending.
        self._transport = None
        self._wake()

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._wake()

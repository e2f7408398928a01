"""One TCP connection to the server, with TLS or without: with asyncio.

``synchronous.wire`` is the same with a socket.
"""

from __future__ import annotations

import asyncio
import select
import ssl
from time import monotonic
from typing import Self

import httpx

from eventkeep.limits import CLIENT_IDLE_SECONDS_MAX


class Wire(asyncio.Protocol):
    """A connection. All seconds bound a single wait; whatever goes wrong is an httpx.TransportError."""

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
        """A new connection to the host of the URL."""
        port = url.port or (443 if tls else 80)
        try:
            async with asyncio.timeout(seconds):
                _, wire = await asyncio.get_running_loop().create_connection(cls, url.raw_host.decode(), port, ssl=tls)
        except TimeoutError as exc:
            raise httpx.ConnectTimeout(f"no connection in {seconds:g} s") from exc
        except OSError as exc:
            raise httpx.ConnectError(str(exc)) from exc
        return wire

    @property
    def is_usable(self) -> bool:
        """Whether another request may be sent, as far as can be known: an idle server closes connections."""
        if self._is_ended or self._received or self._loop is not asyncio.get_running_loop():
            return False
        if self._transport is None or monotonic() - self._last_used >= CLIENT_IDLE_SECONDS_MAX:
            return False
        # The loop may not have come to look. What comes unasked is the end, or nothing to go on with.
        poll = select.poll()
        poll.register(self._transport.get_extra_info("socket"), select.POLLIN)
        return not poll.poll(0)

    async def send(self, data: bytes, seconds: float) -> None:
        """Send all of it.

        A server may answer before it has read everything, and close: so a connection
        that breaks here is not an error yet, but one of ``receive``.
        """
        if self._transport is not None:
            self._transport.write(data)
        if self._is_paused:
            await self._wait(seconds, httpx.WriteTimeout(f"the request was not taken in {seconds:g} s"))

    async def receive(self, seconds: float) -> bytes:
        """What has come, or else what comes next; nothing at the end of the connection."""
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
        """End the connection, without a word to the server."""
        # Once its loop is closed the connection is already gone with it.
        if self._transport is not None and not self._loop.is_closed():
            self._transport.abort()

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

    # The following are called by the loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received.append(data)
        # While a request is still being sent, its answer does not wake who sends it.
        if not self._is_paused:
            self._wake()

    def eof_received(self) -> None:
        self._is_ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_ended, self._error, self._is_paused = True, exc, False
        # A transport that is lost can't be ended once more: where it was still sending, asyncio fails at that.
        self._transport = None
        self._wake()

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self._wake()

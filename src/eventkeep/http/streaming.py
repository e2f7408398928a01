"""Bodies that are written piece by piece.

They come in chunks (RFC 9112, 7.1), or go up to the end of the connection for a client of HTTP/1.0.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import structlog

from eventkeep.http.request import Head
from eventkeep.http.response import StreamedResponse, head_bytes

logger = structlog.get_logger(__name__)

LAST_CHUNK = b"0\r\n\r\n"


def is_chunked(head: Head) -> bool:
    """Whether the client of this request knows chunks."""
    return head.version != "1.0"


def stream_head(head: Head, response: StreamedResponse, date: str, is_last: bool) -> bytes:
    """The head of a response in pieces; ``is_last`` says that the connection ends behind it."""
    return head_bytes(head, response, date, "transfer-encoding: chunked\r\n" if is_chunked(head) else "", is_last)


class Stream:
    """Writes the pieces of a body, each when the client has taken nearly all of those before."""

    def __init__(
        self,
        transport: asyncio.Transport,
        pieces: AsyncGenerator[bytes, None],
        is_chunked: bool,
        on_end: Callable[[], None],
    ) -> None:
        self._transport, self._pieces, self._is_chunked, self._on_end = transport, pieces, is_chunked, on_end
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._task: asyncio.Task[None] | None = None

    def start(self, on_failure: Callable[[], None]) -> None:
        """Begin to write. ``on_failure`` is called if the pieces end with an error."""
        self._task = asyncio.get_running_loop().create_task(self._run(on_failure))

    def cancel(self) -> None:
        """The client is gone."""
        if self._task is not None:
            self._task.cancel()

    def pause(self) -> None:
        self._flowing.clear()

    def resume(self) -> None:
        self._flowing.set()

    async def _run(self, on_failure: Callable[[], None]) -> None:
        try:
            async with aclosing(self._pieces) as pieces:
                async for piece in pieces:
                    self._write(piece)
                    # The loop learns of a client that takes nothing when it writes, which is between two steps.
                    await asyncio.sleep(0)
                    await self._flowing.wait()
        except Exception:
            # The client must not take the body for complete.
            logger.exception("a response ended early")
            on_failure()
        else:
            if self._is_chunked:
                self._transport.write(LAST_CHUNK)
            self._on_end()

    def _write(self, piece: bytes) -> None:
        if self._is_chunked and piece:
            self._transport.writelines((b"%x\r\n" % len(piece), piece, b"\r\n"))
        elif piece:
            self._transport.write(piece)

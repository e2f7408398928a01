"""A proxy between a client and a server that makes the network unreliable: it cuts, delays, throttles and lies.

::

   with FaultProxy(server.url, chance=0.2) as proxy:
       client = Client(key, proxy.url)

It speaks HTTP/1.1 with bodies of a known length, and runs in a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections import Counter
from collections.abc import Sequence
from enum import Enum
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

STALL_SECONDS: Final = 2.0
"""How long a stalled response is held back: longer than the timeout of a client under test."""
DELAY_SECONDS: Final = 0.05


class Fault(Enum):
    """The faults that a request can meet."""

    CUT_CONNECTION = "the connection is cut after the head of the request"
    CUT_REQUEST = "the connection is cut in the middle of the request"
    CUT_BEFORE_RESPONSE = "the server has done it, and the connection is cut before the response"
    CUT_RESPONSE = "the server has done it, and the response ends in its middle"
    GARBAGE = "the server has done it, and the response is no HTTP"
    STALL = "the server has done it, and the response comes too late"
    DELAY = "everything is a little late"
    THROTTLE = "429, not done"
    UNAVAILABLE = "503, not done"
    BAD_GATEWAY = "502, although the server has done it"
    GATEWAY_TIMEOUT = "504, although the server has done it"


ALL: Final = tuple(Fault)
_NOT_FORWARDED: Final = {
    Fault.THROTTLE: b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n",
    Fault.UNAVAILABLE: b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n",
}
_INSTEAD: Final = {
    Fault.BAD_GATEWAY: b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n",
    Fault.GATEWAY_TIMEOUT: b"HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\n\r\n",
    Fault.GARBAGE: b"\x00\x01\x02 nothing that anyone speaks\r\n\r\n",
}


class FaultProxy:
    """Listens on ``url`` and forwards to ``target``. Each request meets one of ``faults`` with the given ``chance``.

    ``counts`` has the number of requests by fault; its key None counts the requests without a fault.
    """

    def __init__(self, target: str, chance: float, faults: Sequence[Fault] = ALL, seed: int = 1) -> None:
        self._target = urlsplit(target)
        self._chance, self._faults = chance, faults
        self.counts: Counter[Fault | None] = Counter()
        self._random = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="fault proxy")
        self._ready = threading.Event()
        self._stopping = asyncio.Event()
        self._connections: set[asyncio.Task[None]] = set()
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._loop.close()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, backlog=1_000)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._stopping.wait()
        server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)
        # If one side ends the connection, the proxy ends both sides.
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            host, port = self._target.hostname or "", self._target.port or 80
            upstream_reader, upstream_writer = await asyncio.open_connection(host, port)
            try:
                while await self._forward(reader, writer, upstream_reader, upstream_writer):
                    pass
            finally:
                upstream_writer.transport.abort()
        writer.transport.abort()

    def _choose(self) -> Fault | None:
        if self._random.random() >= self._chance:
            self.counts[None] += 1
            return None
        # One after the other, so that few requests meet all of them.
        fault = self._faults[(self.counts.total() - self.counts[None]) % len(self._faults)]
        self.counts[fault] += 1
        return fault

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        upstream_reader: asyncio.StreamReader,
        upstream_writer: asyncio.StreamWriter,
    ) -> bool:
        """Handle one request; returns True if the connection stays open after it."""
        head = await reader.readuntil(b"\r\n\r\n")
        fault = self._choose()
        if fault is Fault.CUT_CONNECTION:
            return False
        length = _content_length(head)
        if fault is Fault.CUT_REQUEST:
            part = await reader.readexactly(length // 2)
            upstream_writer.write(head + part)
            await upstream_writer.drain()
            return False
        body = await reader.readexactly(length)
        if fault in _NOT_FORWARDED:
            return await _send(writer, _NOT_FORWARDED[fault])
        if fault is Fault.DELAY:
            await asyncio.sleep(DELAY_SECONDS)
        upstream_writer.write(head + body)
        await upstream_writer.drain()
        response = await upstream_reader.readuntil(b"\r\n\r\n")
        response += await upstream_reader.readexactly(_content_length(response))
        if fault is Fault.STALL:
            await asyncio.sleep(STALL_SECONDS)
        if fault is Fault.CUT_BEFORE_RESPONSE:
            return False
        if fault is Fault.CUT_RESPONSE:
            await _send(writer, response[: len(response) // 2])
            # The reader gets the bytes that were written, and then the end.
            await asyncio.sleep(DELAY_SECONDS)
            return False
        if fault in _INSTEAD:
            return await _send(writer, _INSTEAD[fault]) and fault is not Fault.GARBAGE
        return await _send(writer, response)


async def _send(writer: asyncio.StreamWriter, content: bytes) -> bool:
    writer.write(content)
    await writer.drain()
    return True


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0

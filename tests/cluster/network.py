"""A network that can be made bad: a proxy for each link, which cuts, stalls or delays its traffic."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Final, Self

import msgspec

PIECE_BYTES: Final = 1_048_576


class Condition(msgspec.Struct, frozen=True):
    """The state of a link. ``forward`` is from who connects to who is connected to.

    A direction that is False is a black hole: bytes are taken and never arrive, as when packets are dropped.
    """

    forward: bool = True
    backward: bool = True
    delay_seconds: float = 0.0


GOOD: Final = Condition()
CUT: Final = Condition(forward=False, backward=False)


class LinkProxy:
    """Listens on ``port`` and forwards to ``target``, as its ``condition`` says at that moment."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target: int) -> None:
        self._loop, self.target, self.port = loop, target, 0
        self.condition = GOOD
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0, limit=PIECE_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        await self.reset()

    async def reset(self) -> None:
        """Close every connection that goes through."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self.target, limit=PIECE_BYTES)
        except OSError:
            writer.close()
            return
        both = [
            asyncio.create_task(self._pass_on(reader, other_writer, forward=True)),
            asyncio.create_task(self._pass_on(other_reader, writer, forward=False)),
        ]
        self._tasks.update(both)
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)
        self._tasks.difference_update(both)
        for each in (writer, other_writer):
            each.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, forward: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(PIECE_BYTES):
                condition = self.condition
                if condition.delay_seconds:
                    await asyncio.sleep(condition.delay_seconds)
                if condition.forward if forward else condition.backward:
                    writer.write(piece)
                    await writer.drain()

    @property
    def is_passing(self) -> bool:
        return self.condition.forward and self.condition.backward


class Network:
    """Proxies in an event loop of its own; leave the block to end them."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        self.links: dict[tuple[str, str], LinkProxy] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for link in self.links.values():
            self._do(link.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def port(self, source: str, target: str, port: int) -> int:
        """The port at which ``source`` reaches the port of ``target``; the proxy is made when first asked for.

        It leads to the port of the last call: a server that could not start takes another one.
        """
        link = self.links.get((source, target))
        if link is None:
            link = self.links[source, target] = LinkProxy(self._loop, port)
            self._do(link.open())
        link.target = port
        return link.port

    def set(self, condition: Condition, *names: str, between: tuple[str, ...] = ()) -> None:
        """Put the links of each of ``names``, with all others or with those in ``between``, into a condition.

        The direction ``forward`` is from the named one to the other.
        """
        for (source, target), link in self.links.items():
            for name in names:
                if name == source and (not between or target in between):
                    link.condition = condition
                elif name == target and (not between or source in between):
                    link.condition = msgspec.structs.replace(
                        condition, forward=condition.backward, backward=condition.forward
                    )

    def heal(self) -> None:
        """Put all links into good condition, and close the connections in which bytes were swallowed."""
        for link in self.links.values():
            was_passing, link.condition = link.is_passing, GOOD
            if not was_passing:
                self._do(link.reset())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

"""Connections from one node to another, over which requests are passed on as they came."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Final
from urllib.parse import urlsplit

import httptools
import msgspec

from eventkeep.errors import ServerUnreachable
from eventkeep.limits import CLUSTER_CONNECTIONS_KEPT_MAX, CLUSTER_FORWARD_CONNECT_SECONDS_MAX

READ_BYTES: Final = 262_144


class NodeResponse(msgspec.Struct):
    """The response of another node. Names of headers are lower-case."""

    status: int = 0
    headers: dict[str, str] = {}
    body: bytes = b""


class ResponseParser:
    """The callbacks of httptools while it parses a response."""

    def __init__(self) -> None:
        self.response = NodeResponse()
        self.is_complete = False
        self.keeps_alive = False
        self._pieces: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, piece: bytes) -> None:
        """Take more bytes. Raises ServerUnreachable for bytes that are no HTTP."""
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserError as exc:
            raise ServerUnreachable(f"the other node's response is no HTTP: {exc}") from exc

    def on_header(self, name: bytes, value: bytes) -> None:
        self.response.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, piece: bytes) -> None:
        self._pieces.append(piece)

    def on_message_complete(self) -> None:
        self.response.status = self._parser.get_status_code()
        self.response.body = b"".join(self._pieces)
        self.keeps_alive = self._parser.should_keep_alive()
        self.is_complete = True


class NodeConnections:
    """Open connections by the URL of the node. One event loop's."""

    def __init__(self) -> None:
        self._idle: dict[str, list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]] = {}
        self._tls: ssl.SSLContext | None = None

    async def send(self, url: str, method: str, target: str, headers: dict[str, str], body: bytes) -> NodeResponse:
        """Send a request and return the response.

        Raises ServerUnreachable if no connection can be made, or if it is lost on the way: then the request may have
        been done.
        """
        sent = {"host": urlsplit(url).netloc, "content-length": str(len(body)), **headers}
        head = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
        message = "\r\n".join([*head, "", ""]).encode("latin-1", "replace") + body
        reader, writer = await self._connection(url)
        parser = ResponseParser()
        try:
            writer.write(message)
            while not parser.is_complete:
                piece = await reader.read(READ_BYTES)
                if not piece:
                    raise ServerUnreachable("the other node closed the connection before its response")
                parser.feed(piece)
        except OSError as exc:
            raise ServerUnreachable(f"the connection to the other node was lost: {exc}") from exc
        finally:
            if parser.is_complete and parser.keeps_alive:
                self._keep(url, reader, writer)
            else:
                writer.transport.abort()
        return parser.response

    def close(self) -> None:
        for connections in self._idle.values():
            for _, writer in connections:
                writer.transport.abort()
        self._idle.clear()

    async def _connection(self, url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection that is idle, or a new one. Raises ServerUnreachable."""
        idle = self._idle.get(url, [])
        while idle:
            reader, writer = idle.pop()
            if not reader.at_eof() and not writer.transport.is_closing():
                return reader, writer
            writer.transport.abort()
        parts = urlsplit(url)
        tls = None
        if parts.scheme == "https":
            tls = self._tls = self._tls or ssl.create_default_context()
        port = parts.port or (443 if tls else 80)
        try:
            async with asyncio.timeout(CLUSTER_FORWARD_CONNECT_SECONDS_MAX):
                return await asyncio.open_connection(parts.hostname, port, ssl=tls, limit=READ_BYTES)
        except (OSError, TimeoutError) as exc:
            raise ServerUnreachable(f"the node at {url} can't be reached: {exc!r}") from exc

    def _keep(self, url: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections = self._idle.setdefault(url, [])
        if len(connections) < CLUSTER_CONNECTIONS_KEPT_MAX:
            connections.append((reader, writer))
        else:
            with contextlib.suppress(OSError):
                writer.close()

"""The connections of a client, one request on each at a time.

They take the place of those of httpx, which take several times as long for a request
(``python -m bench.sdk`` has the figures); behind a proxy, httpx's own are used.
"""

from __future__ import annotations

import urllib.request

import httpx

from eventkeep.client.asynchronous import waiting
from eventkeep.client.asynchronous.wire import Wire
from eventkeep.client.http1 import AnswerReader, request_bytes
from eventkeep.limits import CLIENT_CONNECTIONS_MAX


class AsyncConnections(httpx.AsyncBaseTransport):
    """Up to CLIENT_CONNECTIONS_MAX connections to one server; a request waits for a free one."""

    def __init__(self, url: httpx.URL) -> None:
        # Loading the trusted certificates takes longer than many requests: once, and only where they are needed.
        self._tls = httpx.create_ssl_context() if url.scheme == "https" else None
        self._room = waiting.Semaphore(CLIENT_CONNECTIONS_MAX)
        self._idle: list[Wire] = []
        self._is_closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request whose body is at hand and read the whole answer. Raises httpx.TransportError."""
        seconds = request.extensions["timeout"]
        async with self._room:
            wire = await self._free() or await Wire.connect(request.url, self._tls, seconds["connect"])
            reader = AnswerReader()
            try:
                await wire.send(request_bytes(request), seconds["write"])
                response = None
                while response is None:
                    response = reader.feed(await wire.receive(seconds["read"]))
            except BaseException:
                # Also whoever is cancelled leaves a connection behind that is in the middle of something.
                await wire.close()
                raise
            if reader.may_go_on and not self._is_closed:
                self._idle.append(wire)
            else:
                await wire.close()
        return response

    async def aclose(self) -> None:
        """Close all connections that are idle; the others are when their request is answered."""
        self._is_closed = True
        while self._idle:
            await self._idle.pop().close()

    async def _free(self) -> Wire | None:
        """The connection that was used last: the others grow old together, and are then noticed to be closed."""
        while self._idle:
            try:
                wire = self._idle.pop()
            except IndexError:
                # Another took it in between.
                return None
            if wire.is_usable:
                return wire
            await wire.close()
        return None


class AsyncProxied(httpx.AsyncBaseTransport):
    """The connections of httpx, which knows proxies and what the environment says of them."""

    def __init__(self) -> None:
        limits = httpx.Limits(max_connections=CLIENT_CONNECTIONS_MAX, max_keepalive_connections=CLIENT_CONNECTIONS_MAX)
        self._http = httpx.AsyncClient(limits=limits)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request. Raises httpx.RequestError."""
        return await self._http.send(request)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()


def chosen_transport(base_url: str) -> httpx.AsyncBaseTransport:
    """What to send with: straight to the server, or through the proxy that the environment names for it."""
    url = httpx.URL(base_url)
    proxies = urllib.request.getproxies()
    is_proxied = (url.scheme in proxies or "all" in proxies) and not urllib.request.proxy_bypass(url.host)
    return AsyncProxied() if is_proxied else AsyncConnections(url)

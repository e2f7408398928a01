"""The connections of a client, with one request at a time on each.

They replace those of httpx, which take several times as long for a request
(``python -m bench.sdk`` has the figures). Behind a proxy httpx's own are used.
"""

from __future__ import annotations

import httpx

from eventkeep.client.asynchronous import waiting
from eventkeep.client.asynchronous.connection import Connection
from eventkeep.client.http1 import ResponseReader, request_bytes
from eventkeep.client.proxies import proxy_for
from eventkeep.errors import ConfigurationError
from eventkeep.limits import CLIENT_CONNECTIONS_MAX


class _Pool:
    """Idle connections, and a place for each that is in use."""

    def __init__(self) -> None:
        self.room = waiting.Semaphore(CLIENT_CONNECTIONS_MAX)
        self.idle: list[Connection] = []

    def abandon(self) -> None:
        """Let go of connections that belong to the parent process."""
        for connection in self.idle:
            connection.abandon()


class AsyncConnections(httpx.AsyncBaseTransport):
    """Up to CLIENT_CONNECTIONS_MAX connections to one server; a request waits for a free one."""

    def __init__(self, url: httpx.URL) -> None:
        # Loading the trusted certificates takes longer than many requests, so it is done once.
        self._tls = httpx.create_ssl_context() if url.scheme == "https" else None
        self._pools = waiting.Local(_Pool, _Pool.abandon)
        self._is_closed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request with its body and read the whole response. Raises httpx.TransportError."""
        seconds = request.extensions["timeout"]
        pool = self._pools.get()
        async with pool.room:
            connection = await _idle(pool)
            if connection is None:
                connection = await Connection.connect(request.url, self._tls, seconds["connect"])
            reader = ResponseReader()
            try:
                await connection.send(request_bytes(request), seconds["write"])
                response = None
                while response is None:
                    response = reader.feed(await connection.receive(seconds["read"]))
            except BaseException:
                # A request that is cancelled leaves its connection in the middle of a response too.
                await connection.close()
                raise
            if reader.can_be_reused and not self._is_closed:
                pool.idle.append(connection)
            else:
                await connection.close()
        return response

    async def aclose(self) -> None:
        """Close all idle connections; the others are closed after their response."""
        self._is_closed = True
        for pool in self._pools.all():
            while pool.idle:
                await pool.idle.pop().close()


async def _idle(pool: _Pool) -> Connection | None:
    """Return the connection that was used last. The older ones then grow old together and are closed."""
    while pool.idle:
        try:
            connection = pool.idle.pop()
        except IndexError:
            # Another thread took it in between.
            return None
        if connection.is_usable:
            return connection
        await connection.close()
    return None


class AsyncProxied(httpx.AsyncBaseTransport):
    """The connections of httpx, through a proxy."""

    def __init__(self, proxy: str) -> None:
        limits = httpx.Limits(max_connections=CLIENT_CONNECTIONS_MAX, max_keepalive_connections=CLIENT_CONNECTIONS_MAX)
        # The environment was read by ``proxy_for``: httpx fails at some of its values.
        self._clients = waiting.Local(lambda: httpx.AsyncClient(proxy=proxy, limits=limits, trust_env=False))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request. Raises httpx.RequestError."""
        return await self._clients.get().send(request)

    async def aclose(self) -> None:
        """Close all connections."""
        for client in self._clients.all():
            await client.aclose()


def make_transport(base_url: str) -> httpx.AsyncBaseTransport:
    """Return the transport of requests: to the server directly, or through its proxy in the environment.

    Raises ConfigurationError for a proxy that can't be used.
    """
    url = httpx.URL(base_url)
    proxy = proxy_for(url)
    if proxy is None:
        return AsyncConnections(url)
    try:
        httpx.Client(proxy=proxy.url, trust_env=False).close()
    except (ValueError, ImportError, httpx.InvalidURL) as exc:
        raise ConfigurationError(
            f"{proxy.variable}: {proxy.url!r} can't be used as a proxy: {exc} "
            f"If {url.host} needs no proxy, add it to NO_PROXY."
        ) from exc
    return AsyncProxied(proxy.url)

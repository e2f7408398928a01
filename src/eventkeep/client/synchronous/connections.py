# Made by tools/async_to_sync.py from asynchronous/connections.py: change that one.
"""The connections of a client, one request on each at a time.

httpx is told to keep one connection a transport, and the transports are kept here:
choosing among many connections in one pool of httpx costs more with each of them, and
asks the system about every idle one on every request. With 40 requests at once that was
three quarters of the time that a create took.
"""

from __future__ import annotations

import ssl
import urllib.request

import httpx

from eventkeep.client.synchronous import waiting
from eventkeep.limits import CLIENT_CONNECTIONS_MAX

ONE: httpx.Limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)


class Connections(httpx.BaseTransport):
    """Up to CLIENT_CONNECTIONS_MAX connections to one server; a request waits for a free one."""

    def __init__(self, url: httpx.URL) -> None:
        # Loading the trusted certificates takes longer than many requests: once, and only where they are needed.
        self._tls = httpx.create_ssl_context() if url.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._room = waiting.Semaphore(CLIENT_CONNECTIONS_MAX)
        self._idle: list[httpx.HTTPTransport] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and read the whole answer. Raises httpx.TransportError."""
        with self._room:
            transport = self._free()
            try:
                answer = transport.handle_request(request)
                # Raw: what is compressed stays so until the answer that is made of it is read.
                content = b"".join([part for part in answer.iter_raw()])
            except BaseException:
                # Also whoever is cancelled leaves a connection behind that is in the middle of something.
                transport.close()
                raise
            self._idle.append(transport)
        return httpx.Response(answer.status_code, headers=answer.headers, content=content, extensions=answer.extensions)

    def close(self) -> None:
        """Close all connections that are idle."""
        while self._idle:
            self._idle.pop().close()

    def _free(self) -> httpx.HTTPTransport:
        try:
            # The one used last: the others grow old together, and are then noticed to be closed.
            return self._idle.pop()
        except IndexError:
            return httpx.HTTPTransport(verify=self._tls, limits=ONE)


def chosen_transport(given: httpx.BaseTransport | None, base_url: str) -> httpx.BaseTransport | None:
    """What to send with: what was given, or else these connections; None, which is httpx's choice, behind a proxy."""
    url = httpx.URL(base_url)
    if given is not None:
        return given
    proxies = urllib.request.getproxies()
    is_proxied = (url.scheme in proxies or "all" in proxies) and not urllib.request.proxy_bypass(url.host)
    return None if is_proxied else Connections(url)

"""The two small servers of a cassette: one forwards and records, one replays. They serve a developer's machine."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import urlsplit

import httpx
import msgspec

from eventkeep.cassettes.cassette import REQUEST_HEADERS, RESPONSE_HEADERS, Exchange, Writer, kept
from eventkeep.cassettes.matching import Tape, asked
from eventkeep.cassettes.scrubbing import Scrubber
from eventkeep.config import server_url
from eventkeep.limits import BODY_BYTES_MAX, CASSETTE_UPSTREAM_SECONDS_MAX

HOP_BY_HOP: Final = frozenset(
    ("connection", "content-encoding", "content-length", "date", "host", "keep-alive", "server", "te", "trailer")
) | {"transfer-encoding", "upgrade"}

CassetteResponse = tuple[int, dict[str, str], bytes]
Respond = Callable[[str, str, dict[str, str], bytes], CassetteResponse]
"""From method, target, headers and body to status, headers and body."""


class CassetteServer(ThreadingHTTPServer):
    """An HTTP server whose responses one function makes."""

    daemon_threads = True

    def __init__(self, host: str, port: int, respond: Respond) -> None:
        """Bind the address. Raises OSError if it is taken."""
        super().__init__((host, port), Handler)
        self.respond = respond

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        return server_url(host if isinstance(host, str) else host.decode(), port)


class Handler(BaseHTTPRequestHandler):
    """Hands each request to the server's function."""

    protocol_version = "HTTP/1.1"
    server: CassetteServer

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65_537)
        if not self.raw_requestline:
            self.close_connection = True
            return
        if not self.parse_request():
            return
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit() or int(length) > BODY_BYTES_MAX:
            self.send_error(413, "Expected a body of a known length within the limit")
            self.close_connection = True
            return
        body = self.rfile.read(int(length))
        status, headers, content = self.server.respond(self.command, self.path, dict(self.headers.items()), body)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:
        """Write no access log: the commands print a line for each exchange themselves."""


class Recorder:
    """Forwards requests to ``upstream`` and writes each exchange to a cassette. Any thread calls."""

    def __init__(self, upstream: str, writer: Writer, scrubber: Scrubber, say: Callable[[str], None]) -> None:
        self._client = httpx.Client(base_url=upstream, timeout=CASSETTE_UPSTREAM_SECONDS_MAX, follow_redirects=False)
        self._writer, self._scrubber, self._say = writer, scrubber, say
        self._lock = threading.Lock()

    def respond(self, method: str, target: str, headers: dict[str, str], body: bytes) -> CassetteResponse:
        """Forward a request and record it."""
        sent = {name: value for name, value in headers.items() if name.lower() not in HOP_BY_HOP}
        try:
            response = self._client.request(method, target, headers=sent, content=body)
        except httpx.HTTPError as exc:
            self._say(f"{method} {target}: the upstream server did not respond: {exc}")
            return 502, {"Content-Type": "text/plain"}, b"The upstream server did not respond.\n"
        received = {name: value for name, value in response.headers.items() if name.lower() not in HOP_BY_HOP}
        parts = urlsplit(target)
        with self._lock:
            scrub = self._scrubber
            # Bodies first: texts in them may stand in the query as well.
            request_body, response_body = scrub.body(body), scrub.body(response.content)
            exchange = Exchange(
                method=method,
                path=scrub.text(parts.path),
                query=scrub.text(parts.query),
                headers={name: scrub.text(value) for name, value in kept(headers, REQUEST_HEADERS).items()},
                body=request_body,
                status=response.status_code,
                response_headers={name: scrub.text(value) for name, value in kept(received, RESPONSE_HEADERS).items()},
                response_body=response_body,
            )
            if self._writer.add(exchange):
                self._say(f"{method} {exchange.path} {response.status_code}")
            else:
                self._say(f"{method} {exchange.path} {response.status_code} (not recorded: the cassette is full)")
        return response.status_code, received, response.content

    def close(self) -> None:
        self._client.close()


class Replayer:
    """Responds from a cassette. Any thread calls."""

    def __init__(self, tape: Tape, say: Callable[[str], None]) -> None:
        self._tape, self._say = tape, say
        self._lock = threading.Lock()
        self.misses = 0

    def respond(self, method: str, target: str, headers: dict[str, str], body: bytes) -> CassetteResponse:
        """The recorded response, or 404 with the nearest recording in the error document."""
        parts = urlsplit(target)
        with self._lock:
            request = asked(method, parts.path, parts.query, body.decode("utf-8", "replace"), self._tape.scrubbed)
            exchange = self._tape.find(request)
            if exchange is not None:
                self._say(f"{method} {parts.path} {exchange.status}")
                return exchange.status, exchange.response_headers, exchange.response_body.encode()
            self.misses += 1
            nearest = self._tape.nearest(request)
        detail = "The cassette has no such request."
        if nearest is not None:
            detail += f" The nearest is {nearest[0].method} {nearest[0].path}: {'; '.join(nearest[1])}."
        self._say(f"{method} {parts.path}: {detail}")
        error = {"status": 404, "code": "not_recorded", "title": "Not in the cassette.", "detail": detail}
        return 404, {"Content-Type": "application/vnd.api+json"}, msgspec.json.encode({"errors": [error]})

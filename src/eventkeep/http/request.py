"""A request: its head, and its body as it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import unquote

import httptools

from eventkeep.errors import RequestRefused
from eventkeep.http.body import Body, BodyMemory, Done
from eventkeep.http.refusals import wrong_target, wrong_transfer_encoding

SCHEME: Final = "http"
NO_HEADERS: Final[dict[str, bytes]] = {}


class Headers:
    """Headers by lower-case name; the first of several wins. A header that is not ASCII is there and has no value."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[str, bytes]) -> None:
        self._values = values

    def get(self, key: str, default: str | None = None) -> str | None:
        value = self._values.get(key)
        if value is None:
            return default
        return value.decode() if value.isascii() else None

    def __contains__(self, key: str, /) -> bool:
        return key in self._values

    def items(self) -> Iterator[tuple[str, str]]:
        """The headers that are ASCII."""
        return ((name, value.decode()) for name, value in self._values.items() if value.isascii())


class Head:
    """The line and headers of a request, as they were parsed. Requests with the same bytes share it.

    ``declared`` is the Content-Length. ``memo`` is the application's: whatever it derived from this head.
    """

    __slots__ = ("declared", "headers", "keeps_alive", "memo", "method", "target", "version")

    def __init__(self, method: str, target: bytes, version: str, headers: dict[str, bytes], keeps_alive: bool) -> None:
        self.method, self.target, self.version, self.headers = method, target, version, headers
        self.keeps_alive = keeps_alive
        declared = headers.get("content-length")
        self.declared = None if declared is None else int(declared)
        self.memo: Any = None


class Request:
    """One request of a connection, which starts as soon as its head has arrived.

    ``scheme`` is that of the connection. ``keeps_alive`` is false if no request may follow on the connection.
    ``refusal`` is set if the message is not a request. ``cache_key`` are the bytes of the head, if they may be
    remembered; ``is_asked`` says that the client was told to send the body.
    """

    scheme = SCHEME
    cache_key = b""
    refusal: RequestRefused | None = None
    is_asked = has_response = False
    _on_read: Callable[[Request], None] | None = None
    _path: str | None = None
    _query_string = ""

    def __init__(self, head: Head, body: Body) -> None:
        self.head, self.body, self.keeps_alive = head, body, head.keeps_alive

    @classmethod
    def refused(cls, refusal: RequestRefused, memory: BodyMemory) -> Request:
        """A message that is not a request."""
        made = cls(Head("", b"", "1.1", NO_HEADERS, keeps_alive=False), Body(None, memory))
        made.refusal = refusal
        return made

    @property
    def method(self) -> str:
        return self.head.method

    @property
    def memo(self) -> Any:
        """The application's own, which stays with the head: later requests with the same head have it too."""
        return self.head.memo

    @memo.setter
    def memo(self, memo: Any) -> None:
        self.head.memo = memo

    @property
    def headers(self) -> Headers:
        return Headers(self.head.headers)

    @property
    def path(self) -> str:
        """The decoded path. Raises InvalidRequest if the target is not a URL."""
        if self._path is None:
            self._path, self._query_string = split_target(self.head.target)
        return self._path

    @path.setter
    def path(self, path: str) -> None:
        self._path, self._query_string = path, self.query_string

    @property
    def query_string(self) -> str:
        """The query string as it was sent. Raises InvalidRequest if the target is not a URL."""
        if self._path is None:
            self._path, self._query_string = split_target(self.head.target)
        return self._query_string

    def begin_body(self, bytes_max: int, done: Done) -> bytes | None:
        """Start to read the body. Returns it if it has arrived; otherwise ``done`` gets it, or the reason why not.

        Raises InvalidRequest for an unknown transfer encoding and for a body that will not arrive, PayloadTooLarge past
        ``bytes_max`` bytes, Unavailable if too many bodies are held already.
        """
        self._check_transfer_encoding()
        body = self.body.begin(bytes_max)
        if body is None:
            self.body.when_done(done)
            if self._on_read is not None:
                self._on_read(self)
        return body

    async def read_body(self, bytes_max: int) -> bytes:
        """Return the whole body. Raises the same errors as ``begin_body``."""
        arrived: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        def done(body: bytes | RequestRefused) -> None:
            if arrived.done():
                return
            if isinstance(body, bytes):
                arrived.set_result(body)
            else:
                arrived.set_exception(body)

        body = self.begin_body(bytes_max, done)
        return await arrived if body is None else body

    def when_read(self, act: Callable[[Request], None]) -> None:
        """Call ``act`` when the application starts to read a body that has not arrived."""
        self._on_read = act

    @property
    def waits_to_be_asked(self) -> bool:
        """Whether the client sends its body only once it is told to continue."""
        if self.is_asked or self.head.version == "1.0":
            return False
        return self.head.headers.get("expect", b"").strip().lower() == b"100-continue"

    def _check_transfer_encoding(self) -> None:
        sent = self.head.headers.get("transfer-encoding")
        if sent is not None and (sent.strip().lower() != b"chunked" or self.head.version == "1.0"):
            raise wrong_transfer_encoding(sent.decode("latin-1"))


def split_target(target: bytes) -> tuple[str, str]:
    """The decoded path and the query string of a target, in any of its forms (RFC 9112, 3.2)."""
    if not target.startswith(b"/"):
        if b"://" in target:
            try:
                url = httptools.parse_url(target)
            except httptools.HttpParserInvalidURLError as exc:
                raise wrong_target() from exc
            return unquote((url.path or b"/").decode("latin-1")), (url.query or b"").decode("latin-1")
        return target.decode("latin-1"), ""
    path, _, query = target.partition(b"#")[0].partition(b"?")
    text = path.decode("utf-8", "replace")
    return unquote(text) if "%" in text else text, query.decode("utf-8", "surrogateescape")

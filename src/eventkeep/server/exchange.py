"""One request of a connection while it arrives and is answered: its head, and its body piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

import httptools

from eventkeep.errors import Fault, InvalidRequest, RequestRefused
from eventkeep.server.http import Request, body_too_large

if TYPE_CHECKING:
    from eventkeep.server.create_gatherer import Admission

SCHEME: Final = "http"


class Headers:
    """The headers of a request by lower-case name; the first of several wins. One that is no ASCII has no value."""

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
        return ((name, value.decode()) for name, value in self._values.items() if value.isascii())


@lru_cache(1_000)
def lower_name(name: bytes) -> str:
    """A header's name as it is looked up by; clients send the same ones again and again."""
    return name.decode("latin-1").lower()


class Head:
    """A request's line and headers, ``size`` bytes, as the parser took them apart. They are not to be changed.

    ``declared`` is the length of the body. ``standing`` is the application's: what follows from the head.
    """

    __slots__ = ("declared", "headers", "method", "size", "standing", "target")

    def __init__(self, method: str, target: bytes, headers: dict[str, bytes], declared: int, size: int) -> None:
        self.method, self.target, self.headers, self.declared, self.size = method, target, headers, declared, size
        self.standing: Admission | None = None


class Exchange:
    """A request and what is known of its body so far.

    Its connection fills it: the head, then ``take`` for each piece of the body, then
    ``complete``, or ``fail`` where nothing more of it will come. ``refusal`` is set where
    the request is none and only to be answered.
    """

    method = ""
    target = b""
    version = "1.1"
    declared: int | None = None
    keeps_alive = True
    refusal: RequestRefused | None = None
    plain_head = b""
    """Its bytes, where they are to be known from now on."""
    received = 0
    """Bytes of the body that have arrived."""
    held = 0
    """Bytes that are counted as held for this request."""
    is_asked = False
    """Whether its client was told to go on with the body."""
    is_complete = is_answered = False
    _bytes_max: int | None = None
    _failure: RequestRefused | None = None
    _waiter: asyncio.Future[None] | None = None

    def __init__(self, hold: Callable[[int], None], on_wanted: Callable[[Exchange], None]) -> None:
        """``hold`` counts bytes or refuses them; ``on_wanted`` is called when a body is awaited that is not there."""
        self._hold, self._on_wanted = hold, on_wanted
        self.headers: dict[str, bytes] = {}
        self._pieces: list[bytes] = []

    def request(self) -> Request:
        """The request as the application takes it. Raises InvalidRequest for a target that is none."""
        path, query = split_target(self.target)
        return Request(self.method, path, query, SCHEME, Headers(self.headers), self)

    @property
    def left(self) -> int:
        """Bytes of the body that are still to come; 0 where that is not known."""
        return 0 if self.declared is None else self.declared - self.received

    @property
    def is_wanted(self) -> bool:
        """Whether its body is being read, or has been answered without."""
        return self._bytes_max is not None or self.is_answered

    def take(self, piece: bytes) -> None:
        """A piece of the body. It is dropped where nobody is going to ask for it."""
        self.received += len(piece)
        if self.is_answered or self._failure is not None:
            return
        self._pieces.append(piece)
        if self._bytes_max is not None and self.declared is None:
            self._count(len(piece))

    def complete(self) -> None:
        self.is_complete = True
        self._wake()

    def fail(self, why: RequestRefused) -> None:
        """Have whoever reads the body get ``why``."""
        if not self.is_complete and self._failure is None:
            self._failure = why
            self._pieces.clear()
            self._wake()

    def answered(self) -> None:
        """Let go of what is there, and drop what still comes."""
        self.is_answered = True
        self._pieces.clear()

    async def read(self, bytes_max: int) -> bytes:
        self._check_transfer_encoding()
        if self.declared is not None and self.declared > bytes_max:
            raise body_too_large()
        self._bytes_max = bytes_max
        if self.declared is not None:
            self.hold(self.declared)
        elif self.received:
            self._count(self.received)
        if not self.is_complete and self._failure is None:
            self._waiter = asyncio.get_running_loop().create_future()
            self._on_wanted(self)
            await self._waiter
        if self._failure is not None:
            raise self._failure
        pieces, self._pieces = self._pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def hold(self, count: int) -> None:
        self._hold(count)
        self.held += count

    def _count(self, count: int) -> None:
        """Count bytes of a body whose length was not told."""
        if self._bytes_max is not None and self.received > self._bytes_max:
            self.fail(body_too_large())
            return
        try:
            self.hold(count)
        except RequestRefused as refusal:
            self.fail(refusal)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _check_transfer_encoding(self) -> None:
        """Raises InvalidRequest for a body that is sent in any other way than in chunks, or so in HTTP/1.0."""
        sent = self.headers.get("transfer-encoding")
        if sent is not None and (sent.strip().lower() != b"chunked" or self.version == "1.0"):
            shown = sent.decode("latin-1")
            raise InvalidRequest(
                [Fault(f"Expected chunked, in HTTP/1.1, or none, got {shown!r}.", parameter="Transfer-Encoding")]
            )


class BufferedRequest(Exchange):
    """A request that came in one piece, with a head that is known."""

    def __init__(
        self, head: Head, body: bytes, hold: Callable[[int], None], on_wanted: Callable[[Exchange], None]
    ) -> None:
        self._hold, self._on_wanted = hold, on_wanted
        self.head, self.method, self.target, self.headers = head, head.method, head.target, head.headers
        self.declared = self.received = head.declared
        self.is_complete = True
        self._pieces = [body]

    def taken(self) -> bytes:
        """The body, which then counts as held. Raises Unavailable where that is too much."""
        self._hold(self.received)
        self.held = self.received
        return self._pieces.pop()


def split_target(target: bytes) -> tuple[str, str]:
    """The decoded path and the query string of a request's target, in any of its forms (RFC 9112, 3.2)."""
    if not target.startswith(b"/"):
        if b"://" in target:
            try:
                url = httptools.parse_url(target)
            except httptools.HttpParserInvalidURLError as exc:
                raise InvalidRequest([Fault("The request's target is no URL.", parameter="URL")]) from exc
            return unquote((url.path or b"/").decode("latin-1")), (url.query or b"").decode("latin-1")
        return target.decode("latin-1"), ""
    path, _, query = target.partition(b"#")[0].partition(b"?")
    text = path.decode("utf-8", "replace")
    return unquote(text) if "%" in text else text, query.decode("utf-8", "surrogateescape")

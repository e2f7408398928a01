"""The body of a request while it arrives, and the memory that all bodies take together."""

from __future__ import annotations

from collections.abc import Callable

from eventkeep.errors import RequestRefused, Unavailable
from eventkeep.http.refusals import body_too_large
from eventkeep.limits import BODIES_BYTES_MAX, RETRY_AFTER_SECONDS

Done = Callable[[bytes | RequestRefused], None]
"""Takes a whole body, or the reason why there is none."""


class BodyMemory:
    """Counts the bytes of all bodies that are held, and of the requests that clients have sent ahead."""

    def __init__(self, bytes_max: int = BODIES_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self.bytes = 0

    def hold(self, count: int) -> None:
        """Count bytes. Raises Unavailable, and counts nothing, if there are too many."""
        if self.bytes + count > self._bytes_max:
            raise Unavailable("Too many request bodies are under way.", RETRY_AFTER_SECONDS)
        self.bytes += count

    def release(self, count: int) -> None:
        self.bytes -= count


class Body:
    """The body of one request. The parser adds to it, the application reads it, and the connection ends it.

    ``declared`` is its Content-Length, None if it has none. Bytes are counted as held from the moment the body is read.
    """

    received = 0
    """Bytes that have arrived."""
    held = 0
    """Bytes that are counted in the memory."""
    is_complete = is_dropped = False
    _bytes_max: int | None = None
    _failure: RequestRefused | None = None
    _done: Done | None = None

    def __init__(self, declared: int | None, memory: BodyMemory) -> None:
        self.declared, self._memory = declared, memory
        self._pieces: list[bytes] = []

    @property
    def left(self) -> int:
        """Bytes that are still to come; 0 if the length is not known."""
        return 0 if self.declared is None else self.declared - self.received

    @property
    def is_read(self) -> bool:
        """Whether the application reads the body, or will never do so."""
        return self._bytes_max is not None or self.is_dropped

    def add(self, piece: bytes) -> None:
        """Add a piece. It is dropped if nobody will read it."""
        self.received += len(piece)
        if self.is_dropped or self._failure is not None:
            return
        self._pieces.append(piece)
        if self._bytes_max is not None and self.declared is None:
            self._hold_undeclared(len(piece))

    def complete(self) -> None:
        self.is_complete = True
        self._finish()

    def fail(self, why: RequestRefused) -> None:
        """The rest of the body will not come: the reader of the body gets ``why``."""
        if not self.is_complete and self._failure is None:
            self._failure = why
            self._pieces.clear()
            self._finish()

    def drop(self) -> None:
        """The request has its response: forget the body, and drop the rest of it as it arrives."""
        self.is_dropped = True
        self._done = None
        self._pieces.clear()
        self._memory.release(self.held)
        self.held = 0

    def begin(self, bytes_max: int) -> bytes | None:
        """Start to read the body. Returns it if it is complete; ``when_done`` tells of it otherwise.

        Raises PayloadTooLarge past ``bytes_max`` bytes, Unavailable if too much is held already, InvalidRequest if the
        rest will not come.
        """
        if self.declared is not None and self.declared > bytes_max:
            raise body_too_large()
        self._bytes_max = bytes_max
        if self.declared is not None:
            self.hold(self.declared)
        elif self.received:
            self._hold_undeclared(self.received)
        if self._failure is not None:
            raise self._failure
        return self._taken() if self.is_complete else None

    def when_done(self, done: Done) -> None:
        """Call ``done`` once the body is complete or has failed."""
        self._done = done

    def hold(self, count: int) -> None:
        """Count more bytes as held, until the response. Raises Unavailable if there are too many."""
        self._memory.hold(count)
        self.held += count

    def _hold_undeclared(self, count: int) -> None:
        if self._bytes_max is not None and self.received > self._bytes_max:
            self.fail(body_too_large())
            return
        try:
            self.hold(count)
        except RequestRefused as refusal:
            self.fail(refusal)

    def _finish(self) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(self._taken() if self._failure is None else self._failure)

    def _taken(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

"""A cache of parsed heads: a client sends the same one again and again, except for the length."""

from __future__ import annotations

from typing import Final

from eventkeep.cache import Cache
from eventkeep.http.request import Head, Request
from eventkeep.limits import HEAD_BYTES_REMEMBERED_MAX, HEADS_BYTES_REMEMBERED_MAX, HEADS_REMEMBERED_MAX

END: Final = b"\r\n\r\n"
UNUSUAL: Final = frozenset(("expect", "transfer-encoding", "upgrade"))
"""Headers of requests that are more than a head and a body of a declared length."""


class HeadCache:
    """Parsed heads by their exact bytes; the parser decides about any other head.

    A head is remembered only if the application set its memo, so that a client it does not know can't fill the cache.
    The bytes hold a key of an account. The time of a look-up reveals nothing of that key, because the hash of an
    absent head is salted.
    """

    def __init__(self) -> None:
        self._cache: Cache[bytes, Head] = Cache(HEADS_REMEMBERED_MAX, HEADS_BYTES_REMEMBERED_MAX, memory_bytes)

    def find(self, data: bytes, place: int) -> tuple[Head, int] | None:
        """The head that starts in ``data`` at ``place``, if it is remembered, and the place behind it."""
        # Without an end, the key is two or three bytes, which are no head.
        end = data.find(END, place, place + HEAD_BYTES_REMEMBERED_MAX) + len(END)
        head = self._cache.get(data[place:end])
        return None if head is None else (head, end)

    def remember(self, key: bytes, head: Head) -> None:
        self._cache.put([(key, head)])


def cache_key(request: Request, piece: bytes | memoryview) -> bytes:
    """The bytes of a head that the parser found at the start of ``piece``; empty if it may not be remembered."""
    head = request.head
    beginning = bytes(piece[:HEAD_BYTES_REMEMBERED_MAX])
    size = beginning.find(END) + len(END)
    # If the parser saw the end of the head elsewhere, the bytes do not add up.
    if size < len(END) or head.declared is None or request.body.received != min(len(piece) - size, head.declared):
        return b""
    is_plain = head.version == "1.1" and request.keeps_alive and UNUSUAL.isdisjoint(head.headers)
    return beginning[:size] if is_plain else b""


def memory_bytes(head: Head) -> int:
    """About the bytes of memory that a head takes, as bytes and in parts."""
    parts = len(head.target) + sum([len(name) + len(value) for name, value in head.headers.items()])
    return 1_000 + 100 * len(head.headers) + 2 * parts

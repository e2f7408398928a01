"""Heads of requests that were parsed before: a client sends the same one again and again, save a length."""

from __future__ import annotations

from typing import Final

from eventkeep.directory.recent import Recent
from eventkeep.limits import HEAD_BYTES_REMEMBERED_MAX, HEADS_BYTES_REMEMBERED_MAX, HEADS_REMEMBERED_MAX
from eventkeep.server.exchange import Exchange, Head

END: Final = b"\r\n\r\n"
UNUSUAL: Final = frozenset(("expect", "transfer-encoding", "upgrade"))
"""Headers that make more of a request than a head and the body behind it."""


class Heads:
    """What the parser made of heads, by their exact bytes: it is asked about every one that differs.

    Only heads of whole, plain requests are here, which the parser has taken and the
    application has answered with 202: nobody without a key can fill the memory. A head
    holds a key of an account; how long its look-up takes tells nothing of it, for what
    is not there differs in its hash, which is salted.
    """

    def __init__(self) -> None:
        self._heads: Recent[bytes, Head] = Recent(HEADS_REMEMBERED_MAX, HEADS_BYTES_REMEMBERED_MAX, memory_bytes)

    def of(self, message: bytes) -> Head | None:
        """The head of ``message``, where it is remembered and the body that it tells is all that follows."""
        # Where there is no end, three bytes are looked up, which are no head.
        size = message.find(END, 0, HEAD_BYTES_REMEMBERED_MAX) + len(END)
        head = self._heads.get(message[:size])
        return head if head is not None and len(message) - size == head.declared else None

    def remember(self, exchange: Exchange) -> None:
        """Remember the head of an exchange, where it is a plain one."""
        sent = exchange.plain_head
        if sent:
            head = Head(exchange.method, exchange.target, exchange.headers, exchange.declared or 0, len(sent))
            self._heads.put([(sent, head)])


def plain_head(exchange: Exchange, message: bytes) -> bytes:
    """The bytes of the head, where the parser has made the exchange of ``message`` alone and it is plain; else none."""
    size = message.find(END, 0, HEAD_BYTES_REMEMBERED_MAX) + len(END)
    # Where the parser saw the end of the head elsewhere, another length is left for the body.
    if size < len(END) or not exchange.declared == exchange.received == len(message) - size:
        return b""
    is_plain = exchange.version == "1.1" and exchange.keeps_alive and exchange.refusal is None
    return message[:size] if is_plain and UNUSUAL.isdisjoint(exchange.headers) else b""


def memory_bytes(head: Head) -> int:
    """About what the head takes in memory: its bytes, once as they are and once in parts."""
    return 1_000 + 100 * len(head.headers) + 2 * head.size

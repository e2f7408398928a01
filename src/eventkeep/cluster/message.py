"""Records as messages of a stream: compressed, and in parts if they are larger than a message may be.

The parts of a large record go to a second stream before; the record's own message then only lists them. So
each record is one message of the log, its sequence is the record's position, and one expected sequence decides about
it as a whole.
"""

from __future__ import annotations

from typing import Final

import msgspec
import zstandard

from eventkeep.errors import LogError
from eventkeep.limits import RECORD_BYTES_MAX

LEVEL: Final = 1
MARK_BYTES: Final = 4
COMPRESSED: Final = b"EKZ1"
IN_PARTS: Final = b"EKP1"


class Part(msgspec.Struct, frozen=True, array_like=True):
    """A part of a record: its sequence in the stream of parts, and its size in bytes."""

    sequence: int
    size: int


class PartList(msgspec.Struct, frozen=True):
    """The parts of a record, in order."""

    parts: tuple[Part, ...]


def compress(content: bytes) -> bytes:
    """The message of a record."""
    return COMPRESSED + zstandard.ZstdCompressor(level=LEVEL).compress(content)


def decompress(message: bytes, source: str) -> bytes | PartList:
    """The record in a message, or the parts that it is in. Raises LogError, which begins with ``source``."""
    mark, body = message[:MARK_BYTES], memoryview(message)[MARK_BYTES:]
    if mark == IN_PARTS:
        try:
            return PartList(msgspec.msgpack.decode(body, type=tuple[Part, ...]))
        except msgspec.DecodeError as exc:
            raise LogError(f"{source}: the list of its parts is damaged: {exc}") from exc
    if mark != COMPRESSED:
        raise LogError(f"{source}: it is no record of this version of eventkeep; use a newer one")
    try:
        size = zstandard.frame_content_size(body)
        if not 0 < size <= 2 * RECORD_BYTES_MAX:
            raise LogError(f"{source}: it says that it has {size} bytes, which no record has")
        return zstandard.ZstdDecompressor().decompress(body)
    except zstandard.ZstdError as exc:
        raise LogError(f"{source}: it can't be decompressed: {exc}") from exc


def split(message: bytes, size: int) -> list[bytes]:
    """The message in parts of at most ``size`` bytes."""
    return [message[start : start + size] for start in range(0, len(message), size)]


def part_list(parts: list[Part]) -> bytes:
    """The message of a record whose parts are stored."""
    return IN_PARTS + msgspec.msgpack.encode(parts)

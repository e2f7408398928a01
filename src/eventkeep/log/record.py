"""Records: the changes of one commit in the one form that files, streams and backups carry.

A record is a header of 64 bytes, a body and a trailer of 8 bytes, padded with zeros in front of the trailer to whole
blocks of 512 bytes. All numbers are little-endian::

    header  magic "EVKR", format version, flags, identity of the log, epoch of the leader, number of zero blocks,
            position, time (Unix microseconds), size of the body, checksum of the header up to here,
            checksum of the record before, checksum of the whole record up to this field and of the body
    body    size of the changes, number of events, sizes of the three text columns;
            the changes (msgpack, defined by the directory), padding to 8 bytes;
            the columns of numbers, the sizes of the texts, the texts
    trailer "EVKREND\\n", which no checksum covers

Each record holds the checksum of the one before it, so that no record can be left out, doubled or exchanged without
notice. A torn record can be told from a damaged one in a file that was filled with zeros (see
`eventkeep.log.file_end`): the header says how many blocks of the record hold only zeros, and the trailer has none.
"""

from __future__ import annotations

import struct
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt
from xxhash import xxh3_64

from eventkeep.errors import LogError
from eventkeep.limits import RECORD_BYTES_MAX
from eventkeep.model.event_columns import NUMBERS, SIZE_TYPE, TEXTS, EventColumns, TextColumn

BLOCK_BYTES: Final = 512
"""The unit that a disk writes whole or not at all."""
FORMAT: Final = 1
MAGIC: Final = b"EVKR"
HEADER: Final = struct.Struct("<4sHHQIIQqIIQQ")
HEADER_CHECKED_BYTES: Final = 44
"""The bytes of the header in front of its own checksum."""
RECORD_CHECKED_BYTES: Final = 56
"""The bytes of the header in front of the checksum of the record."""
BODY: Final = struct.Struct("<QQQQQ")
TRAILER: Final = b"EVKREND\n"
ALIGNMENT: Final = 8


class Header(msgspec.Struct, frozen=True):
    """The first 64 bytes of a record. ``body_bytes`` includes padding and trailer."""

    log: int
    epoch: int
    zero_blocks: int
    position: int
    time: int
    body_bytes: int
    previous: int
    checksum: int

    @property
    def record_bytes(self) -> int:
        return HEADER.size + self.body_bytes


class Record(msgspec.Struct, frozen=True):
    """The effects of one commit.

    ``changes`` are rows of the directory, as `eventkeep.directory.changes` encodes them, b"" if there are none;
    ``events`` is None if there are none. ``time`` is in Unix microseconds, ``epoch`` counts the leaders of a
    replicated log and is 0 on one machine.
    """

    position: int
    time: int
    changes: bytes = b""
    events: EventColumns | None = None
    epoch: int = 0


class EncodedRecord(msgspec.Struct, frozen=True):
    """A record as bytes, with the facts about it that the log needs."""

    position: int
    previous: int
    checksum: int
    content: bytes


def encode(record: Record, log: int, previous: int) -> EncodedRecord:
    """Encode a record of the log with the identity ``log`` behind the record whose checksum is ``previous``.

    Raises LogError if the record is larger than RECORD_BYTES_MAX.
    """
    body = body_pieces(record)
    body_bytes = sum(len(piece) for piece in body) + len(TRAILER)
    padding = -(HEADER.size + body_bytes) % BLOCK_BYTES
    body_bytes += padding
    if body_bytes > RECORD_BYTES_MAX:
        raise LogError(f"a record of {body_bytes:,} bytes is larger than the log takes ({RECORD_BYTES_MAX:,})")
    content = bytearray().join([bytes(HEADER.size), *body, bytes(padding), TRAILER])
    zero_blocks = zero_blocks_of(memoryview(content)[BLOCK_BYTES:])
    fields = [MAGIC, FORMAT, 0, log, record.epoch, zero_blocks, record.position, record.time, body_bytes]
    HEADER.pack_into(content, 0, *fields, 0, previous, 0)
    HEADER.pack_into(content, 0, *fields, header_checksum(content[:HEADER_CHECKED_BYTES]), previous, 0)
    checksum = record_checksum(content)
    struct.pack_into("<Q", content, RECORD_CHECKED_BYTES, checksum)
    return EncodedRecord(record.position, previous, checksum, bytes(content))


def body_pieces(record: Record) -> list[bytes]:
    """The body of a record in pieces, without the padding at its end."""
    events = record.events
    if events is None or not len(events):
        return [BODY.pack(len(record.changes), 0, 0, 0, 0), record.changes]
    texts = [events.texts[name] for name in TEXTS]
    pieces = [BODY.pack(len(record.changes), len(events), *(len(text.joined) for text in texts)), record.changes]
    pieces.append(bytes(-len(record.changes) % ALIGNMENT))
    pieces += [events.numbers[name].astype(kind, copy=False).tobytes() for name, kind in NUMBERS.items()]
    pieces += [text.sizes.astype(SIZE_TYPE, copy=False).tobytes() for text in texts]
    pieces += [text.joined for text in texts]
    return pieces


def decode_header(content: bytes | memoryview, source: str) -> Header:
    """Decode the header at the start of ``content``. Raises LogError that begins with ``source`` if it is damaged."""
    if len(content) < HEADER.size:
        raise LogError(f"{source}: a header of {HEADER.size} bytes was expected, and {len(content)} bytes are left")
    magic, version, flags, log, epoch, zero_blocks, position, time, body_bytes, checked, previous, checksum = (
        HEADER.unpack_from(content)
    )
    if magic != MAGIC:
        raise LogError(f"{source}: no record begins here")
    if checked != header_checksum(content[:HEADER_CHECKED_BYTES]):
        raise LogError(f"{source}: the header of the record is damaged")
    if version != FORMAT or flags:
        raise LogError(
            f"{source}: the record has form {version}.{flags}, which this eventkeep does not know; use a newer one"
        )
    header = Header(log, epoch, zero_blocks, position, time, body_bytes, previous, checksum)
    if header.record_bytes % BLOCK_BYTES or not BODY.size <= body_bytes <= RECORD_BYTES_MAX:
        raise LogError(f"{source}: the record says that its body has {body_bytes} bytes, which no record has")
    return header


def checked_header(content: bytes | memoryview, source: str) -> Header:
    """Decode the header of a whole record and compare the checksum of the record. Raises LogError."""
    header = decode_header(content, source)
    if len(content) != header.record_bytes:
        raise LogError(f"{source}: the record has {header.record_bytes} bytes, and {len(content)} are there")
    if record_checksum(content) != header.checksum or content[-len(TRAILER) :] != TRAILER:
        raise LogError(f"{source}: the record at position {header.position} is damaged")
    return header


def decode(content: bytes, source: str) -> Record:
    """Decode a whole record. Raises LogError, which begins with ``source`` and names the byte, if it is damaged."""
    header = checked_header(content, source)
    events, changes = decode_body(content, source)
    return Record(header.position, header.time, changes, events, header.epoch)


def decode_body(content: bytes, source: str) -> tuple[EventColumns | None, bytes]:
    """Decode the body of a record whose checksum was compared. Raises LogError if its sizes contradict each other."""
    change_bytes, count, *text_bytes = BODY.unpack_from(content, HEADER.size)
    place = HEADER.size + BODY.size
    number_bytes = sum(kind.itemsize for kind in NUMBERS.values()) + len(TEXTS) * SIZE_TYPE.itemsize
    gap = -change_bytes % ALIGNMENT if count else 0
    end = place + change_bytes + gap + count * number_bytes + sum(text_bytes) + len(TRAILER)
    if not len(content) - BLOCK_BYTES < end <= len(content):
        raise LogError(f"{source}: byte {HEADER.size}: the sizes in the record give {end} bytes, not {len(content)}")
    changes = content[place : place + change_bytes]
    if not count:
        return None, changes
    place += change_bytes + gap
    numbers: dict[str, npt.NDArray[Any]] = {}
    for name, kind in NUMBERS.items():
        numbers[name] = np.frombuffer(content, dtype=kind, count=count, offset=place)
        place += numbers[name].nbytes
    sizes: dict[str, npt.NDArray[np.uint32]] = {}
    for name in TEXTS:
        sizes[name] = np.frombuffer(content, dtype=SIZE_TYPE, count=count, offset=place)
        place += sizes[name].nbytes
    texts: dict[str, TextColumn] = {}
    for name, size in zip(TEXTS, text_bytes, strict=True):
        if int(sizes[name].sum(dtype=np.uint64)) != size:
            raise LogError(f"{source}: byte {place}: the texts of {name} have another size than their column")
        texts[name] = TextColumn(content[place : place + size], sizes[name])
        place += size
    return EventColumns(numbers, texts), changes


def header_checksum(start: bytes | bytearray | memoryview) -> int:
    """The checksum that a header holds of its own first bytes."""
    return xxh3_64(start).intdigest() & 0xFFFFFFFF


def record_checksum(content: bytes | bytearray | memoryview) -> int:
    """The checksum of a whole record, which the next record repeats."""
    view = memoryview(content)
    hashed = xxh3_64(view[:RECORD_CHECKED_BYTES])
    hashed.update(view[HEADER.size : -len(TRAILER)])
    return hashed.intdigest()


def zero_blocks_of(content: bytes | bytearray | memoryview) -> int:
    """The number of blocks of a record that hold only zeros, as far as ``content`` reaches in whole blocks."""
    whole = memoryview(content)[: len(content) // BLOCK_BYTES * BLOCK_BYTES]
    words = np.frombuffer(whole, dtype="<u8").reshape(-1, BLOCK_BYTES // ALIGNMENT)
    return int(np.count_nonzero(~words.any(axis=1)))

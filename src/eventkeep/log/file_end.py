"""The end of the records in the newest file of the log, and whether a torn record or damage is behind it.

A crash can tear only the last record, because each record is synced before the next one is written. A file is filled
with zeros when it is made, and so there are two ways in which a record can be torn. After a power cut each block is
either written or still zeros: then the record has more blocks of zeros than its header says, or its first block is
missing. After a short write everything from some byte on is zeros: then the trailer is missing, and perhaps a part of
the header. Everything else is damage, and the log is refused: the record may have been acknowledged.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from eventkeep.errors import LogError
from eventkeep.files import Files
from eventkeep.log.log_file import RESTORE, SEALED, FileHead, Walk, decode_mark
from eventkeep.log.record import BLOCK_BYTES, HEADER, MAGIC, TRAILER, decode_header, zero_blocks_of

ZERO_BLOCK: Final = bytes(BLOCK_BYTES)
SEARCHED_BYTES: Final = 1_048_576


class FileEnd(msgspec.Struct, frozen=True):
    """The end of the records of a file: its byte, and the position and checksum of the last record.

    ``torn_bytes`` is how far the remains of a torn record reach, 0 if there are none.
    """

    offset: int
    position: int
    checksum: int
    torn_bytes: int = 0


def find_end(files: Files, path: Path, head: FileHead) -> FileEnd:
    """Read the newest file of the log to the end of its records. Raises LogError if it is damaged."""
    walk = Walk(files, path, head)
    try:
        while walk.offset + BLOCK_BYTES <= head.size:
            block = walk.reader.at(walk.offset, BLOCK_BYTES)
            if block == ZERO_BLOCK:
                break
            if (mark := decode_mark(block)) is not None:
                check_mark(walk, mark.kind, (mark.log, mark.position, mark.checksum))
                return FileEnd(walk.offset, walk.position, walk.checksum, remains(walk, walk.offset + BLOCK_BYTES))
            if is_cut_in_header(walk, block):
                break
            if walk.next_record() is None:
                check_torn(walk)
                break
        torn_bytes = remains(walk, walk.offset)
        return FileEnd(walk.offset, walk.position, walk.checksum, torn_bytes)
    finally:
        walk.close()


def check_mark(walk: Walk, kind: bytes, said: tuple[int, int, int]) -> None:
    """Raises LogError if a mark does not fit to the records before it, or says that another file follows."""
    if said != (walk.head.log, walk.position, walk.checksum):
        raise LogError(f"{walk.where}: the records end at {walk.position}, and the mark says at {said[1]}. {RESTORE}")
    if kind == SEALED:
        raise LogError(
            f"{walk.where}: another file of the log follows this one, from position {walk.position + 1} on, and is "
            f"missing. {RESTORE}"
        )


def is_cut_in_header(walk: Walk, block: bytes) -> bool:
    """Whether a short write ended within the header: behind it there are only zeros, which no whole record has."""
    return not any_byte(block[HEADER.size :]) and remains(walk, walk.offset) <= HEADER.size


def check_torn(walk: Walk) -> None:
    """Raises LogError unless the record at the walk's place lacks its trailer or a block that was not only zeros."""
    header = decode_header(walk.reader.at(walk.offset, BLOCK_BYTES), walk.where)
    content = walk.reader.at(walk.offset, header.record_bytes)
    if any_byte(content[-len(TRAILER) :]) and zero_blocks_of(content[BLOCK_BYTES:]) <= header.zero_blocks:
        raise LogError(f"{walk.where}: the record at position {header.position} is damaged. {RESTORE}")


def remains(walk: Walk, start: int) -> int:
    """Return the bytes from ``start`` to the end of the last byte that is not zero; 0 if there is none.

    Raises LogError if a later record or a mark is among it: then the record at ``start`` was written completely.
    """
    reached = 0
    size = walk.head.size
    for offset in range(start, size, SEARCHED_BYTES):
        piece = walk.reader.at(offset, min(SEARCHED_BYTES, size - offset))
        if not any_byte(piece):
            continue
        for place in range(0, len(piece), BLOCK_BYTES):
            block = piece[place : place + BLOCK_BYTES]
            if block == ZERO_BLOCK[: len(block)]:
                continue
            reached = offset + place + len(block.rstrip(b"\0")) - start
            if (found := later_record(walk, block)) is not None:
                raise LogError(
                    f"{walk.where}: the record at position {walk.position + 1} is damaged: at byte {offset + place} "
                    f"there is {found}. {RESTORE}"
                )
    return reached


def any_byte(piece: bytes) -> bool:
    """Whether any byte is not zero."""
    return piece.count(0) != len(piece)


def later_record(walk: Walk, block: bytes) -> str | None:
    """Return the proof that the record behind the walk's place was complete: a later one's header, or a mark.

    The identity of the log, which nobody outside knows, is in both, so that no event can contain one.
    """
    if (mark := decode_mark(block)) is not None and mark.log == walk.head.log and mark.position > walk.position:
        return f"a mark behind the record {mark.position}"
    if block.startswith(MAGIC):
        try:
            header = decode_header(block, "")
        except LogError:
            return None
        if header.log == walk.head.log and header.position > walk.position + 1:
            return f"the record {header.position}"
    return None

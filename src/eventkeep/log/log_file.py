"""One file of the log: its head, the marks behind its records, and reading its records in order.

A file has its full size from the start, filled with zeros. It begins with a head of one block; the records follow, each
at a multiple of a block. Behind the last record there is nothing but zeros, or a mark: the seal of a file that another
one follows, or the note of a server that stopped orderly.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from xxhash import xxh3_64

from eventkeep.errors import LogError
from eventkeep.files import Files
from eventkeep.log.record import BLOCK_BYTES, HEADER, TRAILER, decode_header, record_checksum

SUFFIX: Final = ".log"
NAME_DIGITS: Final = 20
HEAD: Final = struct.Struct("<8sHxxxxxxQQQQQQQ")
HEAD_MAGIC: Final = b"EVKFILE\n"
HEAD_FORMAT: Final = 1
MARK: Final = struct.Struct("<8sQQQQ")
SEALED: Final = b"EVKSEAL\n"
STOPPED: Final = b"EVKSTOP\n"
READ_BYTES: Final = 4_194_304


class FileHead(msgspec.Struct, frozen=True):
    """The first block of a file.

    ``first`` is the position of the file's first record and ``previous`` the checksum of the record before it.
    ``before_first`` is the ``first`` of the file before, 0 if there was none, and ``before_end`` the byte at which the
    records of that file end: bytes behind it do not belong to the log.
    """

    log: int
    first: int
    previous: int
    before_first: int
    before_end: int
    size: int

    def encode(self) -> bytes:
        fields = (self.log, self.first, self.previous, self.before_first, self.before_end, self.size)
        start = HEAD.pack(HEAD_MAGIC, HEAD_FORMAT, *fields, 0)[:-8]
        return (start + struct.pack("<Q", xxh3_64(start).intdigest())).ljust(BLOCK_BYTES, b"\0")


class Mark(msgspec.Struct, frozen=True):
    """A block behind the last record: that record's position and checksum."""

    kind: bytes
    log: int
    position: int
    checksum: int

    def encode(self) -> bytes:
        start = MARK.pack(self.kind, self.log, self.position, self.checksum, 0)[:-8]
        return (start + struct.pack("<Q", xxh3_64(start).intdigest())).ljust(BLOCK_BYTES, b"\0")


def file_name(first: int) -> str:
    """The name of the file whose first record has this position."""
    return f"{first:0{NAME_DIGITS}d}{SUFFIX}"


def read_head(files: Files, path: Path) -> FileHead:
    """Read and check the head of a file. Raises LogError naming the file, and OSError."""
    file = files.open(path)
    try:
        block = files.read(file, BLOCK_BYTES, 0)
        size = files.size(file)
    finally:
        files.close(file)
    if len(block) < BLOCK_BYTES:
        raise damaged(path, f"it has {size} bytes, less than its head. Restore it from a backup")
    magic, version, *fields, checksum = HEAD.unpack_from(block)
    if magic != HEAD_MAGIC:
        raise damaged(path, "byte 0: no file of the log begins so. Restore it from a backup")
    if xxh3_64(block[: HEAD.size - 8]).intdigest() != checksum or any(block[HEAD.size :]):
        raise damaged(path, "byte 0: its head is damaged. Restore it from a backup")
    if version != HEAD_FORMAT:
        raise LogError(f"the log file {path} has form {version}, made by a newer eventkeep: use that one")
    head = FileHead(*fields)
    if path.name != file_name(head.first):
        raise LogError(f"the log file {path} is the file {file_name(head.first)} under another name: move it away")
    if size != head.size:
        raise damaged(path, f"it has {size} bytes, and {head.size} when it was made. Restore it from a backup")
    return head


def decode_mark(block: bytes) -> Mark | None:
    """The mark in a block, or None if there is no whole one."""
    kind, log, position, checksum, checked = MARK.unpack_from(block)
    if kind not in (SEALED, STOPPED) or xxh3_64(block[: MARK.size - 8]).intdigest() != checked:
        return None
    return Mark(kind, log, position, checksum)


class BlockReader:
    """Reads a file forward, in large pieces."""

    def __init__(self, files: Files, file: int, end: int) -> None:
        self._files, self._file, self._end = files, file, end
        self._content, self._start = b"", 0

    def at(self, offset: int, size: int) -> bytes:
        """``size`` bytes at ``offset``, fewer at the end."""
        size = min(size, self._end - offset)
        inside = offset - self._start
        if inside < 0 or inside + size > len(self._content):
            self._content = self._files.read(self._file, max(size, min(READ_BYTES, self._end - offset)), offset)
            self._start, inside = offset, 0
        return self._content[inside : inside + size]


class Walk:
    """A walk over the records of one file; ``offset``, ``position`` and ``checksum`` say how far it has come."""

    def __init__(self, files: Files, path: Path, head: FileHead, end: int | None = None) -> None:
        """Open the file. ``end`` is the byte at which its records end, None if only the file can tell."""
        self.path, self.head = path, head
        self.offset, self.position, self.checksum = BLOCK_BYTES, head.first - 1, head.previous
        self._end, self._files = end, files
        self._file = files.open(path)
        self.reader = BlockReader(files, self._file, head.size)

    def close(self) -> None:
        self._files.close(self._file)

    @property
    def where(self) -> str:
        return f"the log file {self.path}, byte {self.offset}"

    def records(self) -> Iterator[bytes]:
        """All records up to ``end``. Raises LogError for everything that is not a whole record in its place."""
        while self._end is None or self.offset < self._end:
            content = self.next_record()
            if content is None:
                raise LogError(f"{self.where}: the record at position {self.position + 1} is damaged. {RESTORE}")
            yield content
        if self.offset != self._end:
            raise LogError(f"{self.where}: records end here, and the next file says at byte {self._end}. {RESTORE}")

    def next_record(self) -> bytes | None:
        """The next record, after which the walk stands behind it; None if its checksum is wrong.

        Raises LogError if no header is there or if it is that of another record.
        """
        header = decode_header(self.reader.at(self.offset, HEADER.size), self.where)
        if (header.log, header.position, header.previous) != (self.head.log, self.position + 1, self.checksum):
            raise LogError(
                f"{self.where}: here stands the record {header.position} of the log {header.log:016x}, which does not "
                f"follow record {self.position} of this log. {RESTORE}"
            )
        if self.offset + header.record_bytes > self.head.size:
            raise LogError(f"{self.where}: the record at position {header.position} is longer than the file. {RESTORE}")
        content = self.reader.at(self.offset, header.record_bytes)
        if len(content) != header.record_bytes or record_checksum(content) != header.checksum:
            return None
        self.offset += header.record_bytes
        self.position, self.checksum = header.position, header.checksum
        # A record that lacks only its trailer is whole.
        return content if content.endswith(TRAILER) else content[: -len(TRAILER)] + TRAILER


RESTORE: Final = "Restore the folder from a backup, or run eventkeep check --repair"


def damaged(path: Path, reason: str) -> LogError:
    return LogError(f"the log file {path} is damaged: {reason}")

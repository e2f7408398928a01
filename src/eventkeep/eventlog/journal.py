"""The journal: where a commit is made durable before the table has it.

A commit has to be on disk before its requests are answered, and an insert into the
table costs the same 20 ms of CPU for one event as for a thousand. So a commit is one
record at the end of a file and one fdatasync; the table takes the same events a
little later, many at a time, and then the file goes.

A segment is a file of records. A record is a header (magic, length, checksum of the
payload) and the payload. A crash can tear only the last record of a segment, and a torn
record was never answered: reading stops there. A record is written when the one before
it is on disk, so that whole records behind one that is not tell of damage.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import structlog
from xxhash import xxh3_64_intdigest

from eventkeep.errors import EventLogError
from eventkeep.limits import JOURNAL_RECORD_BYTES_MAX

logger = structlog.get_logger(__name__)

HEADER: Final = struct.Struct("<4sII")
MAGIC: Final = b"EVK2"
FAMILY: Final = b"EVK"
"""What the marks of all forms of records begin with."""
SUFFIX: Final = ".journal"


class Journal:
    """The segments of one folder. One thread appends and rotates; another may drop."""

    def __init__(self, folder: Path) -> None:
        """Open the journal for appending, in a segment of its own. Raises EventLogError where that fails."""
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.number = max(self.segments(), default=0) + 1
            self._file = self._open_segment()
        except OSError as exc:
            raise EventLogError(f"the journal can't be written in {folder}: {exc}") from exc
        self._size = 0

    def segments(self) -> list[int]:
        """The numbers of the segments on disk, oldest first."""
        return sorted(segment_number(path) for path in self._folder.glob(f"*{SUFFIX}"))

    def read(self, number: int) -> Iterator[bytes]:
        """The payloads of a segment's whole records, in order.

        Raises EventLogError where the segment can't be read, or is damaged before its end.
        """
        path = self._path(number)
        try:
            content = path.read_bytes()
        except OSError as exc:
            raise EventLogError(f"the journal {path} can't be read: {exc.strerror}") from exc
        place = 0
        while place < len(content):
            payload = record_at(content, place)
            if payload is None:
                check_torn(path, content, place)
                return
            yield bytes(payload)
            place += HEADER.size + len(payload)

    def append(self, payload: bytes | memoryview) -> None:
        """Write one record; it is on disk when this returns.

        Raises EventLogError where it can't be written (a full disk, say); the journal
        is then as it was before.
        """
        length = len(payload)
        if length > JOURNAL_RECORD_BYTES_MAX:
            raise EventLogError(f"a journal record holds at most {JOURNAL_RECORD_BYTES_MAX} bytes, not {length}")
        header = HEADER.pack(MAGIC, length, checksum_of(payload))
        try:
            written = os.writev(self._file, [header, payload])
            while written < HEADER.size + length:
                written += os.write(self._file, memoryview(payload)[written - HEADER.size :])
            os.fdatasync(self._file)
        except OSError as exc:
            self._undo()
            raise EventLogError(f"the journal can't be written: {exc}") from exc
        self._size += HEADER.size + length

    def rotate(self) -> int:
        """Begin a new segment and return the number of the one before; all older ones are complete."""
        if self._size == 0:
            return self.number - 1
        closed, self.number = self.number, self.number + 1
        try:
            file = self._open_segment()
        except OSError as exc:
            self.number = closed
            raise EventLogError(f"a new journal segment can't be opened: {exc}") from exc
        os.close(self._file)
        self._file, self._size = file, 0
        return closed

    def drop(self, up_to: int) -> None:
        """Remove the segments up to this number: the table has what they hold."""
        for number in self.segments():
            if number <= up_to and number != self.number:
                self._path(number).unlink(missing_ok=True)

    def close(self) -> None:
        """Close the file; an empty segment is removed."""
        os.close(self._file)
        if self._size == 0:
            self._path(self.number).unlink(missing_ok=True)

    def _undo(self) -> None:
        # What a failed write left behind must not stand before the next record. Where even
        # that fails, the record's checksum keeps it from being read as a whole one.
        try:
            os.ftruncate(self._file, self._size)
            os.fdatasync(self._file)
        except OSError:
            self._abandon_segment()

    def _abandon_segment(self) -> None:
        self.number += 1
        try:
            file = self._open_segment()
        except OSError:
            self.number -= 1
            return
        os.close(self._file)
        self._file, self._size = file, 0

    def _open_segment(self) -> int:
        file = os.open(self._path(self.number), os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o640)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return file

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:012d}{SUFFIX}"


def segment_number(path: Path) -> int:
    """The number that a segment's file is named by. Raises EventLogError for any other file."""
    if not (path.stem.isascii() and path.stem.isdigit()):
        raise EventLogError(f"{path} is no segment of the journal, which are numbered: move it away")
    return int(path.stem)


def checksum_of(payload: bytes | memoryview) -> int:
    """The lower half of the payload's XXH3, which, unlike a CRC, is made without handing the interpreter over."""
    return xxh3_64_intdigest(payload) & 0xFFFFFFFF


CHECKSUMS: Final[dict[bytes, Callable[[bytes | memoryview], int]]] = {b"EVK1": zlib.crc32, MAGIC: checksum_of}
"""By the mark of a record; the first form is read, for a server that was stopped hard before it knew the second."""


def record_at(content: bytes, place: int) -> memoryview | None:
    """The payload of the record that begins at ``place``; None where there is no whole one."""
    start = place + HEADER.size
    if start > len(content):
        return None
    magic, length, checksum = HEADER.unpack_from(content, place)
    payload = memoryview(content)[start : start + length]
    if magic not in CHECKSUMS or len(payload) != length:
        return None
    return payload if CHECKSUMS[magic](payload) == checksum else None


def check_torn(path: Path, content: bytes, place: int) -> None:
    """Raises EventLogError unless what stands at ``place`` is the end of a segment that a crash tore."""
    following = content.find(FAMILY, place + 1)
    while following >= 0:
        if record_at(content, following):
            raise EventLogError(
                f"the journal {path} is damaged: {following - place} bytes at byte {place} are no whole record, and "
                "events that were answered follow them. Restore the file from a copy. To go on without these events, "
                "move it out of the folder."
            )
        following = content.find(FAMILY, following + 1)
    logger.warning(
        "left out the torn end of the journal, which was never answered", path=str(path), bytes=len(content) - place
    )

"""The transport of one machine: the log as files of bounded size in a folder.

A record is acknowledged after it was written and synced. After a write or a sync failed, no more is written to that
file: whether the record is in it is uncertain, and a second sync would prove nothing. The file is read once
more up to its last acknowledged record, and a new file is made whose head names the end of the file before; bytes
behind that end then certainly do not belong to the log. While no new file can be made, appends are refused.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
import structlog

from eventkeep.clock import Randomness, SystemRandomness
from eventkeep.errors import LogError, LogTrimmed
from eventkeep.files import Files
from eventkeep.limits import (
    LOG_FILE_BYTES_MAX,
    LOG_FILE_BYTES_MIN,
    LOG_SMALL_RECORD_BYTES,
    LOG_ZEROED_BYTES,
)
from eventkeep.log.file_end import find_end
from eventkeep.log.log_file import (
    NAME_DIGITS,
    RESTORE,
    SEALED,
    STOPPED,
    SUFFIX,
    FileHead,
    Mark,
    Walk,
    file_name,
    read_head,
)
from eventkeep.log.record import BLOCK_BYTES, HEADER, EncodedRecord, decode_header
from eventkeep.log.transport import KEPT, AppendResult, Outcome

logger = structlog.get_logger(__name__)

NEW_SUFFIX: Final = ".new"
MICROSECONDS: Final = 1_000_000
"""In a second."""
GROWTH: Final = 4
"""How many times as large as the file before a new one is, up to the maximum."""
ZEROS: Final = memoryview(bytes(LOG_ZEROED_BYTES))


class Tip(msgspec.Struct, frozen=True):
    """The end of the log: position and checksum of the last record, and the byte behind it in the newest file."""

    position: int
    checksum: int
    offset: int


class FileLog:
    """The log in ``folder``; see `eventkeep.log.transport.Transport`. Only one process may have it open."""

    def __init__(self, folder: Path, files: Files, file_heads: list[FileHead], tip: Tip, is_doubtful: bool) -> None:
        self._folder, self._files, self._file_heads, self._tip = folder, files, file_heads, tip
        self._is_doubtful = is_doubtful
        self._zeroed = 0
        self._file = files.open(self._path(file_heads[-1]), writable=True)

    @classmethod
    def open(cls, folder: Path, files: Files | None = None, randomness: Randomness | None = None) -> FileLog:
        """Open the log in a folder, which is made if it is missing, and so is the first file.

        Raises LogError, which names the file and the byte, if the log is damaged or can't be used.
        """
        files = files or Files()
        try:
            files.make_folder(folder)
            file_heads, unfinished = read_heads(folder, files)
            for path in unfinished:
                files.unlink(path)
            if not file_heads:
                identity = int.from_bytes((randomness or SystemRandomness()).token_bytes(8)) or 1
                head = FileHead(identity, 1, 0, 0, 0, LOG_FILE_BYTES_MIN)
                make_file(folder, files, head)
                file_heads = [head]
            newest = folder / file_name(file_heads[-1].first)
            end = find_end(files, newest, file_heads[-1])
            if end.torn_bytes:
                logger.warning(
                    "left out a torn record at the end of the log, which was never acknowledged",
                    file=str(newest),
                    byte=end.offset,
                    bytes=end.torn_bytes,
                )
            return cls(folder, files, file_heads, Tip(end.position, end.checksum, end.offset), end.torn_bytes > 0)
        except OSError as exc:
            raise LogError(f"the log in {folder} can't be used: {exc}") from exc

    @classmethod
    def continued(cls, folder: Path, identity: int, last: int, checksum: int, files: Files | None = None) -> FileLog:
        """Make a log in an empty folder that goes on behind the record ``last`` of another one. Raises LogError."""
        files = files or Files()
        try:
            files.make_folder(folder)
            make_file(folder, files, FileHead(identity, last + 1, checksum, 0, 0, LOG_FILE_BYTES_MIN))
        except OSError as exc:
            raise LogError(f"the log in {folder} can't be made: {exc}") from exc
        return cls.open(folder, files)

    @property
    def identity(self) -> int:
        return self._file_heads[0].log

    @property
    def first(self) -> int:
        return self._file_heads[0].first

    @property
    def last(self) -> int:
        return self._tip.position

    @property
    def last_checksum(self) -> int:
        return self._tip.checksum

    @property
    def epoch(self) -> int:
        return 0

    @property
    def disk_bytes(self) -> int:
        """Bytes of all files of the log."""
        return sum(head.size for head in self._file_heads)

    @property
    def file_heads(self) -> list[FileHead]:
        """The heads of all files, the oldest first."""
        return self._file_heads

    def time_of(self, position: int) -> float:
        """The time of the first record of the file that begins at ``position``, in Unix seconds.

        It is endless if the file has no record yet. Raises LogError if the record can't be read.
        """
        if position > self.last:
            return math.inf
        path = self._folder / file_name(position)
        try:
            file = self._files.open(path)
            try:
                content = self._files.read(file, HEADER.size, BLOCK_BYTES)
            finally:
                self._files.close(file)
        except OSError as exc:
            raise LogError(f"the log file {path} can't be read: {exc}") from exc
        return decode_header(content, f"the log file {path}, byte {BLOCK_BYTES}").time / MICROSECONDS

    @property
    def is_doubtful(self) -> bool:
        """Whether nothing may be appended before a new file is made."""
        return self._is_doubtful

    def append(self, record: EncodedRecord) -> AppendResult:
        tip = self._tip
        if (record.position, record.previous) != (tip.position + 1, tip.checksum):
            return AppendResult(
                Outcome.CONFLICT, f"record {record.position} can't follow record {tip.position} of the log"
            )
        try:
            self._make_room(len(record.content))
        except (OSError, LogError) as exc:
            return AppendResult(Outcome.REFUSED, f"the log can't be continued: {exc}")
        offset = self._tip.offset
        end = offset + len(record.content)
        try:
            self._files.write(self._file, [record.content, self._zeros_behind(end, len(record.content))], offset)
            self._files.sync(self._file)
        except OSError as exc:
            return self._give_up(f"the log file {self._path(self._file_heads[-1])} failed: {exc}")
        self._tip = Tip(record.position, record.checksum, end)
        return KEPT

    def read(self, start: int) -> Iterator[bytes]:
        file_heads, tip = list(self._file_heads), self._tip
        if start < file_heads[0].first:
            raise LogTrimmed(f"record {start} is no longer in the log, which begins with record {file_heads[0].first}")
        for place, head in enumerate(file_heads):
            following = file_heads[place + 1] if place + 1 < len(file_heads) else None
            if following is not None and following.first <= start:
                continue
            yield from self._records(head, following, start, tip)

    def trim(self, up_to: int) -> None:
        """Remove the files whose records all have positions up to ``up_to``; the newest file stays.

        Raises LogError if a file can't be removed; the remaining files stay part of the log.
        """
        removed = False
        try:
            while len(self._file_heads) > 1 and self._file_heads[1].first - 1 <= up_to:
                self._files.unlink(self._path(self._file_heads[0]))
                self._file_heads = self._file_heads[1:]
                removed = True
            if removed:
                self._files.sync_folder(self._folder)
        except OSError as exc:
            raise LogError(f"the log in {self._folder} can't be trimmed: {exc}") from exc

    def close(self) -> None:
        """Note that the log ends here, and close the file."""
        if not self._is_doubtful and self._tip.offset + BLOCK_BYTES <= self._file_heads[-1].size:
            self._write_mark(STOPPED, self._file, self._file_heads[-1])
        self._close_file(self._file)

    def _close_file(self, file: int) -> None:
        try:
            self._files.close(file)
        except OSError as exc:
            # All that was acknowledged was synced before.
            logger.warning("a file of the log could not be closed", folder=str(self._folder), cause=str(exc))

    def _path(self, head: FileHead) -> Path:
        return self._folder / file_name(head.first)

    def _zeros_behind(self, end: int, size: int) -> memoryview:
        """Zeros to write behind a small record that ends at ``end``, unless they were written before."""
        room = self._file_heads[-1].size - end
        if end <= self._zeroed or size > LOG_SMALL_RECORD_BYTES or room <= 0:
            return ZEROS[:0]
        zeros = ZEROS[: min(room, LOG_ZEROED_BYTES)]
        self._zeroed = end + len(zeros)
        return zeros

    def _make_room(self, size: int) -> None:
        """Make a new file if the current one is doubtful or too small. Raises OSError or LogError if that fails."""
        head, tip = self._file_heads[-1], self._tip
        # The last block is for the seal.
        if not self._is_doubtful and tip.offset + size + BLOCK_BYTES <= head.size:
            return
        was_doubtful = self._is_doubtful
        if was_doubtful:
            self._read_again()
        # A new file that was made but not reported as durable may name the end of this one: no record may follow it.
        self._is_doubtful = True
        if tip.position + 1 == head.first:
            self._replace_empty(head, size)
            return
        new_size = max(min(head.size * GROWTH, LOG_FILE_BYTES_MAX), -(-(size + 2 * BLOCK_BYTES) // 4096) * 4096)
        new = FileHead(head.log, tip.position + 1, tip.checksum, head.first, tip.offset, new_size)
        make_file(self._folder, self._files, new)
        file = self._files.open(self._path(new), writable=True)
        old = self._file
        if not was_doubtful:
            self._write_mark(SEALED, old, head)
        self._use(file, [*self._file_heads, new])
        self._close_file(old)

    def _replace_empty(self, head: FileHead, size: int) -> None:
        """Put a new file in place of the newest one, which has no record yet."""
        new_size = max(head.size, -(-(size + 2 * BLOCK_BYTES) // 4096) * 4096)
        new = msgspec.structs.replace(head, size=new_size)
        make_file(self._folder, self._files, new)
        file = self._files.open(self._path(new), writable=True)
        old = self._file
        self._use(file, [*self._file_heads[:-1], new])
        self._close_file(old)

    def _use(self, file: int, file_heads: list[FileHead]) -> None:
        """Append to ``file`` from now on."""
        self._file, self._file_heads, self._is_doubtful, self._zeroed = file, file_heads, False, 0
        self._tip = msgspec.structs.replace(self._tip, offset=BLOCK_BYTES)

    def _give_up(self, reason: str) -> AppendResult:
        """Leave the file after a failure, and say whether the record that failed is certainly not in the log."""
        self._is_doubtful = True
        logger.error("an append to the log failed", reason=reason)
        try:
            self._make_room(0)
        except (OSError, LogError) as exc:
            return AppendResult(Outcome.UNKNOWN, f"{reason}; no new file can be made: {exc}")
        return AppendResult(Outcome.REFUSED, reason)

    def _read_again(self) -> None:
        """Read the doubtful file up to its last acknowledged record. Raises LogError if that is damaged."""
        head, tip = self._file_heads[-1], self._tip
        walk = Walk(self._files, self._path(head), head, tip.offset)
        try:
            for _ in walk.records():
                pass
        finally:
            walk.close()
        if (walk.position, walk.checksum) != (tip.position, tip.checksum):
            raise LogError(f"{walk.where}: the log ends at record {walk.position}, not at {tip.position}. {RESTORE}")

    def _write_mark(self, kind: bytes, file: int, head: FileHead) -> None:
        """Write a mark behind the last record; without it the log is as whole, only its end is found less exactly."""
        tip = self._tip
        try:
            self._files.write(file, [Mark(kind, head.log, tip.position, tip.checksum).encode()], tip.offset)
            self._files.sync(file)
        except OSError as exc:
            logger.warning("the end of a log file could not be marked", file=str(self._path(head)), cause=str(exc))

    def _records(self, head: FileHead, following: FileHead | None, start: int, tip: Tip) -> Iterator[bytes]:
        """The records of one file from ``start`` on."""
        if following is None and head.first > tip.position:
            return
        try:
            walk = Walk(self._files, self._path(head), head, tip.offset if following is None else following.before_end)
        except OSError as exc:
            raise LogError(f"the log file {self._path(head)} can't be read: {exc}") from exc
        try:
            for content in walk.records():
                if walk.position >= start:
                    yield content
        except OSError as exc:
            raise LogError(f"{walk.where}: it can't be read: {exc}") from exc
        finally:
            walk.close()
        if following is not None and (walk.position + 1, walk.checksum) != (following.first, following.previous):
            raise LogError(
                f"{walk.where}: this file ends with record {walk.position}, and the next one does not follow"
            )


def read_heads(folder: Path, files: Files | None = None) -> tuple[list[FileHead], list[Path]]:
    """The heads of all files in the folder, in order, and the files that were not finished.

    Raises LogError if a file is damaged, missing or none of the log, and OSError.
    """
    files = files or Files()
    paths: list[Path] = []
    unfinished: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.name.endswith(SUFFIX + NEW_SUFFIX):
            # Its name was never part of the log.
            unfinished.append(path)
        elif path.suffix == SUFFIX and len(path.stem) == NAME_DIGITS and path.stem.isascii() and path.stem.isdigit():
            paths.append(path)
        else:
            raise LogError(f"{path} is no file of the log: move it out of the folder")
    file_heads: list[FileHead] = []
    for path in paths:
        head = read_head(files, path)
        if file_heads:
            before = file_heads[-1]
            if head.log != before.log:
                raise LogError(f"the log file {path} belongs to another log: move it out of the folder")
            if head.before_first != before.first:
                raise LogError(
                    f"the log file {folder / file_name(head.before_first)} is missing between "
                    f"{file_name(before.first)} and {path.name}. {RESTORE}"
                )
        file_heads.append(head)
    return file_heads, unfinished


def make_file(folder: Path, files: Files, head: FileHead) -> None:
    """Make a file of the log with its head, whole and durable, or leave none. Raises OSError."""
    path = folder / file_name(head.first)
    unfinished = path.with_name(path.name + NEW_SUFFIX)
    if unfinished.exists():
        files.unlink(unfinished)
    file = files.create(unfinished)
    try:
        files.allocate(file, head.size)
        files.write(file, [head.encode()], 0)
        files.sync(file)
    except OSError:
        # Give the space back: the disk may be full.
        files.truncate(file, 0)
        raise
    finally:
        files.close(file)
    files.replace(unfinished, path)
    files.sync_folder(folder)

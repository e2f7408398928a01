"""A file that holds a batch's events until the server has responded, so that they survive the process.

There is one line of JSON for each event, and a line for events that need not be sent any more::

    {"number":1,"profile":{…},"event":{…}}
    {"number":2,"profile":{…},"event":{…}}
    {"settled":[[1,2]]}

An event is written before ``track`` returns. So it survives the end of the process,
however it ends, but not a power cut, since events are not synced to the disk one by one.
The last line may be incomplete if the process ended during the write; then ``track`` had
not returned, and the line is dropped. The file is emptied when no event is pending.

A child that a process forks writes to a file of its own, with its process id behind the
name. The next batch on the parent's file takes over those that no process uses any more.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from eventkeep.client.drafts import BatchedEvent, identity_of
from eventkeep.client.errors import SpoolError
from eventkeep.limits import SPOOL_COMPACT_BYTES

_MODE: Final = 0o600
"""Spooled events are about people, so only the owner can read the file."""


class _Line(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    number: int | None = None
    profile: msgspec.Raw = msgspec.Raw()
    event: msgspec.Raw = msgspec.Raw()
    settled: list[tuple[int, int]] = []


class Spool:
    """One spool file, locked for this process until ``close``."""

    def __init__(self, path: Path, compact_bytes: int = SPOOL_COMPACT_BYTES) -> None:
        """Open or create the file; ``left`` holds the events that earlier processes left.

        Raises SpoolError if the file can't be opened, is in use or is no spool file.
        """
        self.path = path
        self._compact_bytes = compact_bytes
        self._pending = 0
        self._file = _open(path)
        self._adopted: list[Spool] = []
        try:
            self.left = self._read()
        except SpoolError:
            os.close(self._file)
            raise
        self._adopt()

    def _adopt(self) -> None:
        for path in sorted(self.path.parent.glob(f"{glob.escape(self.path.name)}.*")):
            if not path.name.removeprefix(f"{self.path.name}.").isdecimal():
                continue
            # One that can't be opened is in use: its process is still running.
            with contextlib.suppress(SpoolError):
                self._adopted.append(Spool(path))
        self.left += [event for spool in self._adopted for event in spool.left]

    def remove_adopted(self) -> None:
        """Remove the files of processes that ended, once their events are in this file."""
        while self._adopted:
            spool = self._adopted.pop()
            spool.path.unlink(missing_ok=True)
            spool.close()

    def append(self, events: Iterable[BatchedEvent]) -> None:
        """Write events, which have their numbers. Raises SpoolError, and none of them is in the file then."""
        lines = [_line(event) for event in events]
        self._write(b"".join(lines))
        self._pending += len(lines)

    def complete(self, events: Sequence[BatchedEvent]) -> None:
        """Write that events need not be sent any more."""
        self._pending -= len(events)
        try:
            if self._pending == 0:
                os.ftruncate(self._file, 0)
                self._size = 0
                return
        except OSError as exc:
            raise _file_error(self.path, exc) from exc
        self._write(msgspec.json.encode({"settled": _ranges(events)}) + b"\n")

    @property
    def is_large(self) -> bool:
        """Whether ``compact`` should be called."""
        return self._size > self._compact_bytes

    def compact(self, pending: Iterable[BatchedEvent]) -> None:
        """Replace the file by one with only these events. One of the two is there at every moment."""
        lines = [_line(event) for event in pending]
        fresh = self.path.with_name(f"{self.path.name}.new")
        try:
            file = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, _MODE)
        except OSError as exc:
            raise _file_error(self.path, exc) from exc
        content = b"".join(lines)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write_all(file, content)
            os.fsync(file)
            fresh.replace(self.path)
        except OSError as exc:
            os.close(file)
            raise _file_error(self.path, exc) from exc
        os.close(self._file)
        self._file, self._size, self._pending = file, len(content), len(lines)
        # While most of its events are pending, writing the file again gains nothing.
        self._compact_bytes = max(self._compact_bytes, 2 * len(content))

    def close(self) -> None:
        """Unlock the file; pending events stay in it."""
        os.close(self._file)

    def _read(self) -> list[BatchedEvent]:
        content = _read_all(self._file, self.path)
        whole = content[: content.rfind(b"\n") + 1]
        found: dict[int, BatchedEvent] = {}
        for place, text in enumerate(whole.splitlines(), 1):
            try:
                line = msgspec.json.decode(text, type=_Line)
                self._apply(line, found)
            except (msgspec.DecodeError, KeyError) as exc:
                raise SpoolError(
                    f"{self.path}: line {place} is not that of a spool file: {exc}. Give the batch another path."
                ) from exc
        if len(whole) < len(content):
            os.ftruncate(self._file, len(whole))
        self._size, self._pending = len(whole), len(found)
        return list(found.values())

    @staticmethod
    def _apply(line: _Line, found: dict[int, BatchedEvent]) -> None:
        if line.number is not None:
            profile = bytes(line.profile)
            found[line.number] = BatchedEvent(
                identity=identity_of(profile), profile=profile, event=bytes(line.event), number=line.number
            )
        for first, last in line.settled:
            for number in range(first, last + 1):
                del found[number]

    def _write(self, content: bytes) -> None:
        try:
            _write_all(self._file, content)
        except OSError as exc:
            # A part of a line would damage the lines after it.
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise _file_error(self.path, exc) from exc
        self._size += len(content)


def _open(path: Path) -> int:
    """Open and lock the file. Raises SpoolError."""
    while True:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, _MODE)
        except OSError as exc:
            raise _file_error(path, exc) from exc
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another process may have replaced the file between opening and locking.
            if os.fstat(file).st_ino == path.stat().st_ino:
                return file
        except FileNotFoundError:
            pass
        except OSError as exc:
            os.close(file)
            raise SpoolError(f"the spool file {path} is in use by another batch: give each its own") from exc
        os.close(file)


def _line(event: BatchedEvent) -> bytes:
    return b'{"number":%d,"profile":%b,"event":%b}\n' % (event.number, event.profile, event.event)


def _ranges(events: Sequence[BatchedEvent]) -> list[list[int]]:
    ranges: list[list[int]] = []
    for number in sorted(event.number for event in events):
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ranges


def _read_all(file: int, path: Path) -> bytes:
    pieces: list[bytes] = []
    offset = 0
    try:
        while piece := os.pread(file, 1 << 20, offset):
            pieces.append(piece)
            offset += len(piece)
    except OSError as exc:
        raise _file_error(path, exc) from exc
    return b"".join(pieces)


def _write_all(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]


def _file_error(path: Path, exc: OSError) -> SpoolError:
    return SpoolError(f"the spool file {path} can't be used: {exc.strerror}")

"""Writing an immutable file: under a name of its own, synced, then renamed to its place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

from eventkeep.events.format import (
    UNFINISHED_SUFFIX,
    FileName,
    Head,
    checksum,
    encode_head,
    encode_trailer,
)
from eventkeep.files import Files

WRITTEN_AT_ONCE_BYTES: Final = 1_000_000
"""Bytes that are gathered before they are written."""

logger = structlog.get_logger(__name__)


class FileWriter:
    """A file in the making. A write or sync that fails leaves nothing to be used: ``abandon`` it and begin another."""

    def __init__(self, files: Files, folder: Path, name: FileName, head: Head) -> None:
        """Raises OSError if the file can't be created; every method does if an operation fails."""
        self._files, self._head = files, head
        self.path = folder / str(name)
        self._unfinished = folder / f"{name}{UNFINISHED_SUFFIX}"
        self._file: int | None = files.create(self._unfinished)
        self._waiting: list[bytes | memoryview] = []
        self._waiting_bytes = 0
        self.size = 0
        """Bytes that were given to ``write``."""
        try:
            self.write([encode_head(head)])
        except BaseException:
            self.abandon()
            raise

    def write(self, buffers: Sequence[bytes | memoryview]) -> int:
        """Append the buffers to the file; returns the offset of the first. They must not change any more."""
        start, added = self.size, sum(memoryview(buffer).nbytes for buffer in buffers)
        self._waiting += buffers
        self._waiting_bytes += added
        self.size += added
        if self._waiting_bytes >= WRITTEN_AT_ONCE_BYTES:
            self._write_out()
        return start

    def _write_out(self) -> None:
        assert self._file is not None
        self._files.write(self._file, self._waiting, self.size - self._waiting_bytes)
        self._waiting, self._waiting_bytes = [], 0

    def finish(self, directory: bytes) -> int:
        """Write the directory and the trailer, sync, and give the file its name; returns the directory's checksum.

        The name is durable after the folder is synced.
        """
        assert self._file is not None
        directory_checksum = checksum(directory)
        self.write([directory, encode_trailer(self._head.magic, len(directory), directory_checksum)])
        self._write_out()
        self._files.sync(self._file)
        file, self._file = self._file, None
        self._files.close(file)
        self._files.replace(self._unfinished, self.path)
        return directory_checksum

    def abandon(self) -> None:
        """Remove the file, under either name; if that fails, the next start removes it."""
        try:
            if self._file is not None:
                file, self._file = self._file, None
                self._files.close(file)
            for path in (self._unfinished, self.path):
                if path.exists():
                    self._files.unlink(path)
        except OSError as exc:
            logger.warning("a file that was not finished could not be removed", path=str(self.path), error=str(exc))

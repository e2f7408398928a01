"""The file operations of the stores, in one place, so that tests can make each of them fail.

Everything that the log and the event store write goes through a `Files` object. Files and
folders are readable by their owner only.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
BUFFERS_MAX: Final = 1_024
"""Buffers that one call of writev takes (IOV_MAX of Linux)."""


class Files:
    """The operating system's file operations. Every method raises OSError if the operation fails."""

    def make_folder(self, path: Path) -> None:
        """Create the folder, readable by its owner only, and make its name durable; no effect if it exists."""
        if path.is_dir():
            return
        path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self.sync_folder(path.parent)

    def create(self, path: Path) -> int:
        """Create a file that does not exist and open it for writing and reading; returns its descriptor."""
        return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, FILE_MODE)

    def open(self, path: Path, writable: bool = False) -> int:
        """Open an existing file; returns its descriptor."""
        return os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)

    def close(self, file: int) -> None:
        os.close(file)

    def size(self, file: int) -> int:
        """The size of the file in bytes."""
        return os.fstat(file).st_size

    def write(self, file: int, buffers: Sequence[bytes | memoryview], offset: int) -> int:
        """Write all buffers one after the other at ``offset``; returns the number of bytes written.

        A short write is continued: either everything is written or OSError is raised.
        """
        views = [view for buffer in buffers if (view := memoryview(buffer).cast("B")).nbytes]
        start = offset
        while views:
            written = os.pwritev(file, views[:BUFFERS_MAX], offset)
            offset += written
            while views and written >= views[0].nbytes:
                written -= views.pop(0).nbytes
            if written:
                views[0] = views[0][written:]
        return offset - start

    def read(self, file: int, size: int, offset: int) -> bytes:
        """Up to ``size`` bytes at ``offset``; fewer only at the end of the file."""
        content = os.pread(file, size, offset)
        while 0 < len(content) < size:
            more = os.pread(file, size - len(content), offset + len(content))
            if not more:
                break
            content += more
        return content

    def sync(self, file: int) -> None:
        """Make the file's content durable (fdatasync)."""
        os.fdatasync(file)

    def sync_folder(self, path: Path) -> None:
        """Make the names in the folder durable."""
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def allocate(self, file: int, size: int) -> None:
        """Reserve the space of a file of ``size`` bytes, which read as zeros until they are written."""
        os.posix_fallocate(file, 0, size)

    def truncate(self, file: int, size: int) -> None:
        os.ftruncate(file, size)

    def replace(self, source: Path, target: Path) -> None:
        """Rename ``source`` to ``target``, replacing it atomically; durable after ``sync_folder``."""
        os.replace(source, target)

    def unlink(self, path: Path) -> None:
        os.unlink(path)

    def disk_bytes(self, path: Path) -> int:
        """Bytes of the whole disk."""
        status = os.statvfs(path)
        return status.f_blocks * status.f_frsize

    def link(self, source: Path, target: Path) -> None:
        """Give a file a second name; raises OSError if the folders are on different disks."""
        os.link(source, target)

    def free_bytes(self, path: Path) -> int:
        """Bytes of the disk that this process may still use."""
        status = os.statvfs(path)
        return status.f_bavail * status.f_frsize


def write_new(files: Files, path: Path, content: bytes) -> None:
    """Write a new file and sync it; its folder is not synced. Raises OSError."""
    file = files.create(path)
    try:
        files.write(file, [content], 0)
        files.sync(file)
    finally:
        files.close(file)


def replace_content(files: Files, path: Path, content: bytes, unfinished: Path) -> None:
    """Put ``content`` in place of a file's, or make the file: a crash leaves the old content or the new one, whole.

    It is written to ``unfinished`` first, in the same folder; a file of that name, which a crash left, is removed.
    Raises OSError.
    """
    if unfinished.exists():
        files.unlink(unfinished)
    write_new(files, unfinished, content)
    files.replace(unfinished, path)
    files.sync_folder(path.parent)

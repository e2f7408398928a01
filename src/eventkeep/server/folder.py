"""The data folder: created if it is missing, held by one server at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from eventkeep.errors import FolderInUse, StoreError
from eventkeep.files import FILE_MODE, Files

LOCK_NAME = "server.lock"


class FolderLock:
    """Holds ``server.lock`` in the folder until it is closed or the process ends in any way."""

    def __init__(self, folder: Path) -> None:
        """Raises FolderInUse if another process holds it, StoreError if the folder can't be written."""
        path = folder / LOCK_NAME
        try:
            Files().make_folder(folder)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
        except OSError as exc:
            raise StoreError(f"the data folder {folder} can't be written: {exc.strerror}") from exc
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            holder = process_in(self._file)
            os.close(self._file)
            raise FolderInUse(
                f"the data folder {folder} is in use by another eventkeep server (process {holder}): "
                "stop that one, or give this one another folder with --data"
            ) from exc
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        os.close(self._file)


def holder_of(folder: Path) -> str | None:
    """The id of the process that holds the folder, as text; None if none does. Raises OSError if that can't be read."""
    try:
        file = os.open(folder / LOCK_NAME, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return process_in(file)
    finally:
        os.close(file)
    return None


def process_in(file: int) -> str:
    """The process id in a lock file."""
    return os.pread(file, 32, 0).decode(errors="replace").strip() or "unknown"

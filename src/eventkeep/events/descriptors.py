"""Open files: a bounded number of descriptors, opened when they are needed, and of tables that were read from them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy.typing as npt

from eventkeep.errors import EventStoreError
from eventkeep.files import Files
from eventkeep.limits import BLOCK_TABLES_BYTES_MAX, STORE_DESCRIPTORS_MAX


class _Open:
    __slots__ = ("file", "is_forgotten", "users")

    def __init__(self, file: int) -> None:
        self.file, self.users, self.is_forgotten = file, 0, False


class OpenFiles:
    """Descriptors of immutable files, by path, for any number of threads; the longest unused are closed first."""

    def __init__(self, files: Files, open_max: int = STORE_DESCRIPTORS_MAX) -> None:
        self.files, self._open_max = files, open_max
        self._lock = threading.Lock()
        self._open: OrderedDict[Path, _Open] = OrderedDict()
        self._tables: OrderedDict[Path, npt.NDArray[Any]] = OrderedDict()
        self._tables_bytes = 0

    @contextmanager
    def borrowed(self, paths: Sequence[Path]) -> Iterator[list[int]]:
        """The descriptors of ``paths``, which stay open inside the block.

        Raises EventStoreError if one can't be opened.
        """
        used: list[_Open] = []
        try:
            with self._lock:
                for path in paths:
                    used.append(self._use(path))
            yield [entry.file for entry in used]
        finally:
            with self._lock:
                for entry in used:
                    entry.users -= 1
                    if entry.is_forgotten and not entry.users:
                        self._close_file(entry.file)
                if len(self._open) > self._open_max:
                    self._close_unused()

    def table(self, path: Path, read: Callable[[], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """The table that ``read`` reads from the file, remembered for as long as there is room for it."""
        with self._lock:
            known = self._tables.get(path)
            if known is not None:
                self._tables.move_to_end(path)
                return known
        found = read()
        with self._lock:
            if path not in self._tables:
                self._tables[path] = found
                self._tables_bytes += found.nbytes
            while self._tables_bytes > BLOCK_TABLES_BYTES_MAX and len(self._tables) > 1:
                self._tables_bytes -= self._tables.popitem(last=False)[1].nbytes
        return found

    def forget(self, path: Path) -> None:
        """Close the file as soon as nobody uses it: it is removed."""
        with self._lock:
            if (table := self._tables.pop(path, None)) is not None:
                self._tables_bytes -= table.nbytes
            entry = self._open.pop(path, None)
            if entry is None:
                return
            if entry.users:
                entry.is_forgotten = True
            else:
                self._close_file(entry.file)

    def close(self) -> None:
        """Close the files that nobody uses; the others are closed when they are given back."""
        for path in list(self._open):
            self.forget(path)

    def _close_file(self, file: int) -> None:
        # It was only read: nothing can be lost.
        with suppress(OSError):
            self.files.close(file)

    def _use(self, path: Path) -> _Open:
        entry = self._open.get(path)
        if entry is None:
            try:
                entry = self._open[path] = _Open(self.files.open(path))
            except OSError as exc:
                raise EventStoreError(f"{path} can't be opened: {exc.strerror}") from exc
        else:
            self._open.move_to_end(path)
        entry.users += 1
        return entry

    def _close_unused(self) -> None:
        for path, entry in list(self._open.items()):
            if len(self._open) <= self._open_max:
                return
            if not entry.users:
                del self._open[path]
                self._close_file(entry.file)

"""File operations that fail when a test says so, and a disk that forgets writes that were not synced."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from eventkeep.files import Files

KINDS: Final = ("error", "short", "full", "kill")
BLOCK: Final = 512


class Killed(BaseException):
    """The process ends here."""


class FaultyFiles(Files):
    """Syncs nothing, and fails the ``fails_at``-th of the operations that change something, in a way of KINDS.

    After a "kill" every further operation is a kill, too. ``lasting`` has all later operations of the same name
    fail as well.
    """

    def __init__(self, fails_at: int = -1, kind: str = "error", lasting: bool = False) -> None:
        self.fails_at, self.kind, self.lasting = fails_at, kind, lasting
        self.count = 0
        self.failed = ""
        self.is_dead = False

    def _step(self, name: str) -> bool:
        """Whether this operation has to fail."""
        if self.is_dead:
            raise Killed(name)
        self.count += 1
        if self.count - 1 == self.fails_at or (self.lasting and self.failed == name):
            self.failed = name
            if self.kind == "kill":
                self.is_dead = True
            return True
        return False

    def _fail(self) -> None:
        if self.is_dead:
            raise Killed(self.failed)
        raise OSError(errno.ENOSPC if self.kind == "full" else errno.EIO, f"{self.failed} was made to fail")

    def make_folder(self, path: Path) -> None:
        if self._step("make_folder"):
            self._fail()
        Files.make_folder(self, path)

    def create(self, path: Path) -> int:
        if self._step("create"):
            self._fail()
        return Files.create(self, path)

    def open(self, path: Path, writable: bool = False) -> int:
        if self._step("open"):
            self._fail()
        return Files.open(self, path, writable)

    def write(self, file: int, buffers: Sequence[bytes | memoryview], offset: int) -> int:
        if self._step("write"):
            if self.kind in ("short", "kill"):
                content = b"".join(buffers)
                Files.write(self, file, [content[: len(content) // 2]], offset)
            self._fail()
        return Files.write(self, file, buffers, offset)

    def sync(self, file: int) -> None:
        if self._step("sync"):
            self._fail()

    def sync_folder(self, path: Path) -> None:
        if self._step("sync_folder"):
            self._fail()

    def allocate(self, file: int, size: int) -> None:
        if self._step("allocate"):
            if self.kind in ("short", "full"):
                Files.allocate(self, file, size // 2)
            self._fail()
        Files.allocate(self, file, size)

    def truncate(self, file: int, size: int) -> None:
        if self._step("truncate"):
            self._fail()
        Files.truncate(self, file, size)

    def replace(self, source: Path, target: Path) -> None:
        if self._step("replace"):
            self._fail()
        Files.replace(self, source, target)

    def unlink(self, path: Path) -> None:
        if self._step("unlink"):
            self._fail()
        Files.unlink(self, path)

    def close(self, file: int) -> None:
        if self.is_dead:
            os.close(file)
            return
        failing = self._step("close")
        Files.close(self, file)
        if failing:
            self._fail()


class ForgetfulFiles(Files):
    """Remembers the writes that were not synced, so that ``cut`` can keep each block of them or not, by chance."""

    def __init__(self) -> None:
        self._unsynced: dict[int, list[tuple[int, bytes, bytes]]] = {}

    def write(self, file: int, buffers: Sequence[bytes | memoryview], offset: int) -> int:
        content = b"".join(buffers)
        before = os.pread(file, len(content), offset).ljust(len(content), b"\0")
        self._unsynced.setdefault(file, []).append((offset, before, content))
        return Files.write(self, file, buffers, offset)

    def sync(self, file: int) -> None:
        Files.sync(self, file)
        self._unsynced.pop(file, None)

    def cut(self, chance: random.Random) -> None:
        """A power cut: each block that was not synced has its old content or its new one."""
        for file, writes in self._unsynced.items():
            for offset, before, content in writes:
                for start in range(0, len(content), BLOCK):
                    kept = content if chance.random() < 0.5 else before
                    os.pwrite(file, kept[start : start + BLOCK], offset + start)
        self._unsynced.clear()

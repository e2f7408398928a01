"""File operations that fail when a test says so."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Sequence
from pathlib import Path

from eventkeep.files import Files


class Killed(BaseException):
    """The process ended: nothing may catch this and go on."""


class FaultyFiles(Files):
    """The real operations, of which the one numbered ``at`` fails, counted from 0 and from the arming on.

    ``fault`` is ``error`` (nothing is done), ``short`` (half of a write is done, then an error), ``full`` (the same
    with the error of a full disk), ``kill`` (nothing is done and every later operation is refused) or ``killed``
    (it is done first). ``done`` names the operations that were counted.
    """

    def __init__(self) -> None:
        self.at: int | None = None
        self.fault = "error"
        self.done: list[str] = []
        self.is_dead = False

    def arm(self, at: int | None, fault: str) -> None:
        self.at, self.fault, self.done = at, fault, []

    def create(self, path: Path) -> int:
        self._before("create")
        file = super().create(path)
        self._after()
        return file

    def write(self, file: int, buffers: Sequence[bytes | memoryview], offset: int) -> int:
        if self._is_now() and self.fault in ("short", "full"):
            content = b"".join(buffers)
            os.pwrite(file, content[: len(content) // 2], offset)
        self._before("write")
        written = super().write(file, buffers, offset)
        self._after()
        return written

    def sync(self, file: int) -> None:
        self._before("sync")
        super().sync(file)
        self._after()

    def sync_folder(self, path: Path) -> None:
        self._before("sync_folder")
        super().sync_folder(path)
        self._after()

    def truncate(self, file: int, size: int) -> None:
        self._before("truncate")
        super().truncate(file, size)
        self._after()

    def replace(self, source: Path, target: Path) -> None:
        self._before("replace")
        super().replace(source, target)
        self._after()

    def unlink(self, path: Path) -> None:
        self._before("unlink")
        super().unlink(path)
        self._after()

    def _is_now(self) -> bool:
        return self.at is not None and len(self.done) == self.at

    def _before(self, name: str) -> None:
        if self.is_dead:
            raise Killed(name)
        is_now = self._is_now()
        self.done.append(name)
        if not is_now or self.fault == "killed":
            return
        if self.fault == "kill":
            self.is_dead = True
            raise Killed(name)
        code = errno.ENOSPC if self.fault == "full" else errno.EIO
        raise OSError(code, os.strerror(code))

    def _after(self) -> None:
        if self.fault == "killed" and self.at is not None and len(self.done) == self.at + 1:
            self.is_dead = True
            raise Killed(self.done[-1])


class UnsyncedFiles(FaultyFiles):
    """Remembers the writes that are not durable yet, so that a power cut can take it back.

    Names of a folder become durable in their order, with ``sync_folder``; a file's content with ``sync``.
    """

    def __init__(self) -> None:
        super().__init__()
        self._names: list[tuple[str, Path, Path, bytes | None]] = []
        self._unsynced: set[int] = set()

    def create(self, path: Path) -> int:
        file = super().create(path)
        self._names.append(("create", path, path, None))
        self._unsynced.add(os.fstat(file).st_ino)
        return file

    def write(self, file: int, buffers: Sequence[bytes | memoryview], offset: int) -> int:
        self._unsynced.add(os.fstat(file).st_ino)
        return super().write(file, buffers, offset)

    def sync(self, file: int) -> None:
        super().sync(file)
        self._unsynced.discard(os.fstat(file).st_ino)

    def sync_folder(self, path: Path) -> None:
        super().sync_folder(path)
        self._names.clear()

    def replace(self, source: Path, target: Path) -> None:
        before = target.read_bytes() if target.exists() else None
        super().replace(source, target)
        self._names.append(("replace", source, target, before))

    def unlink(self, path: Path) -> None:
        before = path.read_bytes() if path.exists() else None
        super().unlink(path)
        self._names.append(("unlink", path, path, before))

    def cut_power(self, choose: random.Random) -> None:
        """Take back some of the names that are not durable, the newest first, and parts of contents."""
        kept = choose.randint(0, len(self._names))
        for name, source, target, before in reversed(self._names[kept:]):
            if name == "create":
                source.unlink(missing_ok=True)
            elif name == "unlink" and before is not None:
                source.write_bytes(before)
            elif name == "replace":
                if target.exists():
                    os.replace(target, source)
                if before is not None:
                    target.write_bytes(before)
        for folder in {path.parent for _, path, _, _ in self._names}:
            for path in folder.iterdir():
                if path.stat().st_ino in self._unsynced:
                    os.truncate(path, choose.randint(0, path.stat().st_size))
        self._names.clear()
        self.is_dead = True

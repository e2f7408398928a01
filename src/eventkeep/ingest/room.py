"""Whether there is room on the disk for events: creates are refused before a store could be harmed."""

from __future__ import annotations

from pathlib import Path

from eventkeep.clock import Clock
from eventkeep.files import Files
from eventkeep.limits import DISK_LOOK_SECONDS, DISK_RESERVE_BYTES, DISK_RESERVE_SHARE, FAILURE_SECONDS


class Room:
    """Looks at the disk of a folder now and then. Any thread may ask."""

    def __init__(self, folder: Path, files: Files, clock: Clock) -> None:
        self._folder, self._files, self._clock = folder, files, clock
        self._looked_until = 0.0
        self._lack: str | None = None
        self._failed_until = 0.0
        self._failure: str | None = None

    def lack(self) -> str | None:
        """Why nothing can be stored now, or None if something can."""
        now = self._clock.monotonic()
        if now >= self._looked_until:
            self._looked_until = now + DISK_LOOK_SECONDS
            self._lack = self._look()
        if self._lack is not None:
            return self._lack
        return self._failure if now < self._failed_until else None

    def note_failure(self, reason: str) -> None:
        """Something could not be stored. For a while, readiness says so; then creates are tried again."""
        self._failure = reason
        self._failed_until = self._clock.monotonic() + FAILURE_SECONDS

    def _look(self) -> str | None:
        try:
            free = self._files.free_bytes(self._folder)
            reserve = min(DISK_RESERVE_BYTES, self._files.disk_bytes(self._folder) // DISK_RESERVE_SHARE)
        except OSError as exc:
            return f"the disk can't be looked at: {exc}"
        if free < reserve:
            return f"the disk has {free:,} bytes left, and {reserve:,} are kept in reserve"
        return None

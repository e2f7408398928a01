"""A clock that a test holds in its hand, and what the directory's tests open."""

from __future__ import annotations

from pathlib import Path

from eventkeep.directory import Directory


class HeldClock:
    """Stands still until it is moved; both of its times move together, in seconds."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now - 1_000_000.0

    def move(self, seconds: float) -> None:
        self._now += seconds


def bytes_of_folder(folder: Path) -> bytes:
    """All that any file of the folder holds."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def number_of(directory: Directory, name: str) -> int:
    """The number of the account of that name."""
    account = directory.accounts.find(name)
    assert account is not None
    return account.number

"""A clock that a test holds in its hand, and the stores that the directory's tests open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from eventkeep.directory import Account, Directory, KeyRecord, Pending, Progress
from eventkeep.directory.changes import Change, decode_changes, encode_changes

LOG = 0xFEED
"""The identity of the log that the directory follows."""


class HeldClock:
    """Stands still until it is moved; both of its times move together, in seconds."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now = now

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now - 1_000_000.0

    def of(self, account: int) -> Self:
        return self

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


def open_directory(folder: Path, clock: HeldClock | None = None) -> Directory:
    """The directory of a folder, with the first record applied."""
    directory = Directory.open(folder, LOG, clock)
    if directory.position == 0:
        keep(directory, directory.first_changes())
    return directory


def keep(directory: Directory, changes: Sequence[Change], pending: Pending | None = None) -> None:
    """Apply the changes as the next record of the log would."""
    read = decode_changes(encode_changes(changes), "record")
    position = directory.position + 1
    directory.apply(read, Progress(position, position * 7, position * 1_000), pending)


def create_account(directory: Directory, name: str) -> Account:
    account, change = directory.accounts.new(name)
    keep(directory, [change])
    return account


def create_key(directory: Directory, account: int, scopes: frozenset[str], label: str = "") -> tuple[KeyRecord, str]:
    record, plaintext, change = directory.keys.new(account, scopes, label)
    keep(directory, [change])
    return record, plaintext


def revoke_key(directory: Directory, key_id: str) -> KeyRecord | None:
    record, changes = directory.keys.revoked(key_id)
    if changes:
        keep(directory, changes)
    return record

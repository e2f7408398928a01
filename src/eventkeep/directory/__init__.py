"""The directory: the view of the log that holds accounts, API keys, metrics, profiles, identifiers, consent and jobs.

It is the file ``directory.sqlite3`` in the data folder. Only `Directory.apply` changes it: it executes the changes of
records and notes their position in the same transaction. The changes of a record are computed before, by reading.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from sqlalchemy import select

from eventkeep.clock import Clock, Randomness, SystemClock, SystemRandomness
from eventkeep.directory.account_rows import rows_of
from eventkeep.directory.account_settings import AccountSettings
from eventkeep.directory.accounts import DEFAULT_ACCOUNT, Account, Accounts
from eventkeep.directory.changes import Change, Operation, Row, Table, execute_change
from eventkeep.directory.creation import FILE_NAME, FORMAT, check_format, make_database
from eventkeep.directory.database import Database
from eventkeep.directory.jobs import Jobs
from eventkeep.directory.keys import KeyRecord, Keys
from eventkeep.directory.metrics import Metrics, ResolvedMetrics
from eventkeep.directory.moves import SHARD, Moves
from eventkeep.directory.pending import MetricName, Pending
from eventkeep.directory.profile_ids import ProfileIds
from eventkeep.directory.profile_pages import ProfilePages
from eventkeep.directory.profiles import Profiles
from eventkeep.directory.schema import applied, setting
from eventkeep.directory.scopes import SCOPES, parse_scopes
from eventkeep.errors import DirectoryError
from eventkeep.files import Files
from eventkeep.limits import DIRECTORY_UNNOTED_RECORDS_MAX, DIRECTORY_WAL_BYTES

__all__ = [
    "DEFAULT_ACCOUNT",
    "FILE_NAME",
    "FORMAT",
    "SCOPES",
    "Account",
    "Directory",
    "KeyRecord",
    "MetricName",
    "Pending",
    "Progress",
    "ResolvedMetrics",
    "parse_scopes",
]

SECRET_BYTES: Final = 32
SECRET: Final = "secret"
CHECKSUM_BYTES: Final = 8
OF_ACCOUNTS: Final = frozenset({Table.SETTING, Table.ACCOUNT, Table.API_KEY})


class Progress(msgspec.Struct, frozen=True):
    """A record that was applied: its position, its checksum, and its time in Unix microseconds."""

    position: int
    checksum: int
    time: int


class Directory:
    """One open directory. Only one process may have it open; `reading` is for the others.

    One thread applies; any thread reads.
    """

    def __init__(self, database: Database, log: int, clock: Clock, randomness: Randomness) -> None:
        self._database, self._clock, self._randomness = database, clock, randomness
        self.moves = Moves(database)
        self.accounts = Accounts(database, clock, self.moves)
        self.account_settings = AccountSettings(database)
        self.keys = Keys(database, clock, randomness)
        self.metrics = Metrics(database, randomness)
        self.profiles = Profiles(database, ProfileIds(randomness))
        self.profile_pages = ProfilePages(database)
        self.jobs = Jobs(database, ProfileIds(randomness, "jobs"))
        self.on_accounts: Callable[[], None] = lambda: None
        """Called in the thread that applies after accounts, keys or moves have changed."""
        self._secret: bytes | None = None
        with database.reading() as connection:
            row = connection.execute(select(applied)).one()
        self.log = int.from_bytes(row.log, "little")
        if self.log != log:
            raise DirectoryError(
                f"{database.name} belongs to the log {self.log:016x}, and the folder has the log {log:016x}. "
                "Restore both from one backup of the folder."
            )
        self._progress = Progress(row.position, int.from_bytes(row.checksum, "little"), row.time)
        # The position that the file has: up to DIRECTORY_UNNOTED_RECORDS_MAX records without changes before the last.
        self._noted: int = row.position
        # The file was read and checkpointed when it was opened.
        self._durable_position: int = row.position

    @classmethod
    def open(
        cls,
        folder: Path,
        log: int,
        clock: Clock | None = None,
        randomness: Randomness | None = None,
        files: Files | None = None,
    ) -> Self:
        """The directory in a data folder, for the log with the identity ``log``; it is made if it is missing.

        Raises DirectoryError if the folder can't be used, the file is damaged, or another eventkeep made it.
        """
        files = files or Files()
        path = folder / FILE_NAME
        try:
            files.make_folder(folder)
            if not path.exists():
                make_database(path, log, files)
        except OSError as exc:
            raise DirectoryError(f"The directory {path} can't be made: {exc}.") from exc
        if not os.access(path, os.W_OK):
            # SQLite would open it for reading alone, and every commit would fail.
            raise DirectoryError(f"The directory {path} can't be written: its rights don't allow it.")
        check_format(path)
        database = Database(path, files)
        try:
            return cls(database, log, clock or SystemClock(), randomness or SystemRandomness())
        except BaseException:
            database.close()
            raise

    @property
    def progress(self) -> Progress:
        """The last record that was applied."""
        return self._progress

    @property
    def position(self) -> int:
        """The position of the last record that was applied."""
        return self._progress.position

    @property
    def secret(self) -> bytes:
        """32 random bytes, made once, that authenticate cursors, for example. Raises DirectoryError without them."""
        if self._secret is None:
            with self._database.reading() as connection:
                value = connection.execute(select(setting.c.value).where(setting.c.name == SECRET)).scalar()
            if value is None:
                raise DirectoryError(f"{self._database.name} has no secret: no record of the log was applied yet.")
            self._secret = bytes.fromhex(value)
        return self._secret

    def first_changes(self, shard: int = 0, secret: str = "") -> list[Change]:
        """The changes of the first record of a log: the secret and the account ``default``.

        A shard other than 0 has no such account, and the ``secret`` of shard 0.
        """
        if shard:
            return [Change(Table.SETTING, Operation.PUT, 0, [(SECRET, secret), (SHARD, str(shard))])]
        secret = self._randomness.of(SECRET).token_bytes(SECRET_BYTES).hex()
        _, account = self.accounts.new(DEFAULT_ACCOUNT)
        return [Change(Table.SETTING, Operation.PUT, 0, [(SECRET, secret)]), account]

    def apply(self, changes: Sequence[Change], progress: Progress, pending: Pending | None = None) -> None:
        """Apply the record after the last one, as `apply_all` does, and keep ``pending`` in memory."""
        self.apply_all([(changes, progress)])
        if pending is not None:
            self.profiles.remember(pending)
            self.metrics.remember(pending)

    def apply_all(self, records: Sequence[tuple[Sequence[Change], Progress]]) -> None:
        """Apply the changes of records, in order, in one transaction that notes the position of the last.

        Of records without changes the position is noted now and then: after a crash they are read once more. Records
        that were applied before are skipped. Raises DirectoryError if a record is left out, and if the database fails;
        then nothing was applied.
        """
        new = [(changes, progress) for changes, progress in records if progress.position > self.position]
        if not new:
            return
        if new[0][1].position != self.position + 1:
            raise DirectoryError(
                f"{self._database.name} is at record {self.position}, and record {new[0][1].position} can't follow it."
            )
        last = new[-1][1]
        if last.position - self._noted < DIRECTORY_UNNOTED_RECORDS_MAX and not any(changes for changes, _ in new):
            self._progress = last
            return
        with self._database.transaction() as connection:
            for changes, _ in new:
                for change in changes:
                    execute_change(connection, change)
            note_progress(connection, last)
        self._progress, self._noted = last, last.position
        for changes, _ in new:
            for change in changes:
                self._forget(change)
        if any(change.table in OF_ACCOUNTS for changes, _ in new for change in changes):
            self.on_accounts()
        if self._database.bytes_to_checkpoint > DIRECTORY_WAL_BYTES:
            self.checkpoint()

    def rows_of(self, table: Table, account: int, after: Sequence[Any], count: int) -> list[Row]:
        """Rows of an account; see `eventkeep.directory.account_rows.rows_of`."""
        return rows_of(self._database, table, account, after, count)

    def forget_numbers(self) -> None:
        """Look up again which numbers of profiles and metrics are free, after records that another node has made."""
        self.profiles.forget_numbers()
        self.metrics.forget_numbers()

    def durable_position(self) -> int:
        """The position up to which everything was applied and would survive a power cut."""
        return self._durable_position

    def checkpoint(self) -> bool:
        """Make everything durable that was applied; returns whether it is. Raises DirectoryError if the disk fails."""
        position: int = self.position
        self._note()
        if self._database.checkpoint():
            self._durable_position = max(self._durable_position, position)
        return self._durable_position >= position

    def copy_to(self, folder: Path) -> Progress:
        """Copy the directory into a folder, and return the last record that the copy has. Raises DirectoryError."""
        progress = self._progress
        self._note()
        self._database.copy_to(folder)
        return progress

    def check_structure(self) -> None:
        """Have SQLite check its tables and indexes. Raises DirectoryError with the first fault."""
        with self._database.reading() as connection:
            found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
        if found != "ok":
            raise DirectoryError(f"{self._database.name} is damaged: {found}.")

    def scrub(self) -> None:
        """Compare all pages of the file with their checksums. Raises DirectoryError if one is damaged."""
        self._database.scrub()

    def close(self) -> None:
        """Write down the last uses of keys, make everything durable, and let go of the file."""
        try:
            self.keys.close()
            # If the disk fails, the next start reads some records of the log once more.
            with suppress(DirectoryError):
                self._note()
        finally:
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _note(self) -> None:
        """Note the last record that was applied, if it is not. Raises DirectoryError. Any thread may call."""
        progress = self._progress
        if self._noted < progress.position:
            with self._database.transaction() as connection:
                note_progress(connection, progress)
            self._noted = max(self._noted, progress.position)

    def _forget(self, change: Change) -> None:
        if change.table is Table.METRIC:
            self.metrics.forget(change)
        elif change.table is Table.API_KEY:
            self.keys.forget(row[0] for row in change.rows)
        elif change.table is Table.ACCOUNT_SETTING:
            self.account_settings.forget(change)
        elif change.table is Table.SETTING:
            self.moves.note(change)
        elif change.table is Table.ACCOUNT:
            if any(self.moves.get(row[0]) is not None for row in change.rows):
                # An account that comes back from another shard has numbers that this one did not give.
                self.forget_numbers()
        else:
            self.profiles.note(change)


def note_progress(connection: sqlite3.Connection, progress: Progress) -> None:
    """Note the last record that was applied, unless another thread has noted a later one."""
    checksum = progress.checksum.to_bytes(CHECKSUM_BYTES, "little")
    connection.execute(
        "UPDATE applied SET position = ?, checksum = ?, time = ? WHERE position < ?",
        (progress.position, checksum, progress.time, progress.position),
    )

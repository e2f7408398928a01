"""The directory: what changes. Accounts, API keys, metrics, profiles and their identifiers.

Rows and transactions, written with SQLAlchemy Core so that one code serves SQLite
and PostgreSQL. On one machine it is the file ``directory.sqlite3`` in the data folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from sqlalchemy import URL, insert, select

from eventkeep.clock import Clock, Randomness, SystemClock, SystemRandomness
from eventkeep.directory.accounts import DEFAULT_ACCOUNT, Account, Accounts
from eventkeep.directory.database import Database, Transaction
from eventkeep.directory.keys import KeyRecord, Keys
from eventkeep.directory.metrics import MetricName, Metrics, ResolvedMetrics
from eventkeep.directory.migrations import migrate
from eventkeep.directory.profile_ids import ProfileIds
from eventkeep.directory.profiles import Profiles
from eventkeep.directory.schema import store
from eventkeep.directory.scopes import SCOPES, parse_scopes
from eventkeep.errors import DirectoryError

__all__ = [
    "DEFAULT_ACCOUNT",
    "SCOPES",
    "Account",
    "Directory",
    "KeyRecord",
    "MetricName",
    "ResolvedMetrics",
    "Transaction",
    "parse_scopes",
]

FILE_NAME: Final = "directory.sqlite3"
FORMAT: Final = "1"
"""What the rows mean, beside the schema: a program that means something else refuses the folder."""
SECRET_BYTES: Final = 32


class Directory:
    """One open directory. Only one process may commit profiles and metrics; accounts and keys any may.

    ``secret`` is 32 random bytes, made once: what authenticates cursors, for example.
    """

    def __init__(self, url: URL, name: str, clock: Clock, randomness: Randomness) -> None:
        """Open the database at ``url``, called ``name`` in errors, and bring its tables up to date."""
        self._database = Database(url, name)
        try:
            self.accounts = Accounts(self._database, clock)
            self.secret = self._prepare(name, randomness)
            self.keys = Keys(self._database, clock, randomness)
            self.metrics = Metrics(self._database, randomness)
            self.profiles = Profiles(self._database, ProfileIds(randomness))
        except BaseException:
            self._database.close()
            raise

    @classmethod
    def open(cls, folder: Path, clock: Clock | None = None, randomness: Randomness | None = None) -> Self:
        """The directory in a data folder; folder, file, tables and the account ``default`` are made where missing.

        Raises DirectoryError where the folder can't be used or was made by a newer eventkeep.
        """
        try:
            make_folder(folder)
        except OSError as exc:
            raise DirectoryError(f"The data folder {folder} can't be made: {exc.strerror}.") from exc
        path = folder / FILE_NAME
        if path.exists() and not os.access(path, os.W_OK):
            # SQLite would open it for reading alone, and every commit would fail.
            raise DirectoryError(f"The directory {path} can't be written: its rights don't allow it.")
        url = URL.create("sqlite", database=str(path))
        return cls(url, f"The directory {path}", clock or SystemClock(), randomness or SystemRandomness())

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """One transaction for all directory work of a commit.

        It holds off every other writer until the block ends. When nothing changed,
        nothing is written. When the block raises, it leaves no trace, in memory either.
        Raises DirectoryError for what the database raises.
        """
        with self._database.transaction() as transaction:
            yield transaction

    def close(self) -> None:
        """Write down the last uses of keys and let go of the file."""
        try:
            self.keys.close()
        finally:
            self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _prepare(self, name: str, randomness: Randomness) -> bytes:
        with self._database.transaction() as transaction:
            connection = transaction.connection
            if migrate(connection, name):
                transaction.changed = True
            known: dict[str, str] = {row.key: row.value for row in connection.execute(select(store))}
            if not known:
                known = {"format": FORMAT, "secret": randomness.token_bytes(SECRET_BYTES).hex()}
                connection.execute(insert(store), [{"key": key, "value": value} for key, value in known.items()])
                self.accounts.create_within(DEFAULT_ACCOUNT, transaction)
            if known["format"] != FORMAT:
                raise DirectoryError(
                    f"{name} has format {known['format']}, made by another eventkeep; "
                    f"this program knows format {FORMAT}. Use the eventkeep that made it, or a newer one."
                )
            return bytes.fromhex(known["secret"])


def make_folder(folder: Path) -> None:
    """Make the folder for its owner alone, on disk before anything is promised to be in it."""
    if folder.is_dir():
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    parent = os.open(folder.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)

"""A directory that is only read, beside the server that has it or without one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, create_engine, event, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from eventkeep.clock import SystemClock, SystemRandomness
from eventkeep.directory.account_settings import AccountSettings
from eventkeep.directory.accounts import Accounts
from eventkeep.directory.creation import FILE_NAME, check_format
from eventkeep.directory.keys import Keys
from eventkeep.directory.schema import account_setting, applied
from eventkeep.errors import DirectoryError


class ReadOnlyDatabase:
    """Connections that can't write; see `eventkeep.directory.database.Database`."""

    def __init__(self, path: Path) -> None:
        self.name = f"The directory {path}"
        uri = f"{path.absolute().as_uri()}?mode=ro"
        self._engine = create_engine(
            "sqlite://", creator=lambda: sqlite3.connect(uri, uri=True), isolation_level="AUTOCOMMIT"
        )

        @event.listens_for(self._engine, "connect")
        def prepare(connection: Any, _record: object) -> None:
            connection.isolation_level = None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees all commits. Raises DirectoryError for every error of the driver."""
        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as exc:
            raise DirectoryError(f"{self.name} can't be read: {getattr(exc, 'orig', None) or exc}.") from exc

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """Raises DirectoryError: nothing can be written."""
        raise DirectoryError(f"{self.name} is open for reading.")

    def close(self) -> None:
        self._engine.dispose()


class DefaultSettings(AccountSettings):
    """The settings of accounts in a directory of an older eventkeep, which knew of none."""

    def get(self, account: int, name: str) -> str | None:
        return None


class DirectoryReader:
    """Accounts, their settings and keys, of a data folder."""

    def __init__(self, folder: Path) -> None:
        """Raises DirectoryError if there is no directory, or one of another eventkeep."""
        path = folder / FILE_NAME
        if not path.exists():
            raise DirectoryError(f"There is no directory {path} yet: eventkeep serve makes it.")
        if not os.access(path, os.R_OK):
            raise DirectoryError(f"The directory {path} can't be read: its rights don't allow it.")
        check_format(path)
        self._database = ReadOnlyDatabase(path)
        self.accounts = Accounts(self._database, SystemClock())
        with self._database.reading() as connection:
            has_settings = inspect(connection).has_table(account_setting.name)
        self.account_settings = AccountSettings(self._database) if has_settings else DefaultSettings(self._database)
        self.keys = Keys(self._database, SystemClock(), SystemRandomness())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._database.close()


def applied_position(folder: Path) -> int:
    """The position of the last record that the directory of a folder has applied; 0 if there is none."""
    return 0 if not (folder / FILE_NAME).exists() else int(read_applied(folder).position)


def followed_log(folder: Path) -> int:
    """The identity of the log that the directory of a folder follows. Raises DirectoryError if there is none."""
    if not (folder / FILE_NAME).exists():
        raise DirectoryError(f"There is no directory in {folder}.")
    return int.from_bytes(read_applied(folder).log, "little")


def read_applied(folder: Path) -> Any:
    """The position in the log that the directory of a folder has noted. Raises DirectoryError."""
    path = folder / FILE_NAME
    check_format(path)
    database = ReadOnlyDatabase(path)
    try:
        with database.reading() as connection:
            return connection.execute(select(applied)).one()
    finally:
        database.close()

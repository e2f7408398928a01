"""The database of the directory: one connection that writes, several that read, and checkpoints.

Nothing outside this folder meets the driver: its errors become DirectoryError here.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import URL, BindParameter, ClauseElement, Connection, Dialect, Engine, bindparam, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from eventkeep import limits
from eventkeep.directory.migrations import upgrade
from eventkeep.directory.page_sums import (
    REPAIR,
    SUMS_NAME,
    PageSums,
    read_frames,
    read_sums,
    sums_after,
    sums_of_file,
    sums_with,
    verify,
    write_sums,
)
from eventkeep.directory.schema import SCHEMA_REVISION
from eventkeep.errors import DirectoryError
from eventkeep.files import Files

LIST_LENGTHS = tuple(length for length in (1, 4, 16, 64, 256, 1_024) if length <= limits.SQL_PARAMETERS_MAX)
"""IN lists are filled up to one of these lengths, so that few statements have to be prepared."""
STATEMENTS_PREPARED_MAX = 500
WAL_RETRY_SECONDS = 0.02
COPY_BYTES = 4_194_304
CHECKPOINT_WAIT_MILLISECONDS = 200
"""How long a checkpoint waits for readers; commits wait meanwhile."""


WALS: Final = "wals"
"""The key of the number of write-ahead logs that the file has had; the first commit to each counts it."""
COUNT_WAL: Final = (
    f"INSERT INTO store (key, value) VALUES ('{WALS}', '1') "
    "ON CONFLICT (key) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)"
)
STATE: Final = f"SELECT (SELECT value FROM store NOT INDEXED WHERE key = '{WALS}'), (SELECT position FROM applied)"
"""Not by the index: its page may be an older one than the row's."""


class Readable(Protocol):
    """A database as accounts and keys need it: a directory that is open, or one that is only read."""

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]: ...

    def reading(self) -> AbstractContextManager[Connection]: ...


class Database:
    """One database file. ``name`` is its name in errors.

    A commit is atomic and visible at once, but durable only after `checkpoint`: commits that a power cut takes away
    come back from the log. The file's pages are verified when it is opened.
    """

    def __init__(self, path: Path, files: Files) -> None:
        """Open the file, which has to exist. Raises DirectoryError if it is damaged or can't be used."""
        self.path, self._files = path, files
        self.name = f"The directory {path}"
        self._writing = threading.Lock()
        self._sums_path = path.with_name(SUMS_NAME)
        self._wal_path = path.with_name(f"{path.name}-wal")
        # It stays open as long as the database is: closing any descriptor of the file gives up SQLite's locks on it.
        with self._driver_errors():
            self._held = files.open(path)
        try:
            self._sums = self._verified()
            with self._driver_errors():
                self._writer = writing_connection(path)
            self._begins_wal = self._recover()
            self._migrate()
            self._reader = reading_engine(path)
        except BaseException:
            files.close(self._held)
            raise

    @property
    def dialect(self) -> Dialect:
        return self._reader.dialect

    @property
    def bytes_to_checkpoint(self) -> int:
        """The size of SQLite's write-ahead log."""
        return self._wal_path.stat().st_size if self._wal_path.exists() else 0

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The connection that writes, within a transaction that is committed at the end of the block.

        It is rolled back if the block raises. Raises DirectoryError for every error of the driver.
        """
        with self._writing, self._driver_errors():
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                if self._begins_wal:
                    self._writer.execute(COUNT_WAL)
                yield self._writer
                self._writer.execute("COMMIT")
                self._begins_wal = False
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees all commits, statement by statement, and can't write."""
        with self._driver_errors(), self._reader.connect() as connection:
            yield connection

    def checkpoint(self) -> bool:
        """Copy SQLite's write-ahead log into the file, durably; returns whether all that was committed is durable now.

        It is not while a reader stays in a statement. Raises DirectoryError if the disk fails; then nothing is lost.
        """
        with self._writing, self._driver_errors():
            return self._checkpoint()

    def copy_to(self, folder: Path) -> None:
        """Copy the file with its checksums, as of the last commit, into a folder. Commits wait meanwhile.

        Raises DirectoryError if a reader stays in a statement, and if a disk fails.
        """
        with self._writing, self._driver_errors():
            if not self._checkpoint():
                raise DirectoryError(f"{self.name} is being read and can't be copied now: try again.")
            copy = self._files.create(folder / self.path.name)
            try:
                size = self._files.size(self._held)
                for offset in range(0, size, COPY_BYTES):
                    self._files.write(copy, [self._files.read(self._held, COPY_BYTES, offset)], offset)
                self._files.sync(copy)
                found = sums_of_file(copy, folder / self.path.name, self._files)
            finally:
                self._files.close(copy)
            verify(folder / self.path.name, found, self._sums, self._sums.uncertain)
            write_sums(folder / SUMS_NAME, found, self._files)

    def scrub(self) -> None:
        """Read all pages and compare them with their checksums. Raises DirectoryError if one is damaged."""
        with self._writing, self._driver_errors():
            frames = read_frames(self._wal_path, self._files)
            waiting = frozenset[int]() if frames is None else frames.waiting(self._sums)
            verify(self.path, sums_of_file(self._held, self.path, self._files), self._sums, waiting)

    def close(self) -> None:
        """Checkpoint and close. After a failure the write-ahead log stays, for the next start to recover from."""
        keeper: sqlite3.Connection | None = None
        try:
            self.checkpoint()
        except DirectoryError:
            # The last connection to be closed would checkpoint without checksums, unless it can't write.
            keeper = sqlite3.connect(f"{self.path.absolute().as_uri()}?mode=ro", uri=True)
            keeper.execute("SELECT count(*) FROM store").fetchall()
        self._reader.dispose()
        self._writer.close()
        if keeper is not None:
            keeper.close()
        with suppress(OSError):
            # It was only read: nothing can be lost.
            self._files.close(self._held)

    def _verified(self) -> PageSums:
        """The checksums, after comparing the file with them. Raises DirectoryError."""
        with self._driver_errors():
            sums = read_sums(self._sums_path, self._files)
            if sums is None:
                raise DirectoryError(
                    f"{self.name} can't be verified: its checksums {self._sums_path} are missing. "
                    "Restore the folder from a backup, or run eventkeep check --repair."
                )
            frames = read_frames(self._wal_path, self._files)
            waiting = sums.uncertain if frames is None else sums.uncertain | frames.waiting(sums)
            verify(self.path, sums_of_file(self._held, self.path, self._files), sums, waiting)
            if frames is None:
                return sums
            check_wal(self.path)
            return PageSums(sums.page_bytes, sums.sums, sums.uncertain | frames.touched)

    def _recover(self) -> bool:
        """Checkpoint the frames of a server that was killed. SQLite knows which of them count; pages are read after.

        Returns whether all of them were copied.
        """
        if not self._sums.uncertain:
            return True
        with self._driver_errors():
            write_sums(self._sums_path, self._sums, self._files)
            busy, in_log, copied = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            found = sums_of_file(self._held, self.path, self._files)
            after = sums_with(self._sums, found, self._sums.uncertain)
            verify(self.path, found, after, frozenset())
            write_sums(self._sums_path, after, self._files)
            self._sums = after
        return not busy or in_log == copied

    def _migrate(self) -> None:
        """Bring the tables up to date, if an older eventkeep made them. Raises DirectoryError."""
        with self._driver_errors():
            (revision,) = self._writer.execute("SELECT version_num FROM alembic_version").fetchone()
            if revision == SCHEMA_REVISION:
                return
            engine = create_engine(URL.create("sqlite", database=str(self.path)))
            event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA wal_autocheckpoint = 0"))
            try:
                with engine.begin() as connection:
                    upgrade(connection, revision, self.name)
            finally:
                engine.dispose()
            self._checkpoint()

    def _checkpoint(self) -> bool:
        frames = read_frames(self._wal_path, self._files)
        if frames is not None and frames.checksums:
            wal = self._files.open(self._wal_path)
            try:
                self._files.sync(wal)
            finally:
                self._files.close(wal)
            after = sums_after(self._sums, frames)
            write_sums(self._sums_path, after, self._files)
            self._sums = after
        self._writer.execute(f"PRAGMA busy_timeout = {CHECKPOINT_WAIT_MILLISECONDS}")
        try:
            busy, in_log, copied = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            self._writer.execute(f"PRAGMA busy_timeout = {round(limits.DIRECTORY_BUSY_SECONDS_MAX * 1000)}")
        is_copied = not busy or in_log == copied
        self._begins_wal = self._begins_wal or is_copied
        return is_copied

    @contextmanager
    def _driver_errors(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as exc:
            reason = getattr(exc, "orig", None) or exc
            raise DirectoryError(f"{self.name} failed: {reason}.") from exc
        except (sqlite3.Error, OSError) as exc:
            raise DirectoryError(f"{self.name} failed: {exc}.") from exc


def check_wal(path: Path) -> None:
    """Raises DirectoryError if the write-ahead log beside a file is not the one that it was written with.

    SQLite would apply any: the pages of an older one would come in place of newer ones, and those that an older file
    lacks would not be missed. Each log is counted, in its first commit; the file has that count once the log is copied.
    """
    with_wal, without = read_state(path, "mode=ro"), read_state(path, "immutable=1")
    if with_wal is None:
        raise DirectoryError(
            f"The directory {path} can't be read with its write-ahead log: one of the two was damaged, or another one "
            f"put in its place. {REPAIR}."
        )
    if without is None:
        # In the middle of a checkpoint the file alone may make no sense.
        return
    if with_wal < without:
        raise DirectoryError(
            f"The directory {path} is newer than its write-ahead log: that is an older one that was put in its place. "
            f"{REPAIR}."
        )
    if without[0] < with_wal[0] - 1:
        raise DirectoryError(
            f"The directory {path} is older than its write-ahead log: an older file was put in its place. {REPAIR}."
        )


def read_state(path: Path, how: str) -> tuple[int, int] | None:
    """The number of the write-ahead log and the position that a directory has, None if they can't be read."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True)) as connection:
            wals, position = connection.execute(STATE).fetchone()
        return int(wals or 0), int(position)
    except (sqlite3.Error, TypeError, ValueError):
        return None


def writing_connection(path: Path) -> sqlite3.Connection:
    """The connection that writes. Raises sqlite3.Error, and DirectoryError if the file system can't keep a WAL."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS_PREPARED_MAX
    )
    set_pragmas(connection, limits.DIRECTORY_WRITER_CACHE_BYTES, writes=True)
    enter_wal(connection)
    return connection


def reading_engine(path: Path) -> Engine:
    """An engine for readers whose every statement stands alone."""
    made = create_engine(
        URL.create("sqlite", database=str(path)),
        isolation_level="AUTOCOMMIT",
        pool_size=limits.READER_THREADS,
        max_overflow=limits.DIRECTORY_READERS_MAX - limits.READER_THREADS,
        pool_use_lifo=True,
    )

    @event.listens_for(made, "connect")
    def prepare(connection: Any, _record: object) -> None:
        # The driver must not open transactions of its own accord.
        connection.isolation_level = None
        set_pragmas(connection, limits.DIRECTORY_READER_CACHE_BYTES, writes=False)

    return made


def set_pragmas(connection: sqlite3.Connection, cache_bytes: int, *, writes: bool) -> None:
    """Set the pragmas of every connection. Only `Database.checkpoint` may copy the write-ahead log into the file."""
    for pragma in (
        f"busy_timeout = {round(limits.DIRECTORY_BUSY_SECONDS_MAX * 1000)}",
        "synchronous = NORMAL",
        "wal_autocheckpoint = 0",
        "temp_store = MEMORY",
        f"cache_size = -{cache_bytes // 1024}",
        f"query_only = {'OFF' if writes else 'ON'}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def enter_wal(connection: sqlite3.Connection) -> None:
    """Have the file keep a write-ahead log, so that reads and a write don't wait for each other.

    It stays so for every later connection. Turning it on is the one step for which SQLite
    does not wait while another process has a lock. Raises DirectoryError if the file
    system can't do it.
    """
    give_up = time.monotonic() + limits.DIRECTORY_BUSY_SECONDS_MAX
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError:
            if time.monotonic() > give_up:
                raise
            time.sleep(WAL_RETRY_SECONDS)
        else:
            break
    if mode != "wal":
        raise DirectoryError(f"SQLite keeps its journal as {mode!r} here, not as 'wal': is this a network file system?")


class Statement:
    """A query compiled once, run with values in the order of its parameters.

    Going past SQLAlchemy's own preparation is worth it for the queries of the hot path and no others.
    """

    def __init__(self, clause: ClauseElement, dialect: Dialect) -> None:
        self._text = str(clause.compile(dialect=dialect))

    def rows(self, connection: Connection, values: tuple[Any, ...]) -> Sequence[Sequence[Any]]:
        return connection.exec_driver_sql(self._text, values).fetchall()


class ListQuery:
    """A query whose last parameters are one IN list of any length.

    ``make`` gets the list's parameters and returns the query.
    """

    def __init__(self, make: Callable[[list[BindParameter[Any]]], ClauseElement], dialect: Dialect) -> None:
        self._make, self._dialect = make, dialect
        self._statements: dict[int, Statement] = {}

    def rows(self, connection: Connection, fixed: tuple[Any, ...], values: Sequence[Any]) -> Iterator[Sequence[Any]]:
        """All rows for ``values``, with ``fixed`` bound before them; the order is the database's."""
        start = 0
        while start < len(values):
            length = next((size for size in LIST_LENGTHS if size >= len(values) - start), LIST_LENGTHS[-1])
            piece = tuple(values[start : start + length])
            start += length
            # The last value again and again: a repeat in a list changes nothing.
            filled = piece + piece[-1:] * (length - len(piece))
            yield from self._statement(length).rows(connection, fixed + filled)

    def _statement(self, length: int) -> Statement:
        if (statement := self._statements.get(length)) is None:
            listed: list[BindParameter[Any]] = [bindparam(f"listed_{place}") for place in range(length)]
            statement = self._statements[length] = Statement(self._make(listed), self._dialect)
        return statement

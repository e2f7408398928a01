"""The connection to the directory's database: engines, pragmas, transactions.

Nothing outside this folder meets the driver: its errors become DirectoryError here.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import Any

from sqlalchemy import (
    URL,
    BindParameter,
    ClauseElement,
    Connection,
    CursorResult,
    Dialect,
    Engine,
    bindparam,
    create_engine,
    event,
)
from sqlalchemy.exc import SQLAlchemyError

from eventkeep import limits
from eventkeep.errors import DirectoryError

LIST_LENGTHS = tuple(length for length in (1, 4, 16, 64, 256, 1_024) if length <= limits.SQL_PARAMETERS_MAX)
"""IN lists are filled up to one of these lengths, so that few statements have to be prepared."""

WAL_RETRY_SECONDS = 0.02


class Transaction:
    """One open transaction that writes. ``changed`` says whether there is anything to commit.

    It takes the connection when somebody asks for it: most commits of events find all
    that they need in memory.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self.changed = False
        self._after_commit: list[Callable[[], None]] = []

    @cached_property
    def connection(self) -> Connection:
        """The connection that writes. Raises what the driver raises where there is none to be had."""
        return self._connect()

    def after_commit(self, act: Callable[[], None]) -> None:
        """Call ``act`` once everything is on disk, or there was nothing to write; never after a rollback."""
        self._after_commit.append(act)

    def committed(self) -> None:
        for act in self._after_commit:
            act()


class Database:
    """One database, with a single writing connection and several reading ones.

    ``name`` is what errors call it.
    """

    def __init__(self, url: URL, name: str) -> None:
        self.name = name
        self._writing = threading.Lock()
        self._writer = engine(url, writes=True)
        self._reader = engine(url, writes=False)

    @property
    def dialect(self) -> Dialect:
        return self._writer.dialect

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction that excludes every other writer, of this process and of others.

        It is committed at the end of the block where something changed, and rolled back
        when the block raises. Raises DirectoryError for every error of the driver.
        """
        with self._writing, self._driver_errors(), ExitStack() as opened:
            transaction = Transaction(lambda: opened.enter_context(self._writer.connect()))
            yield transaction
            if transaction.changed:
                transaction.connection.commit()
            transaction.committed()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees what is committed, statement by statement, and can't write."""
        with self._driver_errors(), self._reader.connect() as connection:
            yield connection

    def close(self) -> None:
        self._reader.dispose()
        self._writer.dispose()

    @contextmanager
    def _driver_errors(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as exc:
            reason = getattr(exc, "orig", None) or exc
            raise DirectoryError(f"{self.name} failed: {reason}.") from exc


def engine(url: URL, *, writes: bool) -> Engine:
    """An engine for the one writer, or for readers whose every statement stands alone."""
    if writes:
        made = create_engine(url, pool_size=1, max_overflow=0)
    else:
        made = create_engine(
            url,
            isolation_level="AUTOCOMMIT",
            pool_size=limits.READER_THREADS,
            max_overflow=limits.DIRECTORY_READERS_MAX - limits.READER_THREADS,
            pool_use_lifo=True,
        )
    if made.dialect.name == "sqlite":
        serve_sqlite(made, writes=writes)
    return made


def serve_sqlite(made: Engine, *, writes: bool) -> None:
    """Set the pragmas of every new connection, and let a writing transaction begin as one.

    A transaction that begins by reading and writes later fails at once when another
    process wrote in between; BEGIN IMMEDIATE waits for its turn instead.
    """
    cache_bytes = limits.DIRECTORY_WRITER_CACHE_BYTES if writes else limits.DIRECTORY_READER_CACHE_BYTES
    pragmas = [
        f"busy_timeout = {round(limits.DIRECTORY_BUSY_SECONDS_MAX * 1000)}",
        "synchronous = FULL",
        "foreign_keys = ON",
        "temp_store = MEMORY",
        f"cache_size = -{cache_bytes // 1024}",
        f"wal_autocheckpoint = {limits.DIRECTORY_WAL_PAGES}",
        f"journal_size_limit = {limits.DIRECTORY_WAL_PAGES * 4096}",
        f"query_only = {'OFF' if writes else 'ON'}",
    ]

    @event.listens_for(made, "connect")
    def set_pragmas(connection: Any, _record: object) -> None:
        # The driver must not open transactions of its own accord.
        connection.isolation_level = None
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        if writes:
            enter_wal(connection)

    if writes:

        @event.listens_for(made, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")


def enter_wal(connection: sqlite3.Connection) -> None:
    """Have the file keep a write-ahead log, so that reads and a write don't wait for each other.

    It stays so for every later connection. Turning it on is the one step for which SQLite
    does not wait while another process has a lock. Raises DirectoryError where the file
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
    """A statement compiled once, run with rows of values in the order of its parameters.

    Going past SQLAlchemy's own preparation of every row is worth it for the rows of the
    hot path and no others.
    """

    def __init__(self, clause: ClauseElement, dialect: Dialect) -> None:
        self._text = str(clause.compile(dialect=dialect))

    def execute_many(self, transaction: Transaction, rows: Sequence[tuple[Any, ...]]) -> None:
        """Run once for every row."""
        if rows:
            transaction.changed = True
            transaction.connection.exec_driver_sql(self._text, list(rows))

    def rows(self, connection: Connection, values: tuple[Any, ...]) -> Sequence[Sequence[Any]]:
        return connection.exec_driver_sql(self._text, values).fetchall()


def inserted_number(result: CursorResult[Any]) -> int:
    """The number that the database gave the one row that was inserted."""
    key = result.inserted_primary_key
    if key is None:
        raise DirectoryError("The database did not tell the number of a new row.")
    return int(key[0])


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

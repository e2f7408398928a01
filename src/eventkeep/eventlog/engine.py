"""The driver of the embedded engine: chDB, one connection per thread.

A process has one engine with one folder. Calls on one connection queue up, so each
thread that asks gets a connection of its own. Arrow goes in and comes out. An error
of the engine leaves as EventLogError.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import chdb
import pyarrow as pa

from eventkeep.errors import EventLogError

Parameter = int | float | str
ROWS: Final = "ArrowStream"
"""The form in which the engine answers: of all that can be read without copying, the quickest to read."""
SETTINGS: Final = (
    "SET output_format_arrow_string_as_string = 0, output_format_arrow_compression_method = 'none', "
    # Once it has seen a condition three times with the same values, the engine compiles it to machine code, and an
    # order likewise: 30 ms of CPU, while others wait, for queries that read a few hundred rows.
    "compile_expressions = 0, compile_sort_description = 0"
)
ALONE: Final = pa.ipc.IpcReadOptions(use_threads=False)
"""Handing a page's few columns to other threads takes longer than reading them."""
MEMORY_EXCEEDED: Final = "Code: 241."
"""What the engine's message begins with where a query takes more memory than it may."""


class Engine:
    """chDB on one folder. ``close`` waits for nothing: stop the callers first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._local = threading.local()
        self._connections: list[Any] = []
        self._lock = threading.Lock()
        self._closed = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise EventLogError(f"the event log's folder {folder} can't be made: {exc.strerror}") from exc
        self._connection()

    def command(self, sql: str) -> None:
        """Run a statement that answers nothing: DDL, a setting."""
        self._run(sql, "Null", {})

    def select(self, sql: str, parameters: Mapping[str, Parameter] | None = None) -> pa.Table:
        """The rows of a query; ``{name:Type}`` in the text takes its value from ``parameters``.

        Texts come back as binary columns, for what is stored is bytes.
        """
        return rows_of(self._run(sql, ROWS, dict(parameters or {})).bytes())

    def select_within(
        self, sql: str, parameters: Mapping[str, Parameter], bytes_max: int
    ) -> tuple[pa.Table | None, int]:
        """Like ``select``, of a text that ends in settings, and how many rows had to be read for it.

        No rows (None) where it would take more memory than ``bytes_max``.
        """
        try:
            answer = self._run(f"{sql}, max_memory_usage = {bytes_max}", ROWS, dict(parameters))
        except EventLogError as exc:
            if MEMORY_EXCEEDED in str(exc):
                return None, 0
            raise
        return rows_of(answer.bytes()), answer.storage_rows_read()

    def select_in(self, sql: str, keys: pa.Table) -> pa.Table:
        """The rows of a query whose text reads ``Python(keys)``: a list too long to be a parameter."""
        return rows_of(self._run(sql, ROWS, {}, keys).bytes())

    def insert(self, sql: str, rows: pa.Table) -> None:
        """Run an INSERT whose text reads ``Python(rows)``."""
        self._run(sql, "Null", {}, rows)

    def close(self) -> None:
        """Close every connection; the engine goes with the last one."""
        with self._lock:
            self._closed = True
            connections, self._connections = self._connections, []
        for connection in connections:
            connection.close()

    def _run(self, sql: str, form: str, parameters: dict[str, Parameter], table: pa.Table | None = None) -> Any:
        # The engine finds Python(rows) and Python(keys) among the local names of its callers.
        rows = keys = table
        try:
            return self._connection().query(sql, form, params=parameters)
        except (chdb.ChdbError, RuntimeError) as exc:
            # What a failed query has written of its answer would stand before the next one's.
            self._renew_connection()
            raise EventLogError(f"the event log refused a statement: {first_line(str(exc))}") from exc
        finally:
            del rows, keys

    def _renew_connection(self) -> None:
        """Give this thread another connection in place of the one that it has."""
        old, self._local.connection = getattr(self._local, "connection", None), None
        if old is not None:
            # The new one first: the engine ends with its last connection.
            self._connection()
            with self._lock:
                if old in self._connections:
                    self._connections.remove(old)
                    old.close()

    def _connection(self) -> Any:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            with self._lock:
                if self._closed:
                    raise EventLogError("the event log is closed")
                try:
                    connection = chdb.connect(str(self._folder))  # type: ignore[no-untyped-call]
                except (chdb.ChdbError, RuntimeError) as exc:
                    raise EventLogError(
                        f"the event log can't be opened in {self._folder}: {first_line(str(exc))} "
                        "(the engine has said more above, where a part of the table is damaged, for example)"
                    ) from exc
                self._connections.append(connection)
            connection.query(SETTINGS)
            self._local.connection = connection
        return connection


def rows_of(answer: bytes) -> pa.Table:
    """The rows of an answer; a table without columns where it is empty."""
    if not answer:
        return pa.table({})
    with pa.ipc.open_stream(answer, options=ALONE) as reader:
        return reader.read_all()


def first_line(text: str) -> str:
    """The engine's message without its stack."""
    return text.splitlines()[0] if text else "no message"

"""Changes of the directory, as a record of the log holds them: rows to put into a table, or keys to delete from it.

A change needs no clock, no chance and no rule to be applied, and applying it twice changes nothing. In a record it is
an array of table, operation, account and rows; the rows are arrays, too, with the columns in the order of TABLES.
"""

from __future__ import annotations

import enum
import sqlite3
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import chain, compress
from types import GenericAlias
from typing import Any, Final

import msgspec

from eventkeep.errors import DirectoryError


class Table(enum.IntEnum):
    """The tables that records change. The numbers are part of the record's form: they are never used again."""

    SETTING = 1
    ACCOUNT = 2
    API_KEY = 3
    METRIC = 4
    PROFILE = 5
    IDENTIFIER = 6
    MERGED_PROFILE = 7
    SECONDARY_IDENTIFIER = 8
    JOB = 9
    ACCOUNT_SETTING = 10


class Operation(enum.IntEnum):
    """The operation on the rows."""

    PUT = 1
    """Insert the rows, or update those that exist."""
    DELETE = 2
    """Delete the rows with these keys, as far as they exist."""


Row = Sequence[Any]


class Change(msgspec.Struct, frozen=True, array_like=True):
    """Rows of one table and one account. ``account`` is 0 for tables that belong to none."""

    table: Table
    operation: Operation
    account: int
    rows: Sequence[Row]


class Shape(msgspec.Struct, frozen=True):
    """How a table takes its rows.

    ``columns`` are in the order of a row; the first ``keys`` of them are the key. ``kept`` names columns that never
    change once a row exists. ``in_account`` says that a row also has an ``account``; ``numbered`` that the table has
    account and first column as one key.
    """

    name: str
    columns: tuple[str, ...]
    types: Any
    keys: int = 1
    kept: tuple[str, ...] = ()
    in_account: bool = False
    numbered: bool = False


Text = str | None
Time = int | None
ProfileRow = tuple[
    int, str, Text, Text, Text, Text, Text, Text, Text, Text, Text, Text, str, str, int, int, str, Time, Time
]

SHAPES: Final[dict[Table, Shape]] = {
    Table.SETTING: Shape("setting", ("name", "value"), tuple[str, str]),
    Table.ACCOUNT: Shape("account", ("number", "name", "created"), tuple[int, str, int]),
    Table.API_KEY: Shape(
        "api_key",
        ("id", "digest", "scopes", "label", "created", "revoked"),
        tuple[str, bytes, str, str, int, int | None],
        in_account=True,
    ),
    Table.METRIC: Shape(
        "metric",
        ("number", "id", "name", "service", "integration_id", "has_value", "created", "updated"),
        tuple[int, str, str, str, str, bool, int, int],
        kept=("id", "name", "service", "integration_id", "created"),
        in_account=True,
        numbered=True,
    ),
    Table.PROFILE: Shape(
        "profile",
        (
            *("number", "id", "email", "phone_number", "external_id", "anonymous_id", "first_name", "last_name"),
            *("organization", "locale", "title", "image", "location", "properties", "created", "updated"),
            *("consent", "suppressed", "list_suppressed"),
        ),
        ProfileRow,
        kept=("id", "created"),
        in_account=True,
        numbered=True,
    ),
    Table.IDENTIFIER: Shape("identifier", ("kind", "value", "profile"), tuple[str, str, int], keys=2, in_account=True),
    Table.SECONDARY_IDENTIFIER: Shape(
        "secondary_identifier", ("kind", "value", "profile"), tuple[str, str, int], keys=2, in_account=True
    ),
    Table.JOB: Shape(
        "job",
        (
            *("number", "id", "kind", "status", "created", "completed"),
            *("total", "completed_count", "failed_count", "skipped_count", "content"),
        ),
        tuple[int, str, str, str, int, int | None, int, int, int, int, bytes],
        kept=("id", "kind", "created"),
        in_account=True,
    ),
    Table.ACCOUNT_SETTING: Shape("account_setting", ("name", "value"), tuple[str, str], in_account=True),
    Table.MERGED_PROFILE: Shape("merged_profile", ("number", "into"), tuple[int, int], in_account=True),
}
KEY_TYPES: Final[dict[Table, Any]] = {
    table: GenericAlias(tuple, shape.types.__args__[: shape.keys]) for table, shape in SHAPES.items()
}
ROWS_AT_ONCE: Final = (64, 16, 4, 1)
"""Rows of one statement. One statement with many rows takes the interpreter's lock once, many statements as often."""
STATEMENTS_REMEMBERED_MAX: Final = 500

_decode_changes = msgspec.msgpack.Decoder(list[tuple[int, int, int, msgspec.Raw]]).decode


def rows_decoder(row: Any) -> Callable[[msgspec.Raw], list[Row]]:
    """Decodes an array of rows of the type ``row``, and nothing else."""
    decode: Callable[[msgspec.Raw], list[Row]] = msgspec.msgpack.Decoder(GenericAlias(list, row)).decode
    return decode


_row_decoders: Final = {
    **{(table, Operation.PUT): rows_decoder(shape.types) for table, shape in SHAPES.items()},
    **{(table, Operation.DELETE): rows_decoder(kind) for table, kind in KEY_TYPES.items()},
}
_encode = msgspec.msgpack.Encoder().encode


def encode_changes(changes: Sequence[Change]) -> bytes:
    """The changes as a record holds them; b"" if there are none.

    Raises DirectoryError if a row lacks a column: a record that can't be applied must not get into the log.
    """
    for change in changes:
        shape = SHAPES[change.table]
        columns = len(shape.columns) if change.operation is Operation.PUT else shape.keys
        if set(map(len, change.rows)) - {columns}:
            raise DirectoryError(f"a row of {shape.name} does not have {columns} columns")
    return _encode(changes) if changes else b""


def decode_changes(content: bytes, source: str) -> list[Change]:
    """Decode the result of `encode_changes`. Raises DirectoryError, which begins with ``source``, for anything else."""
    if not content:
        return []
    try:
        return [decoded_change(*fields, source=source) for fields in _decode_changes(content)]
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise DirectoryError(f"{source}: the changes can't be read: {exc}") from exc


def decoded_change(table: int, operation: int, account: int, rows: msgspec.Raw, source: str) -> Change:
    try:
        known_table, known_operation = Table(table), Operation(operation)
    except ValueError as exc:
        raise DirectoryError(
            f"{source}: it changes table {table} by operation {operation}, which this eventkeep does not know; "
            "use the newer one that wrote it"
        ) from exc
    return Change(known_table, known_operation, account, _row_decoders[known_table, known_operation](rows))


def execute_change(connection: sqlite3.Connection, change: Change) -> None:
    """Apply one change within the transaction that ``connection`` is in. Raises sqlite3.Error."""
    start = 0
    rows = change.rows
    while start < len(rows):
        count = next(length for length in ROWS_AT_ONCE if length <= len(rows) - start)
        columns = list(zip(*rows[start : start + count], strict=True))
        given = tuple([column.count(None) < count for column in columns])
        values = list(chain.from_iterable(zip(*compress(columns, given), strict=True)))
        connection.execute(statement(change.table, change.operation, change.account, count, given), values)
        start += count


@lru_cache(STATEMENTS_REMEMBERED_MAX)
def statement(table: Table, operation: Operation, account: int, count: int, given: tuple[bool, ...]) -> str:
    """The SQL that takes ``count`` rows, but only the columns that are ``given``; the others are NULL in all rows.

    Most columns of most profiles are NULL, and the driver takes ten times as long to bind a None as an integer.
    """
    shape = SHAPES[table]
    names = ["key" if shape.numbered and name == "number" else name for name in shape.columns]
    marks = [f"({account << 32} | ?)" if name == "key" else "?" for name in names]
    marks = [mark if is_given else "NULL" for mark, is_given in zip(marks, given, strict=False)]
    if operation is Operation.DELETE:
        owned = f"account = {account} AND " if shape.in_account else ""
        keys = " AND ".join(f'"{name}" = {mark}' for name, mark in zip(names, marks[: shape.keys], strict=False))
        one = f"({keys})"
        return f"DELETE FROM {shape.name} WHERE {owned}({' OR '.join([one] * count)})"
    key_names = names[: shape.keys]
    if shape.in_account:
        names.append("account")
        marks.append(str(account))
        if not shape.numbered and shape.name != "api_key":
            key_names.append("account")
    changing = [name for name in names if name not in key_names and name not in shape.kept and name != "account"]
    row = f"({', '.join(marks)})"
    columns, conflict = ", ".join(f'"{name}"' for name in names), ", ".join(f'"{name}"' for name in key_names)
    updates = ", ".join(f'"{name}" = excluded."{name}"' for name in changing)
    return (
        f"INSERT INTO {shape.name} ({columns}) VALUES {', '.join([row] * count)} "
        f"ON CONFLICT ({conflict}) DO UPDATE SET {updates}"
    )

"""The rows of one account, read in the order of their keys: to copy them into another shard, or to delete them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from eventkeep.directory.changes import SHAPES, Change, Operation, Row, Table
from eventkeep.directory.database import Readable
from eventkeep.directory.schema import NUMBER_MASK, key_of

COPIED: Final = (
    *(Table.METRIC, Table.PROFILE, Table.IDENTIFIER, Table.SECONDARY_IDENTIFIER, Table.MERGED_PROFILE, Table.JOB),
)
"""The tables of an account's data, in the order in which they are copied."""
TAKEN: Final = (Table.API_KEY, Table.ACCOUNT_SETTING)
"""The tables that follow when the shard takes the account: until then nobody may use it there."""


def rows_of(database: Readable, table: Table, account: int, after: Sequence[Any], count: int) -> list[Row]:
    """The next ``count`` rows of an account, as changes have them, behind the key ``after``; [] for the first ones."""
    shape = SHAPES[table]
    parameters: list[Any]
    if shape.numbered:
        parameters = [key_of(account, after[0] if after else 0), key_of(account, NUMBER_MASK)]
    else:
        parameters = [account, *after]
    with database.reading() as connection:
        rows = connection.exec_driver_sql(query(table, bool(after)), (*parameters, count)).fetchall()
    return [as_changed(table, row) for row in rows]


def key_in(table: Table, row: Row) -> list[Any]:
    """The key of a row."""
    return list(row[: SHAPES[table].keys])


def deletion(table: Table, account: int, rows: Sequence[Row]) -> Change:
    """The change that deletes rows."""
    return Change(table, Operation.DELETE, account, [tuple(key_in(table, row)) for row in rows])


@lru_cache
def query(table: Table, is_next: bool) -> str:
    """The SQL of `rows_of`; ``is_next`` if there is a key to go on behind."""
    shape = SHAPES[table]
    columns = [f'"{name}"' for name in shape.columns]
    keys = ", ".join(columns[: shape.keys])
    if shape.numbered:
        columns[0] = f"key & {NUMBER_MASK}"
        return f"SELECT {', '.join(columns)} FROM {shape.name} WHERE key > ? AND key <= ? ORDER BY key LIMIT ?"
    marks = ", ".join("?" * shape.keys)
    behind = f" AND ({keys}) > ({marks})" if is_next else ""
    return f"SELECT {', '.join(columns)} FROM {shape.name} WHERE account = ?{behind} ORDER BY {keys} LIMIT ?"


def as_changed(table: Table, row: Sequence[Any]) -> Row:
    """A row of SQLite, which has no truth values, as a change has it."""
    types = SHAPES[table].types.__args__
    return tuple(bool(value) if kind is bool else value for value, kind in zip(row, types, strict=True))

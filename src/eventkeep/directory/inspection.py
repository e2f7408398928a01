"""Looking at a directory without opening it for work: nothing is made, migrated or locked."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from eventkeep.directory import FILE_NAME, FORMAT
from eventkeep.directory.schema import SCHEMA_REVISION
from eventkeep.errors import DirectoryError

BUSY_SECONDS = 2.0


class DirectoryState(msgspec.Struct, frozen=True):
    """The state that a directory reports. ``last_change`` is in Unix seconds, None before the first change."""

    schema: str
    format: str
    last_change: float | None

    @property
    def is_known(self) -> bool:
        """Whether this program can open it. Schemas are numbered, and older ones are brought up to date."""
        return self.format == FORMAT and self.schema <= SCHEMA_REVISION


def inspect_directory(folder: Path) -> DirectoryState | None:
    """The state of the directory in a data folder, None if there is none yet.

    Raises DirectoryError if it can't be read.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return None
    log = path.with_name(f"{path.name}-wal")
    # Without a log beside it, nobody has it open; then not even SQLite's own small files are made.
    mode = "mode=ro" if log.exists() and log.stat().st_size else "immutable=1"
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=BUSY_SECONDS)) as database:
            (schema,) = database.execute("SELECT version_num FROM alembic_version").fetchone()
            (format_,) = database.execute("SELECT value FROM store WHERE key = 'format'").fetchone()
            changes = database.execute(
                "SELECT max(time) FROM applied UNION ALL SELECT max(last_used) FROM api_key_use"
            ).fetchall()
    except (sqlite3.Error, TypeError, ValueError) as exc:
        raise DirectoryError(f"The directory {path} can't be read: {exc}.") from exc
    newest = max((microseconds for (microseconds,) in changes if microseconds is not None), default=None)
    return DirectoryState(schema, format_, None if newest is None else newest / 1_000_000)

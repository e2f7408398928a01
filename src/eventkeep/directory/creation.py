"""Making the directory's file, whole or not at all, and telling whether this program knows one that is there."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import URL, create_engine, insert

from eventkeep.directory.migrations import create
from eventkeep.directory.page_sums import SUMS_NAME, sums_of_file, write_sums
from eventkeep.directory.schema import SCHEMA_REVISION, applied, store
from eventkeep.errors import DirectoryError
from eventkeep.files import Files

FILE_NAME: Final = "directory.sqlite3"
FORMAT: Final = "2"
"""The meaning of the rows, beside the schema: a program with another format refuses the folder."""
OLD_FORMAT: Final = "1"
NEW_SUFFIX: Final = ".new"
PARTS: Final = ("", "-wal", "-shm", "-journal")


def make_database(path: Path, log: int, files: Files) -> None:
    """Make an empty directory for the log with the identity ``log``. Raises OSError and DirectoryError.

    It is made under another name, so that a file with the right name is always whole.
    """
    new = path.with_name(path.name + NEW_SUFFIX)
    for part in PARTS:
        leftover = new.with_name(new.name + part)
        if leftover.exists():
            files.unlink(leftover)
    files.close(files.create(new))
    engine = create_engine(URL.create("sqlite", database=str(new)))
    try:
        with engine.begin() as connection:
            create(connection)
            connection.execute(insert(store), [{"key": "format", "value": FORMAT}])
            identity = log.to_bytes(8, "little")
            connection.execute(
                insert(applied), [{"one": 1, "log": identity, "position": 0, "checksum": bytes(8), "time": 0}]
            )
    except Exception as exc:
        raise DirectoryError(f"The directory {path} can't be made: {exc}.") from exc
    finally:
        engine.dispose()
    with closing(sqlite3.connect(new, isolation_level=None)) as connection_to_file:
        connection_to_file.execute("PRAGMA journal_mode = WAL").fetchone()
    file = files.open(new)
    try:
        files.sync(file)
        sums = sums_of_file(file, new, files)
    finally:
        files.close(file)
    write_sums(path.with_name(SUMS_NAME), sums, files)
    files.replace(new, path)
    files.sync_folder(path.parent)


def check_format(path: Path) -> None:
    """Raises DirectoryError, with advice, if another eventkeep made the file."""
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            (format_,) = connection.execute("SELECT value FROM store WHERE key = 'format'").fetchone()
            (schema,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    except (sqlite3.Error, TypeError):
        # It is damaged, and opening it will name the place.
        return
    if not isinstance(format_, str) or not isinstance(schema, str):
        # So is this one.
        return
    if format_ == OLD_FORMAT:
        raise DirectoryError(
            f"The directory {path} has format {OLD_FORMAT}, made by eventkeep 0.1, and this program knows format "
            f"{FORMAT}. Export the events with that version, and import them into a new folder."
        )
    if format_ != FORMAT:
        raise DirectoryError(
            f"The directory {path} has format {format_}, made by a newer eventkeep; this program knows format "
            f"{FORMAT}. Use the newer one."
        )
    if schema > SCHEMA_REVISION:
        raise DirectoryError(
            f"The directory {path} has schema {schema}, made by a newer eventkeep; this program knows schemas up to "
            f"{SCHEMA_REVISION}. Use the newer one."
        )

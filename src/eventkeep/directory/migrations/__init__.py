"""The directory's schema changes, one Alembic revision after the other.

They run by themselves when a directory is opened, inside one transaction that only
one process can be in: of two processes that open an empty folder at once, one makes
the tables and the other finds them made. In an empty database there is nothing to
change, so it gets the tables as they are at the end of all revisions, and Alembic, which
takes half a second to load, stays out of the start.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, insert, inspect, select

from eventkeep.directory.schema import SCHEMA_REVISION, metadata
from eventkeep.errors import DirectoryError

REVISION_TABLE = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""The table in which Alembic keeps the last revision that ran, as it makes it itself."""


def schema_revision(connection: Connection) -> str | None:
    """The last migration that ran, or None in an empty database."""
    if not inspect(connection).has_table(REVISION_TABLE.name):
        return None
    return connection.scalar(select(REVISION_TABLE.c.version_num))


def create(connection: Connection) -> None:
    """Make the tables of the newest schema in an empty database."""
    metadata.create_all(connection)
    REVISION_TABLE.create(connection)
    connection.execute(insert(REVISION_TABLE), {"version_num": SCHEMA_REVISION})


def upgrade(connection: Connection, current: str | None, name: str) -> None:
    """Run the revisions after ``current``. Raises DirectoryError if ``current`` is none of them."""
    # Imported only for a migration.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    # A percent sign in a folder's name would be read as the start of a variable.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise DirectoryError(
            f"{name} has schema {current}, made by a newer eventkeep; "
            f"this program knows schemas up to {SCHEMA_REVISION}. Upgrade eventkeep to open it."
        )
    config.attributes["connection"] = connection
    command.upgrade(config, SCHEMA_REVISION)

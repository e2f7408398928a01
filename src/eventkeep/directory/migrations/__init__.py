"""The directory's schema changes, one Alembic revision after the other.

They run by themselves when a directory is opened, inside one transaction that only
one process can be in: of two processes that open an empty folder at once, one makes
the tables and the other finds them made.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from eventkeep.directory.schema import SCHEMA_REVISION
from eventkeep.errors import DirectoryError


def schema_revision(connection: Connection) -> str | None:
    """The last migration that ran, or None in an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


def migrate(connection: Connection, where: str) -> bool:
    """Bring the schema up to date inside the transaction that ``connection`` is in.

    Returns whether there was something to do. ``where`` names the directory in the
    error. Raises DirectoryError where a newer eventkeep has been there: this one can't
    know what its tables mean.
    """
    current = schema_revision(connection)
    if current == SCHEMA_REVISION:
        return False
    # Imported only where there is something to do: it costs a tenth of a second.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    # A percent sign in a folder's name would be read as the start of a variable.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if current is not None and current not in known:
        raise DirectoryError(
            f"{where} has schema {current}, made by a newer eventkeep; "
            f"this program knows schemas up to {SCHEMA_REVISION}. Upgrade eventkeep to open it."
        )
    config.attributes["connection"] = connection
    command.upgrade(config, SCHEMA_REVISION)
    return True

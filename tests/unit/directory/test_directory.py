"""Opening: the folder, the tables, several processes at once."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, make_url
from sqlalchemy.schema import CreateTable

from eventkeep.directory import FILE_NAME, Directory, migrations
from eventkeep.directory.schema import SCHEMA_REVISION, metadata
from eventkeep.errors import DirectoryError
from tests.unit.directory.held import HeldClock, number_of

OPEN_AND_TELL = """
import sys
from pathlib import Path
from eventkeep.directory import Directory
with Directory.open(Path(sys.argv[1])) as directory:
    print(directory.secret.hex(), [account.name for account in directory.accounts.list()])
"""


def columns_and_indexes(path: Path) -> dict[str, object]:
    """The shape of every table of a database file, without what SQLite keeps for itself."""
    with sqlite3.connect(path) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        shape: dict[str, object] = {}
        for table in tables:
            indexes = connection.execute(f"PRAGMA index_list({table})").fetchall()
            shape[table] = (
                connection.execute(f"PRAGMA table_info({table})").fetchall(),
                connection.execute(f"PRAGMA foreign_key_list({table})").fetchall(),
                sorted((unique, origin, indexed(connection, name)) for _, name, unique, origin, _ in indexes),
                [row for row in connection.execute("PRAGMA table_list") if row[1] == table],
            )
    connection.close()
    return shape


def indexed(connection: sqlite3.Connection, index: str) -> list[str]:
    return [name for _, _, name in connection.execute(f"PRAGMA index_info({index})")]


def test_first_open_makes_folder_tables_account_and_secret(folder: Path) -> None:
    with Directory.open(folder) as directory:
        assert [account.name for account in directory.accounts.list()] == ["default"]
        assert len(directory.secret) == 32
    assert (folder / FILE_NAME).is_file()
    assert folder.stat().st_mode & 0o077 == 0


def test_reopening_keeps_secret_and_accounts(folder: Path) -> None:
    with Directory.open(folder) as directory:
        secret, account = directory.secret, directory.accounts.create("shop")
    with Directory.open(folder) as directory:
        assert directory.secret == secret
        assert directory.accounts.find("shop") == account


def test_two_folders_have_different_secrets(tmp_path: Path) -> None:
    with Directory.open(tmp_path / "a") as one, Directory.open(tmp_path / "b") as other:
        assert one.secret != other.secret


def test_processes_that_open_an_empty_folder_at_once_agree(folder: Path) -> None:
    command = [sys.executable, "-c", OPEN_AND_TELL, str(folder)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    told = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    assert len(set(told)) == 1
    assert told[0].endswith("['default']\n")


def test_another_process_makes_a_key_while_the_directory_is_open(directory: Directory, folder: Path) -> None:
    script = """
import sys
from pathlib import Path
from eventkeep.directory import Directory
with Directory.open(Path(sys.argv[1])) as directory:
    print(directory.keys.create(1, frozenset({"full"}))[1], end="")
"""
    done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=True)
    found = directory.keys.find(done.stdout)
    assert found is not None
    assert found.account == number_of(directory, "default")


def test_a_new_folder_has_what_all_migrations_end_in(folder: Path, tmp_path: Path) -> None:
    Directory.open(folder).close()
    migrated = tmp_path / "migrated.sqlite3"
    engine = create_engine(f"sqlite:///{migrated}")
    with engine.begin() as connection:
        migrations.upgrade(connection, None, "here")
        assert migrations.schema_revision(connection) == SCHEMA_REVISION
    engine.dispose()
    assert columns_and_indexes(folder / FILE_NAME) == columns_and_indexes(migrated)


def test_a_folder_with_some_tables_is_migrated(folder: Path) -> None:
    Directory.open(folder).close()
    with sqlite3.connect(folder / FILE_NAME) as connection:
        for table in columns_and_indexes(folder / FILE_NAME):
            connection.execute(f"DROP TABLE {table}")
        connection.execute("CREATE TABLE other (number INTEGER)")
    connection.close()
    Directory.open(folder).close()
    assert {"other", "alembic_version", "profile"} < columns_and_indexes(folder / FILE_NAME).keys()


def test_newest_migration_is_the_one_that_the_schema_names(folder: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA_REVISION
    Directory.open(folder).close()
    engine = create_engine(f"sqlite:///{folder / FILE_NAME}")
    with engine.connect() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == SCHEMA_REVISION
    engine.dispose()


def test_schema_can_be_written_for_postgresql() -> None:
    dialect = make_url("postgresql+psycopg://").get_dialect()()
    written = [str(CreateTable(table).compile(dialect=dialect)) for table in metadata.sorted_tables]
    assert any("number BIGINT NOT NULL" in text for text in written)
    assert any("number SERIAL NOT NULL" in text for text in written)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", "has schema 9999, made by a newer eventkeep"),
        ("UPDATE store SET value = '9' WHERE key = 'format'", "has format 9, made by another eventkeep"),
    ],
)
def test_folder_of_a_newer_program_is_refused_and_left_as_it_is(folder: Path, change: str, told: str) -> None:
    Directory.open(folder).close()
    with sqlite3.connect(folder / FILE_NAME) as connection:
        connection.execute(change)
    connection.close()
    before = (folder / FILE_NAME).read_bytes()
    with pytest.raises(DirectoryError, match=told):
        Directory.open(folder)
    assert (folder / FILE_NAME).read_bytes() == before


def test_file_that_is_no_database_is_told_as_such(folder: Path) -> None:
    folder.mkdir()
    (folder / FILE_NAME).write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(DirectoryError, match="file is not a database") as caught:
        Directory.open(folder)
    assert caught.value.__cause__ is not None


def test_folder_that_is_a_file_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("here first")
    with pytest.raises(DirectoryError, match="can't be made"):
        Directory.open(tmp_path / "data")


def test_folder_names_may_hold_what_urls_and_settings_give_a_meaning(tmp_path: Path) -> None:
    folder = tmp_path / "50%(off)s ?#&é"
    with Directory.open(folder) as directory:
        secret = directory.secret
    assert (folder / FILE_NAME).is_file()
    with Directory.open(folder) as directory:
        assert directory.secret == secret


def test_what_is_written_is_synced_to_the_disk(directory: Directory) -> None:
    with directory.transaction() as transaction:
        pragmas = {
            name: transaction.connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_transaction_that_raises_leaves_no_trace(directory: Directory) -> None:
    with pytest.raises(RuntimeError, match="in the middle"), directory.transaction() as transaction:
        directory.accounts.create_within("gone", transaction)
        raise RuntimeError("in the middle")
    assert directory.accounts.find("gone") is None
    assert directory.accounts.create("gone").name == "gone"


def test_driver_errors_inside_a_transaction_become_directory_errors(directory: Directory) -> None:
    with pytest.raises(DirectoryError, match="no such table") as caught, directory.transaction() as transaction:
        transaction.connection.exec_driver_sql("DELETE FROM nowhere")
    assert caught.value.__cause__ is not None


def test_transaction_without_changes_writes_nothing(directory: Directory, folder: Path) -> None:
    log = folder / f"{FILE_NAME}-wal"
    before = log.read_bytes()
    with directory.transaction() as transaction:
        transaction.connection.exec_driver_sql("SELECT 1")
    assert log.read_bytes() == before


def test_reads_see_what_was_committed_while_a_transaction_is_open(directory: Directory) -> None:
    with directory.transaction() as transaction:
        directory.accounts.create_within("soon", transaction)
        assert directory.accounts.find("soon") is None
    assert directory.accounts.find("soon") is not None


def test_clock_is_the_one_that_was_passed_in(directory: Directory, clock: HeldClock) -> None:
    assert directory.accounts.create("a").created == round(clock.now() * 1_000_000)

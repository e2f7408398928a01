"""Opening: the folder, the tables, several processes at once."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import suppress
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from eventkeep.directory import FILE_NAME, Account, Directory, Progress, migrations, note_progress
from eventkeep.directory.changes import Change, Operation, Table
from eventkeep.directory.page_sums import SUMS_NAME
from eventkeep.directory.reader import applied_position
from eventkeep.directory.schema import SCHEMA_REVISION
from eventkeep.errors import DirectoryError
from eventkeep.limits import DIRECTORY_UNNOTED_RECORDS_MAX
from tests.unit.directory.held import LOG, HeldClock, create_account, keep, open_directory
from tests.unit.log.faulty_files import FaultyFiles

WAL_NAME = f"{FILE_NAME}-wal"


def columns_and_indexes(path: Path) -> dict[str, object]:
    """The shape of every table of a database file, without the tables that SQLite keeps for itself."""
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
    with open_directory(folder) as directory:
        assert [account.name for account in directory.accounts.list()] == ["default"]
        assert len(directory.secret) == 32
    assert (folder / FILE_NAME).is_file()
    assert folder.stat().st_mode & 0o077 == 0


def test_reopening_keeps_secret_and_accounts(folder: Path) -> None:
    with open_directory(folder) as directory:
        secret, account = directory.secret, create_account(directory, "shop")
    with open_directory(folder) as directory:
        assert directory.secret == secret
        assert directory.accounts.find("shop") == account


def test_two_folders_have_different_secrets(tmp_path: Path) -> None:
    with open_directory(tmp_path / "a") as one, open_directory(tmp_path / "b") as other:
        assert one.secret != other.secret


def test_a_new_folder_has_what_all_migrations_end_in(folder: Path, tmp_path: Path) -> None:
    open_directory(folder).close()
    migrated = tmp_path / "migrated.sqlite3"
    engine = create_engine(f"sqlite:///{migrated}")
    with engine.begin() as connection:
        migrations.upgrade(connection, None, "here")
        assert migrations.schema_revision(connection) == SCHEMA_REVISION
    engine.dispose()
    assert columns_and_indexes(folder / FILE_NAME) == columns_and_indexes(migrated)


def test_newest_migration_is_the_one_that_the_schema_names(folder: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA_REVISION
    open_directory(folder).close()
    engine = create_engine(f"sqlite:///{folder / FILE_NAME}")
    with engine.connect() as connection:
        assert MigrationContext.configure(connection).get_current_revision() == SCHEMA_REVISION
    engine.dispose()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE alembic_version SET version_num = '9999'", "has schema 9999, made by a newer eventkeep"),
        ("UPDATE store SET value = '9' WHERE key = 'format'", "has format 9, made by a newer eventkeep"),
        ("UPDATE store SET value = '1' WHERE key = 'format'", "Export the events with that version"),
    ],
)
def test_folder_of_another_program_is_refused_and_left_as_it_is(folder: Path, change: str, told: str) -> None:
    open_directory(folder).close()
    with sqlite3.connect(folder / FILE_NAME) as connection:
        connection.execute(change)
    connection.close()
    before = (folder / FILE_NAME).read_bytes()
    with pytest.raises(DirectoryError, match=told):
        open_directory(folder)
    assert (folder / FILE_NAME).read_bytes() == before


def test_file_that_is_no_database_is_refused(folder: Path) -> None:
    folder.mkdir()
    (folder / FILE_NAME).write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(DirectoryError, match=r"its checksums .* are missing"):
        open_directory(folder)


def test_folder_that_is_a_file_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("here first")
    with pytest.raises(DirectoryError, match="can't be made"):
        open_directory(tmp_path / "data")


def test_folder_names_may_hold_what_urls_and_settings_give_a_meaning(tmp_path: Path) -> None:
    folder = tmp_path / "50%(off)s ?#&é"
    with open_directory(folder) as directory:
        secret = directory.secret
    assert (folder / FILE_NAME).is_file()
    with open_directory(folder) as directory:
        assert directory.secret == secret


def test_files_are_the_owners_alone_in_a_folder_that_is_open(folder: Path) -> None:
    folder.mkdir(mode=0o755)
    with open_directory(folder) as directory:
        create_account(directory, "shop")
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_commit_is_not_durable_before_a_checkpoint(directory: Directory) -> None:
    assert (directory.position, directory.durable_position()) == (1, 0)
    create_account(directory, "shop")
    assert directory.checkpoint()
    assert (directory.position, directory.durable_position()) == (2, 2)


def test_records_that_were_applied_are_skipped_and_none_may_be_left_out(directory: Directory) -> None:
    _, change = directory.accounts.new("shop")
    keep(directory, [change])
    directory.apply([change], Progress(2, 14, 2_000))
    assert directory.progress == Progress(2, 14, 2_000)
    with pytest.raises(DirectoryError, match="is at record 2, and record 4 can't follow it"):
        directory.apply([change], Progress(4, 1, 1))


def test_several_records_share_a_transaction(directory: Directory) -> None:
    changes = [Change(Table.ACCOUNT, Operation.PUT, 0, [(number, f"a{number}", 1)]) for number in range(2, 10)]
    directory.apply_all([([change], Progress(place, place, place)) for place, change in enumerate(changes, 2)])
    assert directory.position == 9
    assert len(directory.accounts.list()) == 9


def test_position_of_records_without_changes_is_noted_now_and_then(directory: Directory, folder: Path) -> None:
    for _ in range(3 * DIRECTORY_UNNOTED_RECORDS_MAX):
        keep(directory, [])
        assert 0 <= directory.position - applied_position(folder) < DIRECTORY_UNNOTED_RECORDS_MAX
    keep(directory, [])
    assert applied_position(folder) < directory.position
    create_account(directory, "shop")
    assert applied_position(folder) == directory.position


def test_position_is_noted_before_it_is_called_durable_and_before_a_copy(
    directory: Directory, folder: Path, tmp_path: Path
) -> None:
    keep(directory, [])
    assert applied_position(folder) < directory.position
    assert directory.checkpoint()
    assert applied_position(folder) == directory.durable_position() == directory.position
    keep(directory, [])
    (tmp_path / "copy").mkdir()
    copied = directory.copy_to(tmp_path / "copy")
    assert applied_position(tmp_path / "copy") == copied.position == directory.position


def test_position_is_noted_at_the_end(folder: Path) -> None:
    with open_directory(folder) as first:
        keep(first, [])
        position = first.position
    with open_directory(folder) as second:
        assert second.position == position


def test_later_position_is_never_replaced_by_an_earlier_one(directory: Directory, folder: Path) -> None:
    create_account(directory, "shop")
    connection = sqlite3.connect(folder / FILE_NAME)
    with connection:
        note_progress(connection, Progress(1, 1, 1))
    connection.close()
    assert applied_position(folder) == directory.position == 2


def test_record_that_fails_leaves_no_trace(directory: Directory) -> None:
    _, change = directory.accounts.new("shop")
    twice = Change(Table.ACCOUNT, Operation.PUT, 0, [(7, "default", 1)])
    with pytest.raises(DirectoryError, match="UNIQUE constraint failed"):
        directory.apply([change, twice], Progress(2, 1, 1))
    assert directory.accounts.find("shop") is None
    assert directory.position == 1


def test_directory_of_another_log_is_refused(folder: Path) -> None:
    open_directory(folder).close()
    with pytest.raises(DirectoryError, match="belongs to the log 000000000000feed"):
        Directory.open(folder, 0xBEEF)


def copied_while_open(directory: Directory, folder: Path, target: Path) -> Path:
    """The folder as a server leaves it that is ended."""
    shutil.copytree(folder, target)
    return target


def test_server_that_was_ended_leaves_all_it_applied(directory: Directory, folder: Path, tmp_path: Path) -> None:
    directory.checkpoint()
    for place in range(20):
        create_account(directory, f"shop {place}")
    with open_directory(copied_while_open(directory, folder, tmp_path / "copy")) as other:
        assert other.position == directory.position
        assert len(other.accounts.list()) == 21
        assert other.durable_position() == other.position


def test_damaged_frame_takes_the_directory_back_and_the_log_brings_it_forward(
    directory: Directory, folder: Path, tmp_path: Path
) -> None:
    directory.checkpoint()
    before = directory.position
    made = [directory.accounts.new("shop")]
    keep(directory, [made[0][1]])
    copy = copied_while_open(directory, folder, tmp_path / "copy")
    wal = copy / f"{FILE_NAME}-wal"
    content = bytearray(wal.read_bytes())
    content[len(content) // 2] ^= 1
    wal.write_bytes(content)
    with open_directory(copy) as other:
        assert before <= other.position <= directory.position
        assert other.position < directory.position
        keep(other, [made[0][1]])
        assert other.accounts.list() == directory.accounts.list()


def test_every_flip_of_a_page_is_noticed(folder: Path) -> None:
    with open_directory(folder) as directory:
        for place in range(30):
            create_account(directory, f"shop {place}")
    whole = (folder / FILE_NAME).read_bytes()
    for place in range(0, len(whole), 1_013):
        content = bytearray(whole)
        content[place] ^= 4
        (folder / FILE_NAME).write_bytes(content)
        with pytest.raises(DirectoryError, match="is damaged"):
            open_directory(folder)
    (folder / FILE_NAME).write_bytes(whole)
    open_directory(folder).close()


def test_flip_of_the_checksums_is_noticed(folder: Path) -> None:
    open_directory(folder).close()
    whole = (folder / SUMS_NAME).read_bytes()
    for place in range(0, len(whole), 13):
        content = bytearray(whole)
        content[place] ^= 1
        (folder / SUMS_NAME).write_bytes(content)
        with pytest.raises(DirectoryError, match=SUMS_NAME):
            open_directory(folder)


@pytest.mark.parametrize("cut", [0, 1, 100, 4_096, -4_096, -1])
def test_cut_file_is_noticed(folder: Path, cut: int) -> None:
    open_directory(folder).close()
    whole = (folder / FILE_NAME).read_bytes()
    (folder / FILE_NAME).write_bytes(whole[:cut])
    with pytest.raises(DirectoryError, match="is damaged"):
        open_directory(folder)


def test_older_file_is_noticed(folder: Path) -> None:
    with open_directory(folder) as directory:
        create_account(directory, "shop")
    old = (folder / FILE_NAME).read_bytes()
    with open_directory(folder) as directory:
        create_account(directory, "outlet")
    (folder / FILE_NAME).write_bytes(old)
    with pytest.raises(DirectoryError, match="differs from its checksum"):
        open_directory(folder)


def test_file_without_checksums_is_refused(folder: Path) -> None:
    open_directory(folder).close()
    (folder / SUMS_NAME).unlink()
    with pytest.raises(DirectoryError, match="are missing"):
        open_directory(folder)


def test_scrub_finds_damage_beside_an_open_directory(directory: Directory, folder: Path) -> None:
    create_account(directory, "shop")
    directory.checkpoint()
    directory.scrub()
    with (folder / FILE_NAME).open("r+b") as file:
        file.seek(5_000)
        file.write(b"x")
    with pytest.raises(DirectoryError, match="page 2 differs"):
        directory.scrub()


def test_every_operation_fails_once(tmp_path: Path) -> None:
    """After each failure, and as a crash leaves it, the folder opens and has all durable changes."""
    fails_at = 0
    while True:
        files = FaultyFiles(fails_at)
        folder = tmp_path / f"at-{fails_at}"
        durable = applied = 0
        try:
            directory = Directory.open(folder, LOG, files=files)
        except DirectoryError:
            applied = 0
        else:
            keep(directory, directory.first_changes())
            for place in range(4):
                create_account(directory, f"shop {place}")
                try:
                    directory.checkpoint()
                except DirectoryError:
                    continue
            applied, durable = directory.position, directory.durable_position()
            shutil.copytree(folder, tmp_path / f"crash-{fails_at}")
            with suppress(DirectoryError):
                directory.close()
            check_opens(tmp_path / f"crash-{fails_at}", durable, applied)
        if not files.failed:
            assert fails_at > 20
            return
        check_opens(folder, durable, applied)
        fails_at += 1


def check_opens(folder: Path, durable: int, applied: int) -> None:
    with Directory.open(folder, LOG) as directory:
        assert durable <= directory.position <= applied
        assert len(directory.accounts.list()) == directory.position
        directory.scrub()


def test_reads_see_whole_records(directory: Directory) -> None:
    create_account(directory, "soon")
    assert directory.accounts.find("soon") is not None


def test_clock_is_the_one_that_was_passed_in(directory: Directory, clock: HeldClock) -> None:
    assert create_account(directory, "a").created == round(clock.now() * 1_000_000)


def update_accounts(directory: Directory, first: int) -> None:
    """Change so many accounts that other pages are written each time, and no new ones."""
    rows = [(number, f"{number:0100d}", directory.position) for number in range(first, first + 40)]
    keep(directory, [Change(Table.ACCOUNT, Operation.PUT, 0, rows)])


class Moments:
    """Copies of a folder, each with commits that are not in the file yet, and the accounts by position."""

    def __init__(self, directory: Directory, folder: Path, base: Path) -> None:
        self._directory, self.copies, self.accounts = directory, list[Path](), dict[int, list[Account]]()
        for first in range(1_000, 1_400, 40):
            self._update(first)
        for number in range(3):
            for part in range(2):
                self._update(1_000 + 120 * number + 40 * part)
                self.copies.append(copied_while_open(directory, folder, base / f"{number}-{part}"))
            directory.checkpoint()
        self._update(1_000)
        self.copies.append(copied_while_open(directory, folder, base / "newest"))

    def _update(self, first: int) -> None:
        update_accounts(self._directory, first)
        self.accounts[self._directory.position] = self._directory.accounts.list()


@pytest.mark.parametrize("parts", [(FILE_NAME, SUMS_NAME), (FILE_NAME,), (SUMS_NAME,), (WAL_NAME,)])
def test_older_parts_of_the_directory_are_noticed(
    directory: Directory, folder: Path, tmp_path: Path, parts: tuple[str, ...]
) -> None:
    """They are named, or the directory is whole as of an older record, so that the log completes it."""
    moments = Moments(directory, folder, tmp_path)
    *older, newest = moments.copies
    refused = 0
    for moment in older:
        copy = copied_while_open(directory, newest, tmp_path / "copy")
        (copy / f"{FILE_NAME}-shm").unlink()
        for name in parts:
            (copy / name).write_bytes((moment / name).read_bytes())
        try:
            with open_directory(copy) as opened:
                assert opened.accounts.list() == moments.accounts[opened.position], moment
        except DirectoryError as exc:
            refused += 1
            assert "put in its place" in str(exc) or "differs from its checksum" in str(exc)
        shutil.rmtree(copy)
    # The last write-ahead log before a checkpoint has nothing but that which the checkpoint copied.
    assert refused == len(older) - (parts == (WAL_NAME,))

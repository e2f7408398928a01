"""Data folders that are damaged, newer, or not writable: a clear refusal, or all accepted events."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec
import pytest

from eventkeep.cli.exits import ExitCode
from eventkeep.eventlog.journal import HEADER
from eventkeep.eventlog.schema import DATABASE
from eventkeep.testing import ServerProcess
from tests.contract.api import Api, make_keys
from tests.faults.load import unique_ids

START_SECONDS_MAX: Final = 60.0
EVENTS: Final = 6
IDS: Final = [f"event-{number}" for number in range(EVENTS)]
DAMAGED: Final = HEADER.size + 40
"""A place within the first record of the journal."""
WITHOUT_OVERRIDE: Final = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
"""Makes the permissions of files apply to root, too."""


class Folder(msgspec.Struct):
    """A data folder without its server; ``key`` reads its events."""

    path: Path
    key: str

    @property
    def directory(self) -> Path:
        return self.path / "directory.sqlite3"

    @property
    def table(self) -> Path:
        return self.path / "events" / "table"

    @property
    def journal(self) -> Path:
        return self.path / "events" / "journal"

    def segment(self) -> Path:
        """The journal's file that holds records."""
        return max(self.journal.iterdir(), key=lambda path: path.stat().st_size)

    def part(self) -> Path:
        """The largest file with events in the table."""
        files = [path for path in self.table.rglob("data.bin") if not path.parent.name.endswith(".proj")]
        return max(files, key=lambda path: path.stat().st_size)

    def found(self) -> Counter[str]:
        """The number of copies of each event when a server runs on the folder."""
        with ServerProcess(self.path) as server:
            return unique_ids(server.url, self.key)

    def refusal(self, *prefix: str) -> str:
        """The message of a server that does not start on the folder: its last line; it must not be a traceback."""
        command = [*prefix, sys.executable, "-m", "eventkeep", "serve", "--data", str(self.path), "--port", "0"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS_MAX, check=False)
        assert done.returncode == ExitCode.FAILED, done.stderr
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        last = done.stderr.rstrip().splitlines()[-1]
        assert last.startswith("eventkeep: ")
        assert str(self.path) in last
        return last


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A folder whose server was killed: the newest events are in the journal alone."""
    path = tmp_path_factory.mktemp("killed") / "data"
    with ServerProcess(path) as server:
        (key,) = make_keys(server, "folder", "full")
        with Api(server.url, key) as api:
            for unique_id in IDS:
                api.create(unique_id=unique_id, profile={"email": f"{unique_id}@shop.example"}, time="2025-01-01")
        server.kill()
    return Folder(path, key)


@pytest.fixture(scope="module")
def stopped(killed: Folder, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A folder whose server was stopped: all events are in the table."""
    path = tmp_path_factory.mktemp("stopped") / "data"
    shutil.copytree(killed.path, path, symlinks=True)
    with ServerProcess(path):
        pass
    return Folder(path, killed.key)


@pytest.fixture
def copied(tmp_path: Path) -> Iterator[Callable[[Folder], Folder]]:
    """Copies of folders, to be damaged."""

    def copy(folder: Folder) -> Folder:
        shutil.copytree(folder.path, tmp_path / "data", symlinks=True)
        return Folder(tmp_path / "data", folder.key)

    yield copy
    for path in (tmp_path, *tmp_path.rglob("*")):
        if path.is_dir():
            path.chmod(0o700)


Copied = Callable[[Folder], Folder]


def test_garbage_at_the_end_of_the_journal_is_left_out(killed: Folder, copied: Copied) -> None:
    folder = copied(killed)
    with folder.segment().open("ab") as segment:
        segment.write(b"EVK1\x10\0\0\0 and more")
    assert folder.found() == dict.fromkeys(IDS, 1)
    assert b"left out the torn end of the journal" in folder.path.with_name("data.log").read_bytes()


def test_a_journal_that_was_cut_off_gives_back_its_whole_records(killed: Folder, copied: Copied) -> None:
    folder = copied(killed)
    os.truncate(folder.segment(), folder.segment().stat().st_size - 1)
    assert folder.found() == dict.fromkeys(IDS[:-1], 1)


def test_a_journal_that_is_damaged_before_its_end_is_refused(killed: Folder, copied: Copied) -> None:
    folder = copied(killed)
    content = bytearray(folder.segment().read_bytes())
    content[DAMAGED] ^= 0xFF
    folder.segment().write_bytes(content)
    refusal = folder.refusal()
    assert "000000000001.journal is damaged" in refusal
    assert "Restore the file from a copy" in refusal
    # Nothing was removed meanwhile: with the file restored, everything is there.
    content[DAMAGED] ^= 0xFF
    (folder.journal / "000000000001.journal").write_bytes(content)
    assert folder.found() == dict.fromkeys(IDS, 1)


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_table_whose_parts_are_damaged_is_refused(stopped: Folder, copied: Copied, damage: str) -> None:
    folder = copied(stopped)
    part = folder.part()
    if damage == "cut":
        os.truncate(part, part.stat().st_size // 2)
    else:
        part.unlink()
    assert "the event log can't be opened" in folder.refusal()


def remove_directory(folder: Folder) -> None:
    for path in folder.path.glob("directory.sqlite3*"):
        path.unlink()


def overwrite_directory(folder: Folder) -> None:
    folder.directory.write_bytes(b"nonsense" * 2_000)


def age_directory(folder: Folder) -> None:
    """Make it like a backup of some time ago: it lacks the newest profile."""
    change_directory(folder, "DELETE FROM profile WHERE number = (SELECT max(number) FROM profile)")


def change_directory(folder: Folder, statement: str) -> None:
    with closing(sqlite3.connect(folder.directory)) as connection:
        assert connection.execute(statement).rowcount == 1
        connection.commit()


def put_a_file_in_place_of_the_table(folder: Folder) -> None:
    shutil.rmtree(folder.table)
    folder.table.write_text("in the way")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (remove_directory, f"they are of {EVENTS} profiles, and it has 0"),
        (age_directory, f"they are of {EVENTS} profiles, and it has {EVENTS - 1}"),
        (overwrite_directory, "file is not a database"),
        (put_a_file_in_place_of_the_table, "can't be made: File exists"),
    ],
)
def test_damaged_stores_are_refused_by_name(
    stopped: Folder, copied: Copied, damage: Callable[[Folder], None], words: str
) -> None:
    folder = copied(stopped)
    damage(folder)
    assert words in folder.refusal()


def newer_format(folder: Folder) -> None:
    change_directory(folder, "UPDATE store SET value = '99' WHERE key = 'format'")


NEWER_LOG: Final = f"""
import sys
from pathlib import Path
from eventkeep.eventlog.engine import Engine
engine = Engine(Path(sys.argv[1]))
engine.command("INSERT INTO {DATABASE}.format VALUES (99)")
engine.close()
"""


def newer_log(folder: Folder) -> None:
    # In a process of its own: a process can have one engine only.
    subprocess.run([sys.executable, "-c", NEWER_LOG, str(folder.table)], check=True)


@pytest.mark.parametrize(
    ("make_newer", "words"),
    [
        (newer_format, "has format 99, made by another eventkeep"),
        (newer_log, "has format 99, and this program knows"),
    ],
)
def test_a_folder_of_a_newer_eventkeep_is_refused(
    stopped: Folder, copied: Copied, make_newer: Callable[[Folder], None], words: str
) -> None:
    folder = copied(stopped)
    make_newer(folder)
    assert words in folder.refusal()


@pytest.mark.parametrize(
    ("place", "mode"),
    [
        (".", 0o000),
        ("directory.sqlite3", 0o400),
        ("events/journal", 0o500),
        ("events/journal/000000000001.journal", 0o000),
    ],
)
def test_unreadable_or_unwritable_files_are_named(killed: Folder, copied: Copied, place: str, mode: int) -> None:
    prefix = privileges()
    folder = copied(killed)
    (folder.path / place).chmod(mode)
    refusal = folder.refusal(*prefix)
    assert "can't be" in refusal or "unable to open" in refusal


def test_a_new_folder_that_can_not_be_made_is_refused_by_name(tmp_path: Path) -> None:
    prefix = privileges()
    tmp_path.chmod(0o500)
    assert "can't be written: Permission denied" in Folder(tmp_path / "data", "").refusal(*prefix)
    tmp_path.chmod(0o700)


def test_a_read_only_file_system_is_refused(stopped: Folder, copied: Copied) -> None:
    folder = copied(stopped)
    if os.geteuid() != 0 or not mount("--bind", str(folder.path), str(folder.path)):
        pytest.skip("mounting needs root")
    try:
        if not mount("-o", "remount,bind,ro", str(folder.path)):
            pytest.skip("this system can't mount a folder read-only")
        assert "can't be written: Read-only file system" in folder.refusal()
    finally:
        subprocess.run(["umount", "--lazy", str(folder.path)], check=True)
    assert folder.found() == dict.fromkeys(IDS, 1)


def mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


def privileges() -> tuple[str, ...]:
    """The prefix of a command that makes file permissions apply; skips the test if there is none."""
    if os.geteuid() != 0:
        return ()
    if shutil.which(WITHOUT_OVERRIDE[0]) is None:
        pytest.skip("root needs setpriv to be without its privileges")
    return WITHOUT_OVERRIDE

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
from eventkeep.log.record import BLOCK_BYTES
from eventkeep.testing import ServerProcess
from tests.contract.api import Api, make_keys
from tests.faults.load import unique_ids

START_SECONDS_MAX: Final = 60.0
EVENTS: Final = 6
IDS: Final = [f"event-{number}" for number in range(EVENTS)]
DAMAGED: Final = BLOCK_BYTES + 100
"""A place within the first record of the log."""
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
    def log(self) -> Path:
        """The only file of the log."""
        (path,) = (self.path / "log").iterdir()
        return path

    def segment(self) -> Path:
        """A segment of the event store."""
        return next((self.path / "events").glob("*.segment"))

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
    """A folder whose server was killed: the newest events are in the log alone."""
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
    """A folder whose server was stopped: all events are in segments."""
    path = tmp_path_factory.mktemp("stopped") / "data"
    shutil.copytree(killed.path, path, ignore=shutil.ignore_patterns("*.sock"))
    with ServerProcess(path):
        pass
    return Folder(path, killed.key)


@pytest.fixture
def copied(tmp_path: Path) -> Iterator[Callable[[Folder], Folder]]:
    """Copies of folders, to be damaged."""

    def copy(folder: Folder) -> Folder:
        shutil.copytree(folder.path, tmp_path / "data", ignore=shutil.ignore_patterns("*.sock"))
        return Folder(tmp_path / "data", folder.key)

    yield copy
    for path in (tmp_path, *tmp_path.rglob("*")):
        if path.is_dir():
            path.chmod(0o700)


Copied = Callable[[Folder], Folder]


def end_of_records(folder: Folder) -> int:
    """The byte behind the last record of the log, of a server that was killed."""
    return len(folder.log.read_bytes().rstrip(b"\0"))


def write_at(path: Path, place: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(content)


def test_torn_record_at_the_end_of_the_log_is_left_out(killed: Folder, copied: Copied) -> None:
    folder = copied(killed)
    write_at(folder.log, end_of_records(folder) + BLOCK_BYTES, b"a part of a record")
    assert folder.found() == dict.fromkeys(IDS, 1)
    assert b"left out a torn record" in folder.path.with_name("data.log").read_bytes()


@pytest.mark.parametrize("place", [DAMAGED, -100])
def test_damaged_record_is_refused_even_if_it_is_the_last(killed: Folder, copied: Copied, place: int) -> None:
    folder = copied(killed)
    at = place if place > 0 else end_of_records(folder) + place - BLOCK_BYTES // 2
    whole = folder.log.read_bytes()
    write_at(folder.log, at, bytes([whole[at] ^ 0xFF]))
    refusal = folder.refusal()
    assert f"the log file {folder.log}, byte" in refusal
    assert "Restore the folder from a backup" in refusal
    # Nothing was removed meanwhile: with the file restored everything is there.
    folder.log.write_bytes(whole)
    assert folder.found() == dict.fromkeys(IDS, 1)


def test_log_that_was_cut_off_is_refused(killed: Folder, copied: Copied) -> None:
    folder = copied(killed)
    os.truncate(folder.log, folder.log.stat().st_size - 1)
    assert "bytes, and" in folder.refusal()


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_damaged_segment_is_refused(stopped: Folder, copied: Copied, damage: str) -> None:
    folder = copied(stopped)
    segment = folder.segment()
    if damage == "cut":
        os.truncate(segment, segment.stat().st_size // 2)
    else:
        segment.unlink()
    assert str(segment) in folder.refusal()


def remove_directory(folder: Folder) -> None:
    for path in folder.path.glob("directory.*"):
        path.unlink()


def remove_log(folder: Folder) -> None:
    shutil.rmtree(folder.path / "log")


def overwrite_directory(folder: Folder) -> None:
    folder.directory.write_bytes(b"nonsense" * 2_000)


def change_a_row(folder: Folder) -> None:
    change_directory(folder, "UPDATE metric SET name = 'Another name'")


def change_directory(folder: Folder, statement: str) -> None:
    with closing(sqlite3.connect(folder.directory)) as connection:
        assert connection.execute(statement).rowcount == 1
        connection.commit()


def put_a_file_in_place_of_the_event_store(folder: Folder) -> None:
    shutil.rmtree(folder.path / "events")
    (folder.path / "events").write_text("in the way")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (remove_log, "log is missing, and directory.sqlite3 is there"),
        (overwrite_directory, "is damaged"),
        (change_a_row, "differs from its checksum"),
        (put_a_file_in_place_of_the_event_store, "File exists"),
    ],
)
def test_damaged_stores_are_refused_by_name(
    stopped: Folder, copied: Copied, damage: Callable[[Folder], None], words: str
) -> None:
    folder = copied(stopped)
    damage(folder)
    assert words in folder.refusal()


def test_removed_directory_is_made_again_from_the_log(stopped: Folder, copied: Copied) -> None:
    folder = copied(stopped)
    remove_directory(folder)
    assert folder.found() == dict.fromkeys(IDS, 1)


def test_files_are_the_owners_alone_in_a_folder_that_is_open_to_all(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o755)
    with ServerProcess(data) as server:
        (key,) = make_keys(server, "folder", "full")
        with Api(server.url, key) as api:
            api.create(unique_id="one")
        modes = {path.relative_to(data).as_posix(): path.lstat().st_mode & 0o077 for path in data.rglob("*")}
        server.stop()
    assert set(modes.values()) == {0}, modes


def newer_format(folder: Folder) -> None:
    change_directory(folder, "UPDATE store SET value = '99' WHERE key = 'format'")


@pytest.mark.parametrize(("make_newer", "words"), [(newer_format, "has format 99, made by a newer eventkeep")])
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
        ("log", 0o000),
        ("log/00000000000000000001.log", 0o000),
        ("events", 0o000),
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

"""The faults that an earlier design did not survive, by name, and the tests that cause each of them.

1. *A full disk at start or at rest leaves a folder that never starts again.*
   ``test_full_disk_at_the_start_harms_nothing`` here, ``test_a_full_disk_refuses_with_503_and_loses_nothing``,
   ``test_nearly_full_disk_refuses_creates_and_changes``, ``test_full_disk_refuses_and_goes_on_when_there_is_room``.
2. *A flipped byte of SQLite's write-ahead log, an older directory file, a deleted file are not noticed.*
   ``test_no_damage_is_silent``, ``test_damaged_frame_takes_the_directory_back_and_the_log_brings_it_forward``,
   ``test_every_flip_of_a_page_is_noticed``, ``test_older_parts_of_the_directory_are_noticed``,
   ``test_missing_file_is_named``, ``test_missing_newest_file_is_noticed``,
   ``test_each_shortened_lengthened_or_missing_file_is_noticed``.
3. *Damage in the last record of a file that was rotated counts as torn; a record of an unknown form is dropped with its
   file; a crafted value passes for the header of a record.* ``test_damaged_last_record_of_a_rotated_file_is_named`` and
   ``test_record_of_an_unknown_form_is_named_and_its_file_stays`` here,
   ``test_content_can_not_pass_for_a_later_record``, ``test_no_flip_or_cut_is_silent``.
4. *A replay doubles: a sync and its undo fail and the client sends again; a file of the log is there twice;
   an exception comes after the append.* ``test_failed_sync_without_a_new_file_and_a_retry_keep_the_event_once`` here,
   ``test_failed_sync_and_retry_keep_the_record_once``, ``test_a_failed_operation_loses_and_repeats_nothing``,
   ``test_copy_under_another_name_is_named``, ``test_record_that_can_not_be_applied_breaks_the_committer``.
5. *A write of fewer than 12 bytes, or a half-written record whose undo fails, is lost, or refuses the start.*
   ``test_short_write_without_a_retry_is_torn_or_whole``, ``test_every_operation_fails_once`` of the log.
6. *In a folder that others may read the files can be read by others.*
   ``test_files_are_the_owners_alone_in_a_folder_that_is_open_to_all``.
7. *Times after 2106 become times of 1970.* ``test_times_after_2106_come_back``,
   ``test_times_behind_2106_are_kept_and_a_span_that_does_not_fit_is_refused``.
8. *An older manifest, directory or file of the log is put back; the power is cut after the log was trimmed.*
   ``test_an_older_manifest_is_noticed``, ``test_older_parts_of_the_directory_are_noticed``,
   ``test_older_file_in_the_middle_is_noticed_when_it_is_read``,
   ``test_everything_but_the_manifest_in_an_older_version_is_noticed``,
   ``test_power_cut_after_the_log_was_trimmed_loses_nothing`` here.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from eventkeep.errors import LogError, StoreError
from eventkeep.files import Files
from eventkeep.ingest.stores import Stores
from eventkeep.log import file_log
from eventkeep.log import record as record_module
from eventkeep.log.file_log import FileLog
from eventkeep.log.log_file import file_name
from eventkeep.log.record import BLOCK_BYTES, HEADER, Record, encode
from eventkeep.log.transport import Outcome
from tests.faults.commit_faults import Shop
from tests.faults.damages import everything, keep
from tests.source_tree import PROJECT, functions
from tests.unit.log.faulty_files import FaultyFiles

FILE_BYTES: Final = 8_192


def test_the_tests_named_above_exist() -> None:
    named = set(re.findall(r"``(test_\w+)``", __doc__ or ""))
    found = {function.name for path in (PROJECT / "tests").rglob("test_*.py") for function in functions(path)}
    assert named - found == set()
    assert len(named) > 25


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def take_all_space(path: Path) -> None:
    """Fill the disk to its last byte."""
    with path.open("wb", buffering=0) as file:
        piece = 65_536
        while piece:
            try:
                file.write(bytes(piece))
            except OSError as exc:
                assert exc.errno == errno.ENOSPC
                piece //= 2


def test_full_disk_at_the_start_harms_nothing(small_disk: Path, tmp_path: Path) -> None:
    """A server that was killed is started on a full disk, several times; then there is room again."""
    stores = Stores.open(tmp_path / "data")
    keep(stores, [], *range(1, 20))
    stores.events.flush()
    stores.trim()
    keep(stores, [], *range(20, 40))
    shutil.copytree(tmp_path / "data", small_disk / "data")
    shutil.copytree(tmp_path / "data", tmp_path / "copy")
    stores.close()
    whole = everything(tmp_path / "copy")
    for _ in range(3):
        take_all_space(small_disk / "filler")
        try:
            Stores.open(small_disk / "data").close()
        except StoreError as exc:
            assert str(small_disk) in str(exc)
        (small_disk / "filler").unlink()
    assert everything(small_disk / "data") == whole


@pytest.fixture
def rotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a log of two files, of which the first has two records."""
    monkeypatch.setattr(file_log, "LOG_FILE_BYTES_MIN", FILE_BYTES)
    monkeypatch.setattr(file_log, "LOG_FILE_BYTES_MAX", FILE_BYTES)
    log = FileLog.open(tmp_path / "log")
    for number in range(1, 4):
        record = encode(Record(number, 0, bytes([number]) * 2_000), log.identity, log.last_checksum)
        assert log.append(record).outcome is Outcome.KEPT
    log.close()
    assert [path.name for path in sorted((tmp_path / "log").iterdir())] == [file_name(1), file_name(3)]
    return tmp_path / "log"


RECORD_BYTES: Final = 2_560
LAST_RECORD: Final = BLOCK_BYTES + RECORD_BYTES
"""The byte in the first file of the log at which its last record begins."""


@pytest.mark.parametrize("damage", ["flip", "zeros", "first block"])
def test_damaged_last_record_of_a_rotated_file_is_named(rotated: Path, damage: str) -> None:
    """Even if it looks like the one that a crash leaves, because another file follows."""
    path = rotated / file_name(1)
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[LAST_RECORD + 700] ^= 1
    elif damage == "first block":
        content[LAST_RECORD : LAST_RECORD + BLOCK_BYTES] = bytes(BLOCK_BYTES)
    else:
        content[LAST_RECORD + 100 : LAST_RECORD + RECORD_BYTES] = bytes(RECORD_BYTES - 100)
    path.write_bytes(content)
    log = FileLog.open(rotated)
    with pytest.raises(LogError, match=f"{file_name(1)}, byte {LAST_RECORD}"):
        list(log.read(1))
    log.close()
    assert path.read_bytes() == bytes(content)


def test_record_of_an_unknown_form_is_named_and_its_file_stays(rotated: Path) -> None:
    path = rotated / file_name(3)
    content = bytearray(path.read_bytes())
    fields = list(HEADER.unpack_from(content, BLOCK_BYTES))
    fields[1] = 9
    HEADER.pack_into(content, BLOCK_BYTES, *fields)
    fields[9] = record_module.header_checksum(content[BLOCK_BYTES : BLOCK_BYTES + record_module.HEADER_CHECKED_BYTES])
    HEADER.pack_into(content, BLOCK_BYTES, *fields)
    path.write_bytes(content)
    with pytest.raises(LogError, match=rf"{file_name(3)}, byte 512: the record has form 9\.0"):
        FileLog.open(rotated)
    assert path.read_bytes() == bytes(content)


class FailingSyncs(FaultyFiles):
    """Files whose syncs fail, and in which no new file can be made, while ``is_failing``."""

    is_failing = False

    def sync(self, file: int) -> None:
        if self.is_failing:
            raise OSError(errno.EIO, "the sync failed")

    def create(self, path: Path) -> int:
        if self.is_failing:
            raise OSError(errno.EIO, "no file can be made")
        return super().create(path)


def test_failed_sync_without_a_new_file_and_a_retry_keep_the_event_once(tmp_path: Path) -> None:
    """The record of the failed sync is whole in the file; the client sends again; then the process is killed."""
    files = FailingSyncs()
    shop = Shop(tmp_path / "data", files)
    assert shop.send("before") == [True]
    files.is_failing = True
    assert shop.send("event") == [False]
    assert shop.send("event") == [False]
    files.is_failing = False
    assert shop.send("event", "after") == [True, True]
    shutil.copytree(tmp_path / "data", tmp_path / "killed")
    shop.committer.stop()
    shop.stores.close()
    for folder in ("data", "killed"):
        again = Shop(tmp_path / folder, Files())
        assert again.send("event") == [True]
        assert again.found() == {"before": 1, "event": 1, "after": 1}
        again.committer.stop()
        again.stores.close()


def test_power_cut_after_the_log_was_trimmed_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that SQLite had not synced is gone: its write-ahead log. The log has been trimmed before."""
    monkeypatch.setattr(file_log, "LOG_FILE_BYTES_MIN", FILE_BYTES)
    monkeypatch.setattr(file_log, "LOG_FILE_BYTES_MAX", FILE_BYTES)
    stores = Stores.open(tmp_path / "data")
    wal = "directory.sqlite3-wal"
    for number in range(1, 400, 20):
        _, account = stores.directory.accounts.new(f"shop {number}")
        keep(stores, [account], *range(number, number + 20))
        if number % 100 == 1:
            stores.events.flush()
            stores.trim()
    assert stores.log.first > 1
    shutil.copytree(tmp_path / "data", tmp_path / "killed")
    shutil.copytree(tmp_path / "data", tmp_path / "cut", ignore=shutil.ignore_patterns(wal))
    assert (tmp_path / "killed" / wal).stat().st_size
    stores.close()
    assert everything(tmp_path / "cut") == everything(tmp_path / "killed")

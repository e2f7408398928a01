"""Which records stay in the log beyond those that a store needs: by size, by age, and for followers."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventkeep.errors import ConfigurationError, LogError
from eventkeep.log import file_log
from eventkeep.log.file_log import FileLog
from eventkeep.log.followers import FOLDER, Follower, find_follower, forget, note, read_followers
from eventkeep.log.record import Record, encode
from eventkeep.log.retention import Retention, first_kept
from eventkeep.log.transport import Outcome

FILE_BYTES = 8_192
HOUR = 3_600
RECORDS = 40
NOW = RECORDS * HOUR
"""Unix seconds. One record is made each hour, the last one now."""
NOTHING = Retention(0, 0, 10**9)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def log(data: Path, monkeypatch: pytest.MonkeyPatch) -> FileLog:
    """A log of many files with one record of each hour."""
    monkeypatch.setattr(file_log, "LOG_FILE_BYTES_MIN", FILE_BYTES)
    monkeypatch.setattr(file_log, "LOG_FILE_BYTES_MAX", FILE_BYTES)
    data.mkdir()
    log = FileLog.open(data / "log")
    for number in range(1, RECORDS + 1):
        record = encode(Record(number, number * HOUR * 1_000_000, bytes(1_000)), log.identity, log.last_checksum)
        assert log.append(record).outcome is Outcome.KEPT
    return log


def kept(log: FileLog, data: Path, retention: Retention, is_disk_full: bool = False) -> int:
    return first_kept(log, data, retention, NOW, is_disk_full)


def file_of(log: FileLog, position: int) -> int:
    """The first position of the file that has a record."""
    return max(head.first for head in log.file_heads if head.first <= position)


def test_nothing_is_kept_without_settings(log: FileLog, data: Path) -> None:
    log.trim(kept(log, data, NOTHING) - 1)
    assert len(log.file_heads) == 1
    assert log.last == RECORDS


@pytest.mark.parametrize("hours", [1, 10, 25, 1_000])
def test_records_stay_for_some_hours(log: FileLog, data: Path, hours: int) -> None:
    log.trim(kept(log, data, Retention(0, hours, 0)) - 1)
    # A file stays as long as its youngest record may.
    assert log.first == file_of(log, max(1, RECORDS - hours - 1))


@pytest.mark.parametrize("files", [1, 3, 1_000])
def test_records_stay_up_to_some_bytes(log: FileLog, data: Path, files: int) -> None:
    before = log.file_heads
    log.trim(kept(log, data, Retention(files * FILE_BYTES + 1, 0, 0)) - 1)
    assert [head.first for head in log.file_heads] == [head.first for head in before[-files:]]


def test_the_tighter_of_both_settings_holds(log: FileLog, data: Path) -> None:
    assert kept(log, data, Retention(2 * FILE_BYTES, 1_000, 0)) == log.file_heads[-2].first
    assert kept(log, data, Retention(10**9, 10, 0)) == file_of(log, RECORDS - 11)


def test_full_disk_leaves_only_the_records_of_followers(log: FileLog, data: Path) -> None:
    note(data, Follower("slow", 20))
    retention = Retention(0, 1_000, 10**9)
    assert kept(log, data, retention) == 1
    assert kept(log, data, retention, is_disk_full=True) == 21


def test_followers_keep_what_they_have_not_read(log: FileLog, data: Path) -> None:
    note(data, Follower("slow", 12))
    note(data, Follower("quick", 30))
    log.trim(kept(log, data, NOTHING) - 1)
    assert log.first == file_of(log, 13)
    note(data, Follower("slow", 35))
    assert read_followers(data) == [Follower("quick", 30), Follower("slow", 35)]
    assert kept(log, data, NOTHING) == 31
    assert forget(data, "quick")
    assert not forget(data, "quick")
    assert find_follower(data, "quick") is None
    assert kept(log, data, NOTHING) == 36


def test_follower_that_is_too_far_behind_is_left_behind(log: FileLog, data: Path) -> None:
    note(data, Follower("stopped", 3))
    assert kept(log, data, Retention(0, 0, 2 * FILE_BYTES)) == log.file_heads[-2].first


def test_damaged_follower_is_named_and_nothing_is_removed_meanwhile(log: FileLog, data: Path) -> None:
    note(data, Follower("slow", 12))
    path = data / FOLDER / "slow"
    assert path.stat().st_mode & 0o777 == 0o600
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(LogError, match=f"{path} is damaged: remove it with eventkeep log forget slow"):
            kept(log, data, NOTHING)
    path.write_bytes(b"")
    with pytest.raises(LogError, match="is damaged"):
        kept(log, data, NOTHING)
    assert forget(data, "slow")


@pytest.mark.parametrize("name", ["", "../log", "a/b", "x" * 65, "slow.new"])
def test_names_of_followers_are_simple(data: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match="a follower's name has up to 64"):
        note(data, Follower(name, 1))

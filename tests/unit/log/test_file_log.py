"""The log in files: acknowledged records are there, whatever fails, and damage is told from a torn end."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventkeep.errors import LogError
from eventkeep.log import file_log, log_file
from eventkeep.log.file_log import FileLog
from eventkeep.log.record import EncodedRecord, Record, decode, encode
from eventkeep.log.transport import Outcome
from tests.unit.log.faulty_files import KINDS, FaultyFiles, ForgetfulFiles, Killed
from tests.unit.log.made_records import record_of

FILE_BYTES = 40_960


@pytest.fixture(autouse=True)
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_log, "LOG_FILE_BYTES_MIN", FILE_BYTES)
    monkeypatch.setattr(file_log, "LOG_FILE_BYTES_MAX", FILE_BYTES)


def following(log: FileLog, seed: int | None = None) -> EncodedRecord:
    record = record_of(log.last + 1, seed)
    return encode(record, log.identity, log.last_checksum)


def fill(log: FileLog, count: int) -> list[bytes]:
    """Append so many records, each of which is kept."""
    contents = []
    for _ in range(count):
        record = following(log)
        assert log.append(record).outcome is Outcome.KEPT
        contents.append(record.content)
    return contents


def files_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.log"))


def flip(path: Path, place: int, bits: int = 0xFF) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ bits]))


def test_records_come_back_in_order_over_many_files(tmp_path: Path) -> None:
    log = FileLog.open(tmp_path / "log")
    contents = fill(log, 60)
    assert len(files_of(tmp_path / "log")) > 3
    assert list(log.read(1)) == contents
    assert list(log.read(40)) == contents[39:]
    assert list(log.read(61)) == []
    log.close()
    again = FileLog.open(tmp_path / "log")
    assert (again.first, again.last, again.identity) == (1, 60, log.identity)
    assert list(again.read(1)) == contents
    contents += fill(again, 5)
    assert list(again.read(1)) == contents


def test_files_and_folder_are_the_owners_alone(tmp_path: Path) -> None:
    fill(FileLog.open(tmp_path / "log"), 30)
    assert (tmp_path / "log").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "log").iterdir()} == {0o600}


def test_record_larger_than_a_file_gets_a_file_of_its_own(tmp_path: Path) -> None:
    log = FileLog.open(tmp_path / "log")
    fill(log, 2)
    large = encode(Record(3, 0, random.Random(1).randbytes(3 * FILE_BYTES)), log.identity, log.last_checksum)
    assert log.append(large).outcome is Outcome.KEPT
    assert [decode(content, "").position for content in log.read(3)] == [3]
    fill(log, 2)
    log.close()
    assert FileLog.open(tmp_path / "log").last == 5


def test_first_record_may_be_larger_than_a_file(tmp_path: Path) -> None:
    log = FileLog.open(tmp_path / "log")
    large = encode(Record(1, 0, random.Random(1).randbytes(3 * FILE_BYTES)), log.identity, 0)
    assert log.append(large).outcome is Outcome.KEPT
    log.close()
    assert FileLog.open(tmp_path / "log").last == 1


def test_record_for_another_place_is_a_conflict(tmp_path: Path) -> None:
    log = FileLog.open(tmp_path / "log")
    fill(log, 3)
    assert log.append(encode(record_of(3), log.identity, log.last_checksum)).outcome is Outcome.CONFLICT
    assert log.append(encode(record_of(4), log.identity, 5)).outcome is Outcome.CONFLICT
    assert log.last == 3


def test_trim_keeps_what_is_asked_for(tmp_path: Path) -> None:
    log = FileLog.open(tmp_path / "log")
    contents = fill(log, 60)
    log.trim(30)
    assert 1 < log.first <= 31
    assert list(log.read(log.first)) == contents[log.first - 1 :]
    with pytest.raises(LogError, match="no longer in the log"):
        next(log.read(1))
    log.trim(60)
    assert len(files_of(tmp_path / "log")) == 1
    log.close()
    assert FileLog.open(tmp_path / "log").last == 60


def test_missing_file_is_named(tmp_path: Path) -> None:
    log = FileLog.open(tmp_path / "log")
    fill(log, 60)
    log.close()
    (_, second, *_) = files_of(tmp_path / "log")
    second.unlink()
    with pytest.raises(LogError, match=f"{second.name} is missing"):
        FileLog.open(tmp_path / "log")


def test_missing_newest_file_is_noticed(tmp_path: Path) -> None:
    log = FileLog.open(tmp_path / "log")
    fill(log, 60)
    log.close()
    files_of(tmp_path / "log")[-1].unlink()
    with pytest.raises(LogError, match="another file of the log follows"):
        FileLog.open(tmp_path / "log")


def test_copy_under_another_name_is_named(tmp_path: Path) -> None:
    log = FileLog.open(tmp_path / "log")
    fill(log, 60)
    log.close()
    copy = tmp_path / "log" / log_file.file_name(500)
    shutil.copy(files_of(tmp_path / "log")[0], copy)
    with pytest.raises(LogError, match=f"{copy.name} is the file .* under another name"):
        FileLog.open(tmp_path / "log")


def test_file_of_another_log_is_named(tmp_path: Path) -> None:
    log = FileLog.open(tmp_path / "log")
    fill(log, 60)
    log.close()
    other = FileLog.open(tmp_path / "other")
    fill(other, 60)
    name = files_of(tmp_path / "log")[2].name
    shutil.copy(tmp_path / "other" / name, tmp_path / "log" / name)
    with pytest.raises(LogError, match=f"{name} belongs to another log"):
        FileLog.open(tmp_path / "log")


def test_older_file_in_the_middle_is_noticed_when_it_is_read(tmp_path: Path) -> None:
    log = FileLog.open(tmp_path / "log")
    fill(log, 3)
    log.close()
    old = (tmp_path / "log" / log_file.file_name(1)).read_bytes()
    log = FileLog.open(tmp_path / "log")
    fill(log, 60)
    log.close()
    (tmp_path / "log" / log_file.file_name(1)).write_bytes(old)
    with pytest.raises(LogError, match=log_file.file_name(1)):
        list(FileLog.open(tmp_path / "log").read(1))


def test_unknown_file_is_named(tmp_path: Path) -> None:
    FileLog.open(tmp_path / "log").close()
    (tmp_path / "log" / "notes.txt").write_text("mine")
    with pytest.raises(LogError, match=r"notes\.txt is no file of the log"):
        FileLog.open(tmp_path / "log")


def test_newer_form_of_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_file, "HEAD_FORMAT", 9)
    FileLog.open(tmp_path / "log").close()
    monkeypatch.undo()
    with pytest.raises(LogError, match="form 9, made by a newer eventkeep"):
        FileLog.open(tmp_path / "log")


@pytest.mark.parametrize("stopped", [True, False])
def test_no_flip_or_cut_is_silent(tmp_path: Path, stopped: bool) -> None:
    """Flips at every 37th used byte, and cuts, of each file: refused, or all records are there."""
    made = FileLog.open(tmp_path / "made")
    contents = fill(made, 25)
    if stopped:
        made.close()
    chance = random.Random(5)
    for path in files_of(tmp_path / "made"):
        whole = path.read_bytes()
        used = len(whole.rstrip(b"\0"))
        for place in [*range(0, used, 97), *(chance.randrange(len(whole)) for _ in range(20))]:
            flip(path, place)
            check_damaged(tmp_path / "made", path.name, contents, place)
            flip(path, place)
        for cut in [0, 1, 511, 512, 600, used // 2, used - 1, used, len(whole) - 1]:
            os.truncate(path, cut)
            check_damaged(tmp_path / "made", path.name, contents, cut)
            path.write_bytes(whole)


def check_damaged(folder: Path, name: str, contents: list[bytes], place: int) -> None:
    """The damaged file is named, or all records are there. Nothing is closed orderly, which would write a mark."""
    try:
        log = FileLog.open(folder)
        os.close(log._file)
        read = list(log.read(1))
    except LogError as exc:
        assert name in str(exc), place
    else:
        assert read == contents, (name, place)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), whole=st.integers(0, 12))
def test_power_cut_tears_only_what_was_not_acknowledged(tmp_path: Path, seed: int, whole: int) -> None:
    """Of the last record any blocks are missing: the log opens, holds all that was acknowledged, and goes on."""
    folder = tmp_path / f"{seed}-{whole}"
    files = ForgetfulFiles()
    log = FileLog.open(folder, files)
    contents = fill(log, whole)
    torn = following(log, seed)
    if log._tip.offset + len(torn.content) + 512 <= FILE_BYTES:
        files.write(log._file, [torn.content], log._tip.offset)
    files.cut(random.Random(seed))
    log = FileLog.open(folder)
    assert list(log.read(1))[:whole] == contents
    assert log.last in (whole, whole + 1)
    contents = [*log.read(1), *fill(log, 3)]
    log.close()
    again = FileLog.open(folder)
    assert list(again.read(1)) == contents
    again.close()
    shutil.rmtree(folder)


def test_content_can_not_pass_for_a_later_record(tmp_path: Path) -> None:
    """A torn record that contains a whole record of another log is torn, not damaged."""
    other = FileLog.open(tmp_path / "other")
    fill(other, 9)
    fake = next(other.read(8))
    log = FileLog.open(tmp_path / "log")
    contents = fill(log, 2)
    inner = encode(Record(3, 0, bytes(408) + fake), log.identity, log.last_checksum)
    assert fake[:64] in [inner.content[place : place + 64] for place in range(0, len(inner.content), 512)]
    offset = log._tip.offset
    os.pwrite(log._file, inner.content[512:], offset + 512)
    again = FileLog.open(tmp_path / "log")
    assert list(again.read(1)) == contents
    assert again.is_doubtful


def attempts() -> list[tuple[str, bool]]:
    return [(kind, lasting) for kind in KINDS for lasting in (False, True)]


@pytest.mark.parametrize(("kind", "lasting"), attempts())
def test_every_operation_fails_once(tmp_path: Path, kind: str, lasting: bool) -> None:
    """Each operation of a scenario fails; after it, and after a restart, all that was kept is there, once."""
    fails_at = 0
    while True:
        folder = tmp_path / f"at-{fails_at}"
        files = FaultyFiles(fails_at, kind, lasting)
        kept: list[bytes] = []
        unknown: set[bytes] = set()
        run_scenario(folder, files, kept, unknown)
        if not files.failed:
            assert fails_at > 20
            break
        fails_at += 1
        log = FileLog.open(folder)
        read = [content for content in log.read(log.first) if content in kept]
        assert read == kept[len(kept) - len(read) :]
        assert set(log.read(log.first)) - set(kept) <= unknown
        assert log.first <= 10
        fill(log, 2)
        log.close()
        assert FileLog.open(folder).last == log.last
        shutil.rmtree(folder, ignore_errors=True)


def run_scenario(folder: Path, files: FaultyFiles, kept: list[bytes], unknown: set[bytes]) -> None:
    """Fill some files, trim, stop, start again, fill more. A refused record is tried again, once."""
    try:
        for _ in range(2):
            log = open_with_retry(folder, files)
            if log is None:
                return
            for _ in range(12):
                for _ in range(2):
                    record = following(log)
                    unknown.add(record.content)
                    outcome = log.append(record).outcome
                    if outcome is Outcome.KEPT:
                        kept.append(record.content)
                        break
                    assert outcome in (Outcome.REFUSED, Outcome.UNKNOWN)
            if log.last >= 12:
                try:
                    log.trim(9)
                except LogError:
                    log.trim(0)
            log.close()
    except Killed:
        return


def open_with_retry(folder: Path, files: FaultyFiles) -> FileLog | None:
    for _ in range(2):
        try:
            return FileLog.open(folder, files)
        except LogError:
            continue
    return None


def test_failed_sync_and_retry_keep_the_record_once(tmp_path: Path) -> None:
    """The record of a failed sync does not come back behind the retry, although it stands in the old file."""
    files = FaultyFiles()
    log = FileLog.open(tmp_path / "log", files)
    contents = fill(log, 3)
    files.fails_at = files.count + 1
    lost = following(log, seed=11)
    assert log.append(lost).outcome is Outcome.REFUSED
    assert lost.content in (tmp_path / "log" / log_file.file_name(1)).read_bytes()
    contents += fill(log, 1)
    assert list(FileLog.open(tmp_path / "log").read(1)) == contents


@pytest.mark.parametrize("written", [1, 11, 44, 63, 64, 100, 511, 512, 513, 1_000, -513, -9, -8, -5, -1])
def test_short_write_without_a_retry_is_torn_or_whole(tmp_path: Path, written: int) -> None:
    """The process ends after a part of a record was written: the log opens and goes on."""
    log = FileLog.open(tmp_path / "log")
    contents = fill(log, 2)
    record = encode(Record(3, 0, random.Random(2).randbytes(3_000)), log.identity, log.last_checksum)
    os.pwrite(log._file, record.content[:written], log._tip.offset)
    again = FileLog.open(tmp_path / "log")
    assert list(again.read(1)) in (contents, [*contents, *again.read(3)])
    contents = [*again.read(1), *fill(again, 2)]
    assert list(FileLog.open(tmp_path / "log").read(1)) == contents


def test_full_disk_refuses_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    files = FaultyFiles()
    log = FileLog.open(tmp_path / "log", files)
    contents = fill(log, 3)
    files.kind, files.lasting, files.failed = "full", True, "allocate"
    outcomes = []
    for _ in range(40):
        record = following(log)
        outcomes.append(log.append(record).outcome)
        if outcomes[-1] is Outcome.KEPT:
            contents.append(record.content)
    assert outcomes[-3:] == [Outcome.REFUSED] * 3
    files.lasting = False
    contents += fill(log, 4)
    log.close()
    assert list(FileLog.open(tmp_path / "log").read(1)) == contents

"""A log is looked at beside a server that appends to it: what is written meanwhile is not taken for damage."""

from __future__ import annotations

from pathlib import Path

import pytest

from eventkeep.errors import LogError
from eventkeep.files import Files
from eventkeep.log import file_log, inspection
from eventkeep.log.file_log import FileLog
from eventkeep.log.inspection import inspect_log, read_log
from tests.unit.log.test_file_log import FILE_BYTES, files_of, fill, flip


class BusyFiles(Files):
    """Files of a folder to which records are appended between the reads, some each time, until there are enough."""

    def __init__(self, log: FileLog, at_once: int, most: int) -> None:
        self._log, self._at_once, self._most = log, at_once, most
        self.contents = fill(log, 3)

    def read(self, file: int, size: int, offset: int) -> bytes:
        found = super().read(file, size, offset)
        if len(self.contents) < self._most:
            self.contents += fill(self._log, self._at_once)
        return found


@pytest.fixture(autouse=True)
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_log, "LOG_FILE_BYTES_MIN", FILE_BYTES)
    monkeypatch.setattr(file_log, "LOG_FILE_BYTES_MAX", FILE_BYTES)
    monkeypatch.setattr(inspection, "LOG_READ_AGAIN_SECONDS", 0.0)


@pytest.mark.parametrize("at_once", [1, 2, 5, 20, 60])
def test_records_that_are_written_meanwhile_are_no_damage(tmp_path: Path, at_once: int) -> None:
    log = FileLog.open(tmp_path / "log")
    files = BusyFiles(log, at_once, 120)
    state = inspect_log(tmp_path / "log", files)
    assert state is not None
    assert 3 <= state.last <= len(files.contents)
    log.close()
    log = FileLog.open(tmp_path / "other")
    files = BusyFiles(log, at_once, 120)
    found = list(read_log(tmp_path / "other", 1, files))
    assert len(found) >= 3
    assert found == files.contents[: len(found)]
    log.close()


def test_damage_is_named_as_it_is_without_a_server(tmp_path: Path) -> None:
    log = FileLog.open(tmp_path / "log")
    fill(log, 40)
    log.close()
    flip(files_of(tmp_path / "log")[-1], 700)
    with pytest.raises(LogError, match="damaged"):
        inspect_log(tmp_path / "log")
    files_of(tmp_path / "log")[-1].unlink()
    with pytest.raises(LogError, match="is missing"):
        list(read_log(tmp_path / "log", 1))

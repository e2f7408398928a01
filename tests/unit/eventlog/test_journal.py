"""The journal gives back what was appended, up to a record that a crash tore."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from eventkeep.errors import EventLogError
from eventkeep.eventlog.journal import HEADER, Journal


def payloads(journal: Journal, number: int) -> list[bytes]:
    return list(journal.read(number))


def test_records_come_back_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for payload in (b"one", b"", b"three" * 1000):
        journal.append(payload)
    assert payloads(journal, journal.number) == [b"one", b"", b"three" * 1000]
    journal.close()


@pytest.mark.parametrize("lost_bytes", [1, len(b"second"), len(b"second") + 1, len(b"second") + HEADER.size - 1])
def test_a_torn_last_record_is_left_out(tmp_path: Path, lost_bytes: int) -> None:
    journal = Journal(tmp_path)
    journal.append(b"first")
    journal.append(b"second")
    journal.close()
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - lost_bytes])
    reopened = Journal(tmp_path)
    assert payloads(reopened, 1) == [b"first"]
    reopened.close()


def test_a_record_with_a_flipped_bit_ends_the_reading(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(b"first")
    journal.append(b"second")
    journal.close()
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    reopened = Journal(tmp_path)
    assert payloads(reopened, 1) == [b"first"]
    reopened.close()


def test_rotation_closes_a_segment_and_dropping_removes_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(b"first")
    closed = journal.rotate()
    journal.append(b"second")
    assert payloads(journal, closed) == [b"first"]
    journal.drop(closed)
    assert journal.segments() == [journal.number]
    assert payloads(journal, journal.number) == [b"second"]
    journal.close()


def test_rotating_an_empty_segment_keeps_it(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    number = journal.number
    assert journal.rotate() == number - 1
    assert journal.number == number
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(EventLogError, match="file"):
        Journal(tmp_path / "file" / "journal")


def damaged(folder: Path, place: int) -> Journal:
    """A journal of three records, with another byte at one place."""
    journal = Journal(folder)
    for payload in (b"first", b"second", b"third"):
        journal.append(payload)
    journal.close()
    (path,) = folder.iterdir()
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)
    return Journal(folder)


@pytest.mark.parametrize("place", [0, 5, 9, HEADER.size, HEADER.size + len(b"first") + 4])
def test_damage_before_whole_records_is_told_and_not_passed_over(tmp_path: Path, place: int) -> None:
    journal = damaged(tmp_path, place)
    with pytest.raises(EventLogError, match=r"000000000001\.journal is damaged: .* events that were answered follow"):
        payloads(journal, 1)
    journal.close()


@pytest.mark.parametrize("end", [b"\0", b"EVK1", bytes(100_000), b"EVK1\xff\xff\0\0" + bytes(50), b"garbage" * 1_000])
def test_whatever_stands_behind_the_last_whole_record_is_left_out(tmp_path: Path, end: bytes) -> None:
    journal = Journal(tmp_path)
    journal.append(b"first")
    journal.close()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes() + end)
    reopened = Journal(tmp_path)
    assert payloads(reopened, 1) == [b"first"]
    reopened.close()


def test_files_that_are_no_segments_are_named(tmp_path: Path) -> None:
    (tmp_path / "copy of 000000000001.journal").touch()
    with pytest.raises(EventLogError, match=r"copy of 000000000001\.journal is no segment"):
        Journal(tmp_path)


def test_record_of_the_first_form_is_read(tmp_path: Path) -> None:
    """A server that was killed before the update may have left some."""
    journal = Journal(tmp_path)
    journal.append(b"new")
    path = tmp_path / f"{journal.number:012d}.journal"
    journal.close()
    old = b"old"
    path.write_bytes(HEADER.pack(b"EVK1", len(old), zlib.crc32(old)) + old + path.read_bytes())
    assert list(Journal(tmp_path).read(journal.number)) == [b"old", b"new"]

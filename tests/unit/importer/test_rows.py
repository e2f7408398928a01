from __future__ import annotations

import bz2
import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from eventkeep.errors import ConfigurationError, FileUnreadable, RowRefused
from eventkeep.importer.rejects import RejectsFile
from eventkeep.importer.rows import open_rows
from eventkeep.importer.templates import Row
from eventkeep.limits import IMPORT_LINE_BYTES_MAX


def read(path: Path, file_format: str | None = None, delimiter: str | None = None) -> list[Row]:
    with open_rows(str(path), file_format, delimiter) as rows:
        return list(rows.rows())


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress])
@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2"])
def test_compression_is_recognised_by_the_content(
    tmp_path: Path, suffix: str, compress: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / f"rows.csv{suffix}"
    path.write_bytes(compress(b"id,name\n1,Ada\n2,Grace\n"))
    assert read(path) == [Row(1, {"id": "1", "name": "Ada"}), Row(2, {"id": "2", "name": "Grace"})]


def test_csv_with_quotes_byte_order_mark_and_empty_lines(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes('\ufeffid,text\r\n1,"a, ""b""\r\nc"\r\n\r\n2,\r\n'.encode())
    assert read(path) == [Row(1, {"id": "1", "text": 'a, "b"\r\nc'}), Row(2, {"id": "2", "text": ""})]


def test_tab_separated_and_other_delimiters(tmp_path: Path) -> None:
    tabs, semicolons = tmp_path / "rows.tsv", tmp_path / "rows.csv"
    tabs.write_text("a\tb\n1\t2\n")
    semicolons.write_text("a;b\n1;2\n")
    assert read(tabs) == read(semicolons, delimiter=";") == [Row(1, {"a": "1", "b": "2"})]


def test_json_lines_keep_their_types(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a":1,"b":[true,null]}\n\n{"a":{"c":9223372036854775807}}')
    assert read(path) == [Row(1, {"a": 1, "b": [True, None]}), Row(2, {"a": {"c": 2**63 - 1}})]


def test_bytes_read_count_up_to_the_size_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(gzip.compress(b"id\n" + b"1\n" * 50_000))
    with open_rows(str(path)) as rows:
        for _ in rows.rows():
            pass
        assert rows.read_bytes() == rows.size_bytes == path.stat().st_size


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"id,name\n1,Ada\n2\n", "row 2: expected 2 fields as in the header, got 1"),
        ("a.csv", b'id,name\n1,"Ada\n', "row 1: can't be read"),
        ("a.csv", b"id,name\n1,\xff\n", "row 1: can't be read"),
        ("a.csv", gzip.compress(b"id\n" + bytes(range(48, 58)) * 9000, mtime=0)[:-20], "row 1: can't be read"),
        ("a.jsonl", b'{"a":1}\n{"a":\n', "row 2: expected one JSON object"),
        ("a.jsonl", b'{"a":1}\n[1]\n', r"row 2: expected a JSON object, got \[1\]"),
        ("a.jsonl", b'{"a":"\xff"}', "row 1: expected one JSON object"),
        ("a.jsonl", b"[" * 100_000, "row 1: expected one JSON object"),
        ("a.jsonl", b'"' + b"x" * IMPORT_LINE_BYTES_MAX + b'"', "row 1: expected at most 5,000,000 bytes"),
        ("a.jsonl.gz", gzip.compress(b'{"a":1}\n' * 9, mtime=0)[:-12], "can't be read"),
    ],
)
def test_rows_that_cannot_be_read_are_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(RowRefused, match=message):
        read(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "expected a header line"),
        ("a.csv", b"id,name,id\n", "the column 'id' more than once"),
        ("a.parquet", b"id,name\n1,Ada\n", "is no Parquet file"),
        ("a", b"", "does not tell the format"),
    ],
)
def test_files_that_are_no_rows_are_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=message):
        read(path)


def test_missing_file_unknown_format_and_long_delimiter_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be read: No such file"):
        read(tmp_path / "a.csv")
    with pytest.raises(ConfigurationError, match="expected one of csv, jsonl, parquet, got 'xml'"):
        read(tmp_path / "a.csv", file_format="xml")
    with pytest.raises(ConfigurationError, match="expected one character"):
        read(tmp_path / "a.csv", delimiter="::")


@pytest.mark.parametrize("raw", [False, True])
def test_byte_order_mark_is_no_part_of_json_lines(tmp_path: Path, raw: bool) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes('\ufeff{"a":"\ufeff"}\n{"a":"2"}\n'.encode())
    with open_rows(str(path)) as rows:
        assert rows.first_members() == ["a"]
        assert [list(row.values) for row in rows.rows(raw=raw)] == [["a"], ["a"]]
    path.write_bytes('{"a":1}\n\ufeff{}\n'.encode())
    with pytest.raises(RowRefused, match="row 2: expected one JSON object"):
        read(path)


def rejected(path: Path) -> tuple[list[int], list[tuple[int, str]]]:
    """The numbers of the rows of a file, and those that can't be read with their text."""
    refused: list[tuple[int, str]] = []
    with open_rows(str(path)) as rows:
        numbers = [row.number for row in rows.rows(on_refused=lambda each: refused.append((each.row, each.text)))]
    return numbers, refused


def test_reading_goes_on_after_a_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b'a,b\n1,2\n3\n4,\xff\n"5" x,6\n7,"8\n9"\n10,11,12\n13,14\n')
    assert rejected(path) == ([1, 5, 7], [(2, "3"), (3, "4,\ufffd"), (4, '"5" x,6'), (6, "10,11,12")])
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a":1}\n[1]\n{"a":\n{"a":"\xff"}\n' + b"x" * 100 + b'\n{"a":2}')
    assert rejected(path) == ([1, 6], [(2, "[1]"), (3, '{"a":'), (4, '{"a":"\ufffd"}'), (5, "x" * 100)])


def test_file_that_is_cut_short_ends_the_import_whatever_is_done_with_bad_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"a":1}\n' * 9, mtime=0)[:-12])
    with pytest.raises(FileUnreadable):
        rejected(path)


@pytest.mark.parametrize(("columns", "name"), [(["a", "b"], "rejects.csv"), (None, "rejects.jsonl")])
def test_rejected_rows_can_be_imported_once_they_are_repaired(
    tmp_path: Path, columns: list[str] | None, name: str
) -> None:
    path = tmp_path / name
    with RejectsFile(path, columns) as file:
        file.add(RowRefused(7, 'wrong, "so"'), {"a": "1", "b": "x\ny"})
        file.add(RowRefused(9, "not read", '"broken'), None)
    unread: list[str] = []
    with open_rows(str(path)) as rows:
        assert rows.first_members() == ["a", "b"]
        found = [row.values for row in rows.rows(on_refused=lambda each: unread.append(each.text))]
    assert found[0] == {"a": "1", "b": "x\ny"}
    assert found[1:] == ([] if columns else [{}])
    text = path.read_text()
    assert "reject_row" in text and "reject_reason" in text and "broken" in text

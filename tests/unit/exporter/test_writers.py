"""Files of every format, and the events that an import makes from them."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.csv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.errors import ConfigurationError
from eventkeep.exporter import writers
from eventkeep.exporter.records import Profile, Record, row_of
from eventkeep.exporter.target import opened
from eventkeep.exporter.writers import FORMATS, csv_line, format_of, plain_line, writer
from eventkeep.importer.exported import exported_record, exported_row, is_export
from eventkeep.importer.mapping import MappedRow
from eventkeep.importer.rows import open_rows
from eventkeep.protocol.rows.columns import COLUMNS, JSON_PLACES, encode_lines
from tests.unit.exporter.made_records import record

BARE = record(
    "2",
    metric=type(record().metric)("x", "Viewed Page", "shop"),
    profile=Profile("y", email="ada@shop.example", location=b'{"zip":"01"}', properties=b'{"a":null}'),
    value=None,
    value_currency=None,
    properties=b"{}",
)


def written(path: Path, file_format: str, records: list[Record], ids: bool = False) -> Path:
    with opened(str(path)) as file:
        out = writer(file_format, file, ids)
        for each in records:
            out.write(encode_lines([row_of(each, has_ids=ids)]))
        out.finish()
    return path


def read_back(path: Path) -> list[MappedRow]:
    with open_rows(str(path)) as rows:
        assert is_export(rows.first_members())
        found = [exported_row(row, empty_is_none=rows.format == "csv") for row in rows.rows(raw=True)]
    # The values of a row are for a file of rejects; the events are compared.
    return [msgspec.structs.replace(row, values={}) for row in found]


def test_text_with_a_carriage_return_is_quoted_in_csv(tmp_path: Path) -> None:
    """RFC 4180, 2.6. Readers other than Python's take a bare one for the end of a line."""
    texts = ["a\rb", "a\r", "\r\n", "plain"]
    records = [record(text) for text in texts]
    path = written(tmp_path / "a.csv", "csv", records)
    assert b'"a\rb"' in path.read_bytes()
    table = pyarrow.csv.read_csv(path, parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True))
    assert table.column("unique_id").to_pylist() == texts
    with path.open(newline="") as file:
        assert [row["unique_id"] for row in csv.DictReader(file)] == texts


TEXTS = st.none() | st.text('ab,"\n\r é', max_size=3)
OBJECTS = st.none() | st.dictionaries(st.text('a,"', max_size=2), st.text('a,"\n\r', max_size=2), max_size=2)


@given(
    st.lists(TEXTS, min_size=len(COLUMNS), max_size=len(COLUMNS)),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.lists(OBJECTS, min_size=len(JSON_PLACES), max_size=len(JSON_PLACES)),
)
def test_plain_lines_of_csv_are_those_of_the_module(row: list[Any], value: float | None, objects: list[Any]) -> None:
    row[COLUMNS.index("value")] = value
    for place, each in zip(JSON_PLACES, objects, strict=True):
        row[place] = None if each is None else json.dumps(each)
    assert plain_line(row) in (None, csv_line(row))
    plain = [cell if place in JSON_PLACES or cell is None else "a" for place, cell in enumerate(row)]
    assert plain_line(plain) == csv_line(plain)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet", "a.csv.gz", "a.ndjson.gz"])
@pytest.mark.parametrize("ids", [False, True])
def test_import_makes_the_same_of_a_file_and_of_the_records(tmp_path: Path, name: str, ids: bool) -> None:
    records = [record(), BARE]
    path = written(tmp_path / name, format_of(name, None), records, ids)
    assert read_back(path) == [exported_record(number, each) for number, each in enumerate(records, 1)]


def test_document_to_send_has_each_sent_value_once() -> None:
    row = exported_record(1, BARE)
    assert json.loads(row.identity) == {"email": "ada@shop.example"}
    assert json.loads(row.profile) == {
        "type": "profile",
        "attributes": {"email": "ada@shop.example", "location": {"zip": "01"}, "properties": {"a": None}},
    }
    assert json.loads(row.event)["attributes"] == {
        "metric": {"data": {"type": "metric", "attributes": {"name": "Viewed Page", "service": "shop"}}},
        "properties": {},
        "time": "2024-03-01T10:00:00+00:00",
        "unique_id": "2",
    }
    assert b'"n":1.50' in exported_record(1, record()).event


def test_parquet_is_written_in_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet

    monkeypatch.setattr(writers, "EXPORT_ROW_GROUP_ROWS", 2)
    path = written(tmp_path / "a.parquet", "parquet", [record(str(number)) for number in range(5)])
    file = pyarrow.parquet.ParquetFile(path)
    assert [file.metadata.row_group(place).num_rows for place in range(file.num_row_groups)] == [2, 2, 1]
    file.close()


@pytest.mark.parametrize("file_format", FORMATS)
def test_no_events_make_a_file_all_the_same(tmp_path: Path, file_format: str) -> None:
    path = written(tmp_path / f"a.{file_format}", file_format, [])
    with open_rows(str(path)) as rows:
        assert list(rows.rows()) == []


def test_file_takes_its_place_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("as it was")
    with pytest.raises(ZeroDivisionError), opened(str(path)) as file:
        file.write(b"half")
        file.flush()
        assert path.read_text() == "as it was"
        raise ZeroDivisionError
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("a.csv", "as it was")]
    with opened(str(path)) as file:
        file.write(b"whole")
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("a.csv", "whole")]


def test_compressed_files_are_equal_whenever_they_are_written(tmp_path: Path) -> None:
    for name in ("a.csv.gz", "b.csv.gz"):
        written(tmp_path / name, "csv", [record()])
    first, second = (tmp_path / name for name in ("a.csv.gz", "b.csv.gz"))
    assert first.read_bytes() == second.read_bytes()
    assert gzip.decompress(first.read_bytes()).startswith(b"time,metric,")


@pytest.mark.parametrize(
    ("target", "given", "found"),
    [
        ("a.csv", None, "csv"),
        ("a.CSV.GZ", None, "csv"),
        ("a.ndjson", None, "jsonl"),
        ("a.parquet", None, "parquet"),
        ("-", "csv", "csv"),
        ("a.txt", "jsonl", "jsonl"),
    ],
)
def test_format_is_that_of_the_name_unless_one_is_given(target: str, given: str | None, found: str) -> None:
    assert format_of(target, given) == found


@pytest.mark.parametrize(("target", "given"), [("a", None), ("a.gz", None), ("-", None), ("a.csv", "xml")])
def test_unknown_formats_are_refused(target: str, given: Any) -> None:
    with pytest.raises(ConfigurationError, match="csv"):
        format_of(target, given)

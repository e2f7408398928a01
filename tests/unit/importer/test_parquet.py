from __future__ import annotations

import datetime
import decimal
import math
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from eventkeep.client.encoding import encode_json
from eventkeep.errors import ConfigurationError, RowRefused
from eventkeep.importer.mapping import RowMapping, parse_map_options
from eventkeep.importer.rows import open_rows
from eventkeep.importer.templates import Row

MOMENT = datetime.datetime(2024, 3, 1, 10, tzinfo=datetime.UTC)


def written(path: Path, columns: dict[str, Any], row_group_size: int | None = None) -> Path:
    pyarrow.parquet.write_table(pyarrow.table(columns), path, row_group_size=row_group_size)
    return path


def test_values_become_json_values(tmp_path: Path) -> None:
    path = written(
        tmp_path / "a.parquet",
        {
            "text": ["a", None],
            "number": [2**62, None],
            "share": [0.5, math.nan],
            "flag": [True, None],
            "at": pyarrow.array([MOMENT, None], pyarrow.timestamp("us", "UTC")),
            "local": pyarrow.array([MOMENT.replace(tzinfo=None), None], pyarrow.timestamp("ms")),
            "day": [MOMENT.date(), None],
            "price": [decimal.Decimal("9.50"), decimal.Decimal("3.00")],
            "deep": [{"list": [1, 2]}, None],
        },
    )
    with open_rows(str(path)) as rows:
        assert rows.columns == rows.first_members()
        first, second = rows.rows()
        assert rows.read_bytes() == rows.size_bytes == path.stat().st_size
    assert first == Row(
        1,
        {
            "text": "a",
            "number": 2**62,
            "share": 0.5,
            "flag": True,
            "at": "2024-03-01T10:00:00+00:00",
            "local": "2024-03-01T10:00:00",
            "day": "2024-03-01",
            "price": 9.5,
            "deep": {"list": [1, 2]},
        },
    )
    assert set(second.values.values()) == {None, 3}


def test_mapping_applies_to_its_rows_over_all_row_groups(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", {"id": list(range(2_500)), "at": [MOMENT] * 2_500}, row_group_size=400)
    mapping = RowMapping(parse_map_options(["metric=Tick", "profile.external_id={id}", "time={at}"]))
    with open_rows(str(path)) as rows:
        events = [mapping.apply(row) for row in rows.rows()]
    assert [event.number for event in events] == list(range(1, 2_501))
    assert b'"time":"2024-03-01T10:00:00+00:00"' in events[-1].event


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    whole = written(tmp_path / "a.parquet", {"id": [str(number) * 50 for number in range(5_000)]}, row_group_size=1_000)
    content = bytearray(whole.read_bytes())
    for name, part in {"cut": bytes(content[:-20]), "text": b"id\n1\n", "empty": b""}.items():
        (tmp_path / f"{name}.parquet").write_bytes(part)
        with pytest.raises(ConfigurationError, match=r"\.parquet is no Parquet file"):
            open_rows(str(tmp_path / f"{name}.parquet"))
    with pytest.raises(ConfigurationError, match="can't be read: No such file"):
        open_rows(str(tmp_path / "absent.parquet"))
    with pytest.raises(ConfigurationError, match="the column 'raw' holds bytes"):
        open_rows(str(written(tmp_path / "raw.parquet", {"raw": [b"a"]})))
    # Bytes in the middle, which hold the pages of the rows.
    content[200:400] = bytes(200)
    whole.write_bytes(content)
    with open_rows(str(whole)) as rows, pytest.raises(RowRefused, match="can't be read"):
        list(rows.rows())


def test_nested_values_become_json_like_those_at_the_top(tmp_path: Path) -> None:
    price, kept = decimal.Decimal("1.10"), pyarrow.decimal128(38, 20)
    exact = decimal.Decimal("0.12345678901234567890")
    path = written(
        tmp_path / "a.parquet",
        {
            "exact": pyarrow.array([exact], kept),
            "prices": pyarrow.array([[price, None]], pyarrow.list_(pyarrow.decimal128(5, 2))),
            "shares": pyarrow.array([[0.5, math.nan]], pyarrow.list_(pyarrow.float64())),
            "times": pyarrow.array([[MOMENT]], pyarrow.list_(pyarrow.timestamp("us", "UTC"))),
            "map": pyarrow.array([[("a", 1), ("b", None)]], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
            "days": pyarrow.array([[(1, MOMENT.date())]], pyarrow.map_(pyarrow.int64(), pyarrow.date32())),
            "struct": pyarrow.array([{"at": MOMENT.time(), "n": 1}]),
            "took": pyarrow.array([datetime.timedelta(hours=1)], pyarrow.duration("us")),
            "nanos": pyarrow.array([datetime.timedelta(hours=1)], pyarrow.duration("ns")),
            "kind": pyarrow.array(["x"]).dictionary_encode(),
            "priced": pyarrow.array([price], pyarrow.decimal128(5, 2)).dictionary_encode(),
        },
    )
    with open_rows(str(path)) as rows:
        (row,) = rows.rows()
    assert encode_json(row.values) == (
        b'{"exact":0.12345678901234567890,"prices":[1.10,null],"shares":[0.5,null],'
        b'"times":["2024-03-01T10:00:00+00:00"],"map":{"a":1,"b":null},"days":{"1":"2024-03-01"},'
        b'"struct":{"at":"10:00:00","n":1},"took":"PT3600S","nanos":"PT3600S","kind":"x","priced":1.10}'
    )


@pytest.mark.parametrize(
    "kind",
    [
        pyarrow.list_(pyarrow.binary()),
        pyarrow.struct([("raw", pyarrow.binary())]),
        pyarrow.map_(pyarrow.string(), pyarrow.large_binary()),
    ],
)
def test_bytes_are_refused_wherever_they_stand(tmp_path: Path, kind: Any) -> None:
    path = written(tmp_path / "a.parquet", {"raw": pyarrow.array([None], kind)})
    with pytest.raises(ConfigurationError, match="the column 'raw' holds bytes"):
        open_rows(str(path))


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        (pyarrow.timestamp("s"), 400_000_000_000),
        (pyarrow.date32(), 4_000_000),
        (pyarrow.duration("ns"), 1),
        (pyarrow.map_(pyarrow.string(), pyarrow.int64()), [("a", 1), ("a", 2)]),
    ],
)
def test_row_with_a_value_that_json_lacks_is_named_and_the_others_are_read(tmp_path: Path, kind: Any, bad: Any) -> None:
    good = [("a", 1)] if isinstance(bad, list) else 0
    path = written(tmp_path / "a.parquet", {"at": pyarrow.array([good, bad, good], kind)})
    refused: list[str] = []
    with open_rows(str(path)) as rows:
        assert [row.number for row in rows.rows(on_refused=lambda each: refused.append(str(each)))] == [1, 3]
    assert len(refused) == 1
    assert refused[0].startswith("row 2: at: ")
    with open_rows(str(path)) as rows, pytest.raises(RowRefused, match="row 2: at: "):
        list(rows.rows())

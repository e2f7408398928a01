from __future__ import annotations

import datetime
import decimal
import math
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

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

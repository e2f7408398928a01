"""Columns that are read from Arrow's memory have the values that Arrow itself makes of them."""

from __future__ import annotations

import datetime
import math
from typing import Any

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.importer.parquet_columns import reader

TEXTS = st.lists(st.none() | st.text(max_size=4), max_size=20)
NUMBERS = st.lists(st.none() | st.floats(), max_size=20)
SECONDS = st.lists(st.none() | st.integers(-(10**9), 10**10), max_size=20)
PLACES = st.integers(0, 9)


def json_value(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def check(column: Any, start: int) -> None:
    """Compare a column and a part of it with the values of Arrow."""
    read = reader(pyarrow.types, column.type)
    assert read is not None
    for each in (column, column.slice(start), column.slice(start, 3)):
        assert read(each) == [json_value(value) for value in each.to_pylist()]


@given(TEXTS, PLACES, st.sampled_from([pyarrow.string(), pyarrow.large_string()]))
def test_texts(values: list[str | None], start: int, kind: Any) -> None:
    check(pyarrow.array(values, kind), start)


@given(NUMBERS, PLACES)
def test_numbers(values: list[float | None], start: int) -> None:
    check(pyarrow.array(values, pyarrow.float64()), start)


@given(SECONDS, PLACES, st.sampled_from(["s", "ms", "us"]), st.sampled_from([None, "UTC"]))
def test_times(values: list[int | None], start: int, unit: str, zone: str | None) -> None:
    check(pyarrow.array(values, pyarrow.timestamp(unit, zone)), start)


def test_year_that_python_does_not_have_is_refused() -> None:
    column = pyarrow.array([10**12], pyarrow.timestamp("s"))
    read = reader(pyarrow.types, column.type)
    assert read is not None
    with pytest.raises(OverflowError):
        read(column)


@pytest.mark.parametrize(
    "kind",
    [
        pyarrow.bool_(),
        pyarrow.int64(),
        pyarrow.float32(),
        pyarrow.timestamp("ns"),
        pyarrow.timestamp("s", "Europe/Paris"),
        pyarrow.dictionary(pyarrow.int32(), pyarrow.string()),
    ],
)
def test_other_types_are_left_to_arrow(kind: Any) -> None:
    assert reader(pyarrow.types, kind) is None

"""Columns of Parquet files as Python values, read from the memory of Arrow.

Arrow makes an object of each value before it makes the value; for the types here that takes longer than all else of an
import.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Final

Read = Callable[[Any], list[Any]]
"""From an Arrow array to its values as JSON has them."""

_EPOCH: Final = datetime.datetime(1970, 1, 1)
_MICROSECONDS: Final = {"s": 1_000_000, "ms": 1_000, "us": 1}
"""Of the units of times."""


def reader(kinds: Any, kind: Any) -> Read | None:
    """The reader of a column of text, of numbers with 64 bits, or of times in UTC; None for any other type.

    ``kinds`` is ``pyarrow.types``, ``kind`` the type of the column.
    """
    if kinds.is_string(kind):
        return lambda column: _given(column, _texts(column, "i"))
    if kinds.is_large_string(kind):
        return lambda column: _given(column, _texts(column, "q"))
    if kinds.is_float64(kind):
        return lambda column: _given(column, [each if math.isfinite(each) else None for each in _numbers(column, "d")])
    if kinds.is_timestamp(kind) and kind.unit in _MICROSECONDS and kind.tz in (None, "UTC"):
        scale, offset = _MICROSECONDS[kind.unit], "" if kind.tz is None else "+00:00"
        return lambda column: _times(column, scale, offset)
    return None


def _texts(column: Any, offset_format: Any) -> list[str]:
    """The texts of a column; that of a null is any. ``offset_format`` is that of its offsets in the module array."""
    if column.null_count == len(column):
        return [""] * len(column)
    _, offsets, content = column.buffers()
    places = memoryview(offsets).cast("B").cast(offset_format)[column.offset : column.offset + len(column) + 1].tolist()
    first = places[0]
    joined = b"" if content is None else bytes(memoryview(content)[first : places[-1]])
    if joined.isascii():
        text = joined.decode()
        return [text[start - first : end - first] for start, end in pairwise(places)]
    return [joined[start - first : end - first].decode() for start, end in pairwise(places)]


def _numbers(column: Any, number_format: Any) -> list[Any]:
    """The numbers of a column, in a format of the module array; that of a null is any."""
    _, content = column.buffers()
    numbers: list[Any] = memoryview(content).cast("B").cast(number_format)[column.offset :][: len(column)].tolist()
    return numbers


def _times(column: Any, scale: int, offset: str) -> list[str | None]:
    """Times as ISO 8601 text. Raises OverflowError for a year that Python does not have."""
    given = _given(column, _numbers(column, "q"))
    return [
        None if each is None else (_EPOCH + datetime.timedelta(microseconds=each * scale)).isoformat() + offset
        for each in given
    ]


def _given(column: Any, values: list[Any]) -> list[Any]:
    """The values, None for those that are null."""
    if not column.null_count:
        return values
    if column.null_count == len(column):
        return [None] * len(values)
    bits = int.from_bytes(column.buffers()[0], "little")
    flags = f"{bits >> column.offset:b}"[::-1]
    return [value if flag == "1" else None for value, flag in zip(values, flags.ljust(len(values), "0"), strict=False)]

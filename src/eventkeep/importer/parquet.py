"""Rows of a Parquet file, read row group by row group."""

from __future__ import annotations

import datetime
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from eventkeep.errors import ConfigurationError, FileUnreadable, RowRefused
from eventkeep.importer.parquet_columns import reader
from eventkeep.importer.templates import Row

_ROWS_AT_ONCE: Final = 1_000

Convert = Callable[[Any], Any]
OnRowRefused = Callable[[RowRefused], object]
"""Called with a row that can't be read; it may raise to end the import."""


def raise_refusal(refusal: RowRefused) -> None:
    """End the import at its first bad row."""
    raise refusal


class ParquetFile:
    """An open Parquet file; iterate ``rows()`` once. It has the same interface as a row file.

    Times, dates and durations become ISO 8601 text (without an offset if the column has no
    time zone), decimals numbers with all their digits, maps objects, and NaN, which JSON
    lacks, null. ``read_bytes`` is the share of the rows that were read.
    """

    format: Final = "parquet"

    def __init__(self, path: str) -> None:
        """Open ``path`` (``-`` is standard input, redirected from a file). Raises ConfigurationError."""
        try:
            import pyarrow
            import pyarrow.parquet
        except ModuleNotFoundError as exc:
            raise ConfigurationError("Parquet needs pyarrow: pip install 'eventkeep[parquet]'") from exc
        self._error: type[Exception] = pyarrow.ArrowException
        try:
            self._raw = open(sys.stdin.fileno() if path == "-" else path, "rb", closefd=path != "-")  # noqa: SIM115
            self.size_bytes: int | None = None if path == "-" else Path(path).stat().st_size
        except OSError as exc:
            raise ConfigurationError(f"{path} can't be read: {exc.strerror or exc}") from exc
        self._read_rows = 0
        try:
            if not self._raw.seekable():
                raise ConfigurationError("Parquet is read from its end: redirect standard input from a file")
            self._file = pyarrow.parquet.ParquetFile(self._raw, pre_buffer=False)
            schema = self._file.schema_arrow
            self.columns: list[str] | None = _checked_names(path, schema.names)
            self._readers = {field.name: reader(pyarrow.types, field.type) for field in schema}
            converters = {
                field.name: _column_converter(pyarrow, path, field)
                for field in schema
                if self._readers[field.name] is None
            }
        except (self._error, OSError) as exc:
            self._raw.close()
            raise ConfigurationError(f"{path} is no Parquet file: {exc}") from exc
        except ConfigurationError:
            self._raw.close()
            raise
        self._converters = {name: convert for name, convert in converters.items() if convert is not None}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; standard input stays open for others."""
        self._file.close()
        self._raw.close()

    def read_bytes(self) -> int:
        """Return the share of the rows that were read, of the file's size."""
        rows: int = self._file.metadata.num_rows
        return (self.size_bytes or 0) * self._read_rows // max(1, rows)

    def first_members(self) -> list[str]:
        """Return the names of the columns."""
        return list(self.columns or [])

    def rows(self, *, raw: bool = False, on_refused: OnRowRefused = raise_refusal) -> Iterator[Row]:
        """Yield the rows in order, numbered from 1; ``on_refused`` is called for a row with a value that JSON lacks.

        ``raw`` is for JSON Lines alone. Raises FileUnreadable if the file can't be read any further.
        """
        batches = self._file.iter_batches(batch_size=_ROWS_AT_ONCE)
        while True:
            try:
                batch = next(batches, None)
            except (self._error, OSError) as exc:
                raise FileUnreadable(self._read_rows + 1, f"can't be read: {exc}") from exc
            if batch is None:
                return
            for values in self._values(batch):
                self._read_rows += 1
                try:
                    if isinstance(values, Exception):
                        raise values
                    yield Row(self._read_rows, self._converted(values))
                except (ValueError, OverflowError) as exc:
                    on_refused(RowRefused(self._read_rows, str(exc)))

    def _values(self, batch: Any) -> list[dict[str, Any] | Exception]:
        """Return the values of each row, or the error for a row with one that Python can't hold (the year 10000)."""
        try:
            columns = [
                column.to_pylist() if (read := self._readers[name]) is None else read(column)
                for name, column in zip(batch.schema.names, batch.columns, strict=True)
            ]
            names = batch.schema.names
            return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
        except (self._error, ValueError, OverflowError):
            return [self._row_values(batch, place) for place in range(batch.num_rows)]

    def _row_values(self, batch: Any, place: int) -> dict[str, Any] | Exception:
        values: dict[str, Any] = {}
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            try:
                read = self._readers[name]
                values[name] = column[place].as_py() if read is None else read(column.slice(place, 1))[0]
            except (self._error, ValueError, OverflowError) as exc:
                return ValueError(f"{name}: can't be read: {exc}")
        return values

    def _converted(self, values: dict[str, Any]) -> dict[str, Any]:
        for name, convert in self._converters.items():
            try:
                values[name] = convert(values[name])
            except (ValueError, OverflowError) as exc:
                raise ValueError(f"{name}: {exc}") from exc
        return values


def _checked_names(path: str, names: list[str]) -> list[str]:
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise ConfigurationError(f"{path}: the column {repeated[0]!r} is there more than once")
    return names


def _column_converter(pyarrow: Any, path: str, field: Any) -> Convert | None:
    try:
        return _converter(pyarrow.types, field.type)
    except TypeError as exc:
        raise ConfigurationError(f"{path}: the column {field.name!r} holds {exc}, which no event can hold") from exc


def _converter(kinds: Any, kind: Any) -> Convert | None:
    """Return the function from a value of an Arrow type to one of JSON; None for values that need none.

    Raises TypeError with the name of a type that JSON lacks.
    """
    if kinds.is_dictionary(kind):
        return _converter(kinds, kind.value_type)
    if kinds.is_map(kind):
        return _map_converter(_converter(kinds, kind.item_type))
    if kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind):
        return _list_converter(_converter(kinds, kind.value_type))
    if kinds.is_struct(kind):
        return _struct_converter({field.name: _converter(kinds, field.type) for field in kind})
    if any(is_kind(kind) for is_kind in (kinds.is_timestamp, kinds.is_date, kinds.is_time)):
        return _if_given(lambda value: value.isoformat())
    if kinds.is_duration(kind):
        return _if_given(_duration)
    if kinds.is_floating(kind):
        return _if_given(lambda value: value if math.isfinite(value) else None)
    plain = (kinds.is_null, kinds.is_boolean, kinds.is_integer, kinds.is_string, kinds.is_large_string)
    if any(is_kind(kind) for is_kind in (*plain, kinds.is_decimal)):
        return None
    is_bytes = any(is_kind(kind) for is_kind in (kinds.is_binary, kinds.is_large_binary, kinds.is_fixed_size_binary))
    raise TypeError("bytes" if is_bytes else str(kind))


def _if_given(convert: Convert) -> Convert:
    return lambda value: None if value is None else convert(value)


def _list_converter(convert: Convert | None) -> Convert | None:
    if convert is None:
        return None
    return _if_given(lambda values: [convert(value) for value in values])


def _struct_converter(converters: Mapping[str, Convert | None]) -> Convert | None:
    given = {name: convert for name, convert in converters.items() if convert is not None}
    if not given:
        return None
    return _if_given(lambda values: values | {name: convert(values[name]) for name, convert in given.items()})


def _map_converter(convert: Convert | None) -> Convert:
    """A map becomes an object; its keys are text, or the text of a number or a time."""

    def converted(pairs: list[tuple[Any, Any]]) -> dict[str, Any]:
        found = {str(key): value if convert is None else convert(value) for key, value in pairs}
        if len(found) < len(pairs):
            raise ValueError("expected a map with each key once")
        return found

    return _if_given(converted)


def _duration(value: datetime.timedelta) -> str:
    if getattr(value, "nanoseconds", 0):
        raise ValueError(f"expected a duration of whole microseconds, got {value}")
    text: str = msgspec.to_builtins(
        datetime.timedelta(days=value.days, seconds=value.seconds, microseconds=value.microseconds)
    )
    return text

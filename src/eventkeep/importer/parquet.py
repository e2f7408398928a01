"""Rows of a Parquet file, read row group by row group."""

from __future__ import annotations

import datetime
import decimal
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from eventkeep.errors import ConfigurationError, RowRefused
from eventkeep.importer.templates import Row

_ROWS_AT_ONCE: Final = 1_000


class ParquetFile:
    """An open Parquet file; iterate ``rows()`` once. What a row file has, this has too.

    Times and dates come as ISO 8601 text (without an offset where the column has no time
    zone), decimals as numbers, and NaN, which JSON does not have, as nothing.
    ``read_bytes`` goes by the share of the rows that were read.
    """

    format: Final = "parquet"

    def __init__(self, path: str) -> None:
        """Opens ``path`` (``-`` is standard input, redirected from a file). Raises ConfigurationError."""
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
            converters = {field.name: _converter(pyarrow, path, field) for field in schema}
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
        """Closes the file; standard input stays open for others."""
        self._file.close()
        self._raw.close()

    def read_bytes(self) -> int:
        """The share of the rows that were read, of the file's size."""
        rows: int = self._file.metadata.num_rows
        return (self.size_bytes or 0) * self._read_rows // max(1, rows)

    def first_members(self) -> list[str]:
        """The names of the columns."""
        return list(self.columns or [])

    def rows(self, *, raw: bool = False) -> Iterator[Row]:
        """The rows in order, numbered from 1; ``raw`` is for JSON alone. Raises RowRefused at what can't be read."""
        batches = self._file.iter_batches(batch_size=_ROWS_AT_ONCE)
        while True:
            try:
                batch = next(batches, None)
            except (self._error, OSError) as exc:
                raise RowRefused(self._read_rows + 1, f"can't be read: {exc}") from exc
            if batch is None:
                return
            for values in batch.to_pylist():
                self._read_rows += 1
                for name, convert in self._converters.items():
                    if values[name] is not None:
                        values[name] = convert(values[name])
                yield Row(self._read_rows, values)


def _checked_names(path: str, names: list[str]) -> list[str]:
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise ConfigurationError(f"{path}: the column {repeated[0]!r} is there more than once")
    return names


def _converter(pyarrow: Any, path: str, field: Any) -> Callable[[Any], Any] | None:
    """What makes a column's values those that rows have; None for what is so already."""
    kinds = pyarrow.types
    if kinds.is_timestamp(field.type) or kinds.is_date(field.type) or kinds.is_time(field.type):
        return _iso
    if kinds.is_decimal(field.type):
        return _number_of
    if kinds.is_floating(field.type):
        return _finite
    if kinds.is_binary(field.type) or kinds.is_large_binary(field.type) or kinds.is_fixed_size_binary(field.type):
        raise ConfigurationError(f"{path}: the column {field.name!r} holds bytes, which no event can hold")
    return None


def _iso(value: datetime.date | datetime.time) -> str:
    return value.isoformat()


def _number_of(value: decimal.Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

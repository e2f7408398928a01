"""Rows of a file: CSV or JSON Lines, plain or compressed, from a path or standard input; or Parquet."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from eventkeep.errors import ConfigurationError, RowRefused
from eventkeep.importer.parquet import ParquetFile
from eventkeep.importer.templates import Row, shown
from eventkeep.limits import IMPORT_LINE_BYTES_MAX

FORMATS: Final = ("csv", "jsonl", "parquet")
_FORMAT_BY_SUFFIX: Final = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
_GZIP_MAGIC: Final = b"\x1f\x8b"
_BZIP2_MAGIC: Final = b"BZh"


class RowFile:
    """An open file of rows; iterate ``rows()`` once. ``columns`` is the CSV header, or None for JSON Lines.

    ``size_bytes`` is the size of the file as it lies on disk (None for standard
    input) and ``read_bytes()`` how much of it has been read, for a progress bar.
    Compression (gzip, bzip2) is recognised by the content.
    """

    def __init__(self, path: str, file_format: str, delimiter: str | None = None) -> None:
        """Opens ``path`` (``-`` is standard input), ``csv`` or ``jsonl``. Raises ConfigurationError."""
        self.format = file_format
        self._delimiter = delimiter or ("\t" if ".tsv" in Path(path).suffixes else ",")
        if len(self._delimiter) != 1:
            raise ConfigurationError(f"--delimiter: expected one character, got {self._delimiter!r}")
        try:
            self._raw = _standard_input() if path == "-" else Path(path).open("rb")  # noqa: SIM115
            self.size_bytes: int | None = None if path == "-" else Path(path).stat().st_size
            self._file = _decompressed(self._raw)
        except OSError as exc:
            raise ConfigurationError(f"{path} can't be read: {exc.strerror or exc}") from exc
        self.columns: list[str] | None = None
        self._first_line = b""
        csv.field_size_limit(IMPORT_LINE_BYTES_MAX)
        self._records = csv.reader(self._text_lines(), delimiter=self._delimiter, strict=True)
        if self.format == "csv":
            try:
                self.columns = self._header(path)
            except ConfigurationError:
                self.close()
                raise

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
        """Bytes read so far, as they lie on disk."""
        try:
            return self._raw.tell()
        except OSError:
            return 0

    def rows(self, *, raw: bool = False) -> Iterator[Row]:
        """The rows in order, numbered from 1. Raises RowRefused at the first that can't be read.

        With ``raw``, the members of JSON Lines stay as they are written (msgspec.Raw).
        """
        return self._csv_rows() if self.format == "csv" else self._json_rows(raw)

    def first_members(self) -> list[str]:
        """The columns of CSV, or the names of the first row's members; none where that is no row. Asked before rows."""
        if self.columns is not None:
            return list(self.columns)
        try:
            while not self._first_line or self._first_line.isspace():
                self._first_line = self._file.readline(IMPORT_LINE_BYTES_MAX + 1)
                if not self._first_line:
                    return []
            return list(msgspec.json.decode(self._first_line, type=dict[str, msgspec.Raw]))
        except (OSError, EOFError, zlib.error, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # Whoever reads the rows is told what is wrong with the first.
            return []

    def _header(self, path: str) -> list[str]:
        header = _next(self._records, lambda exc: ConfigurationError(f"{path}: the header can't be read: {exc}"))
        if not header:
            raise ConfigurationError(f"{path}: expected a header line with the names of the columns, got nothing")
        repeated = [name for name in header if header.count(name) > 1]
        if repeated:
            raise ConfigurationError(f"{path}: the header names the column {repeated[0]!r} more than once")
        return header

    def _text_lines(self) -> Iterator[str]:
        # Decoded line by line, so that what is no UTF-8 is noticed in the row where it stands.
        encoding = "utf-8-sig"
        while line := self._file.readline(IMPORT_LINE_BYTES_MAX + 1):
            yield line.decode(encoding)
            encoding = "utf-8"

    def _csv_rows(self) -> Iterator[Row]:
        columns = self.columns or []
        number = 0
        while True:
            number += 1
            at = number
            record = _next(self._records, lambda exc, at=at: RowRefused(at, f"can't be read: {exc}"))  # type: ignore[misc]
            if record is None:
                return
            if len(record) != len(columns):
                if not record:
                    number -= 1  # an empty line is no row
                    continue
                raise RowRefused(number, f"expected {len(columns)} fields as in the header, got {len(record)}")
            yield Row(number, dict(zip(columns, record, strict=True)))

    def _json_rows(self, raw: bool) -> Iterator[Row]:
        decode = msgspec.json.Decoder(dict[str, msgspec.Raw] if raw else Any).decode
        number = 0
        while True:
            number += 1
            try:
                line = self._first_line or self._file.readline(IMPORT_LINE_BYTES_MAX + 1)
                self._first_line = b""
            except (OSError, EOFError, zlib.error) as exc:
                raise RowRefused(number, f"can't be read: {exc}") from exc
            if not line:
                return
            if len(line) > IMPORT_LINE_BYTES_MAX:
                raise RowRefused(number, f"expected at most {IMPORT_LINE_BYTES_MAX:,} bytes on a line, got more")
            if line.isspace():
                number -= 1
                continue
            try:
                values = decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
                raise RowRefused(number, f"expected one JSON object on the line: {exc}") from exc
            if not isinstance(values, dict):
                raise RowRefused(number, f"expected a JSON object, got {shown(values)}")
            yield Row(number, values)


def open_rows(path: str, file_format: str | None = None, delimiter: str | None = None) -> RowFile | ParquetFile:
    """The file of rows at ``path`` (``-`` is standard input), of the format given or told by its name.

    Raises ConfigurationError.
    """
    found = file_format or _format_of(path)
    if found not in FORMATS:
        raise ConfigurationError(f"--format: expected one of {', '.join(FORMATS)}, got {found!r}")
    if found != "parquet":
        return RowFile(path, found, delimiter)
    if delimiter is not None:
        raise ConfigurationError("--delimiter: Parquet has none; it is for CSV")
    return ParquetFile(path)


def _standard_input() -> io.BufferedReader:
    # Through its number, so that closing it is ours and the interpreter's own object stays as it is.
    return open(sys.stdin.fileno(), "rb", closefd=False)


def _next(records: Iterator[list[str]], refusal: Callable[[Exception], Exception]) -> list[str] | None:
    try:
        return next(records, None)
    except (csv.Error, UnicodeDecodeError, OSError, EOFError, zlib.error) as exc:
        raise refusal(exc) from exc


def _format_of(path: str) -> str:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    while suffixes and suffixes[-1] in (".gz", ".bz2"):
        suffixes.pop()
    found = _FORMAT_BY_SUFFIX.get(suffixes[-1]) if suffixes else None
    if found is None:
        known = ", ".join(_FORMAT_BY_SUFFIX)
        raise ConfigurationError(
            f"the name {path!r} does not tell the format ({known}): say --format csv, jsonl or parquet"
        )
    return found


def _decompressed(raw: io.BufferedReader) -> gzip.GzipFile | bz2.BZ2File | io.BufferedReader:
    start = raw.peek(3)
    if start.startswith(_GZIP_MAGIC):
        return gzip.GzipFile(fileobj=raw)
    if start.startswith(_BZIP2_MAGIC):
        return bz2.BZ2File(raw)
    return raw

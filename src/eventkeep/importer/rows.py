"""Rows of a file: CSV or JSON Lines, plain or compressed, from a path or standard input; or Parquet."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from eventkeep.errors import ConfigurationError, FileUnreadable, RowRefused
from eventkeep.importer.parquet import OnRowRefused, ParquetFile, raise_refusal
from eventkeep.importer.rejects import REJECT_COLUMNS, ROW_COLUMN
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
_BUFFER_BYTES: Final = 1 << 20
"""Bytes that are read of a file at once."""
_READ_ERRORS: Final = (OSError, EOFError, zlib.error)
"""The errors of a file, or of its compression. Nothing can be read behind them."""

Readable = gzip.GzipFile | bz2.BZ2File | io.BufferedReader


class _Lines:
    """The lines of a file as text. ``record`` has those of the current record, in case it is bad.

    A generator would end at the first line that is not UTF-8; this goes on after it.
    """

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._encoding = "utf-8-sig"
        self.record: list[bytes] = []

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._file.readline(IMPORT_LINE_BYTES_MAX + 1)
        if not line:
            raise StopIteration
        encoding, self._encoding = self._encoding, "utf-8"
        self.record.append(line)
        return line.decode(encoding)


class RowFile:
    """An open file of rows; iterate ``rows()`` once. ``columns`` is the CSV header, or None for JSON Lines.

    ``size_bytes`` is the size of the file on disk (None for standard input), and
    ``read_bytes()`` the part of it that has been read, for a progress bar. Compression
    (gzip, bzip2) is recognised by the content.
    """

    def __init__(self, path: str, file_format: str, delimiter: str | None = None) -> None:
        """Open ``path`` (``-`` is standard input), ``csv`` or ``jsonl``. Raises ConfigurationError."""
        self.format = file_format
        self._delimiter = delimiter or ("\t" if ".tsv" in Path(path).suffixes else ",")
        if len(self._delimiter) != 1:
            raise ConfigurationError(f"--delimiter: expected one character, got {self._delimiter!r}")
        try:
            self._raw = _standard_input() if path == "-" else io.BufferedReader(io.FileIO(path), _BUFFER_BYTES)
            self.size_bytes: int | None = None if path == "-" else Path(path).stat().st_size
            self._file = _decompressed(self._raw)
        except OSError as exc:
            raise ConfigurationError(f"{path} can't be read: {exc.strerror or exc}") from exc
        self.columns: list[str] | None = None
        self._first_line = b""
        csv.field_size_limit(IMPORT_LINE_BYTES_MAX)
        self._lines = _Lines(self._file)
        self._records = csv.reader(self._lines, delimiter=self._delimiter, strict=True)
        if self.format == "csv":
            try:
                header = self._header(path)
            except ConfigurationError:
                self.close()
                raise
            self._header_columns = header
            self.columns = [name for name in header if name not in REJECT_COLUMNS]

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
        """Return the number of bytes read so far, as they are on disk."""
        try:
            return self._raw.tell()
        except OSError:
            return 0

    def rows(self, *, raw: bool = False, on_refused: OnRowRefused = raise_refusal) -> Iterator[Row]:
        """Yield the rows in order, numbered from 1; ``on_refused`` is called for a row that can't be read.

        With ``raw``, the members of JSON Lines stay as they are written (msgspec.Raw).
        Raises FileUnreadable if the file can't be read any further.
        """
        return self._csv_rows(on_refused) if self.format == "csv" else self._json_rows(raw, on_refused)

    def first_members(self) -> list[str]:
        """Return the columns of CSV, or the names of the first row's members; nothing if it can't be read.

        It is called before ``rows``.
        """
        if self.columns is not None:
            return list(self.columns)
        try:
            while not self._first_line or self._first_line.isspace():
                self._first_line = self._json_line()
                if not self._first_line:
                    return []
            members = msgspec.json.decode(self._first_line, type=dict[str, msgspec.Raw])
        except (*_READ_ERRORS, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # The reader of the rows gets the error of the first.
            return []
        return [name for name in members if name not in REJECT_COLUMNS]

    def _header(self, path: str) -> list[str]:
        try:
            header = next(self._records, None)
        except (*_READ_ERRORS, csv.Error, UnicodeDecodeError) as exc:
            raise ConfigurationError(f"{path}: the header can't be read: {exc}") from exc
        if not header:
            raise ConfigurationError(f"{path}: expected a header line with the names of the columns, got nothing")
        repeated = [name for name in header if header.count(name) > 1]
        if repeated:
            raise ConfigurationError(f"{path}: the header names the column {repeated[0]!r} more than once")
        return header

    def _csv_rows(self, on_refused: OnRowRefused) -> Iterator[Row]:
        columns = self._header_columns
        number = 0
        while True:
            number += 1
            self._lines.record.clear()
            try:
                record = next(self._records, None)
            except _READ_ERRORS as exc:
                raise FileUnreadable(number, f"can't be read: {exc}") from exc
            except (csv.Error, UnicodeDecodeError) as exc:
                on_refused(RowRefused(number, f"can't be read: {exc}", _shown_lines(self._lines.record)))
                continue
            if record is None:
                return
            if len(record) != len(columns):
                if not record:
                    number -= 1  # an empty line is no row
                    continue
                detail = f"expected {len(columns)} fields as in the header, got {len(record)}"
                on_refused(RowRefused(number, detail, _shown_lines(self._lines.record)))
                continue
            values = dict(zip(columns, record, strict=True))
            yield Row(number, _without_reject_columns(values))

    def _json_rows(self, raw: bool, on_refused: OnRowRefused) -> Iterator[Row]:
        decode = msgspec.json.Decoder(dict[str, msgspec.Raw] if raw else Any).decode
        number = 0
        while True:
            number += 1
            try:
                line = self._first_line or self._json_line()
                self._first_line = b""
            except _READ_ERRORS as exc:
                raise FileUnreadable(number, f"can't be read: {exc}") from exc
            if not line:
                return
            if line.isspace():
                number -= 1
                continue
            try:
                values = _json_row(line, decode)
            except ValueError as exc:
                on_refused(RowRefused(number, str(exc), _shown_lines([line])))
                continue
            yield Row(number, _without_reject_columns(values))

    def _json_line(self) -> bytes:
        """Return the next line; a byte order mark in front of the file is no part of it."""
        line = self._file.readline(IMPORT_LINE_BYTES_MAX + 1)
        is_first, self._has_begun = not self._has_begun, True
        return line.removeprefix(codecs.BOM_UTF8) if is_first else line

    _has_begun = False


def _shown_lines(lines: list[bytes]) -> str:
    return b"".join(lines).decode("utf-8", "replace").rstrip("\r\n")


def _json_row(line: bytes, decode: Callable[[bytes], Any]) -> Mapping[str, Any]:
    """Return the object on a line. Raises ValueError."""
    if len(line) > IMPORT_LINE_BYTES_MAX:
        raise ValueError(f"expected at most {IMPORT_LINE_BYTES_MAX:,} bytes on a line, got more")
    try:
        values = decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise ValueError(f"expected one JSON object on the line: {exc}") from exc
    if not isinstance(values, dict):
        raise ValueError(f"expected a JSON object, got {shown(values)}")
    return values


def _without_reject_columns(values: Mapping[str, Any]) -> Mapping[str, Any]:
    if ROW_COLUMN not in values:
        return values
    return {name: value for name, value in values.items() if name not in REJECT_COLUMNS}


def open_rows(path: str, file_format: str | None = None, delimiter: str | None = None) -> RowFile | ParquetFile:
    """Open the file of rows at ``path`` (``-`` is standard input), by default of the format that its name ends with.

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
    # A second file object on the same descriptor: closing it leaves the interpreter's own open.
    return open(sys.stdin.fileno(), "rb", closefd=False)


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


def _decompressed(raw: io.BufferedReader[Any]) -> Readable:
    start = raw.peek(3)
    if start.startswith(_GZIP_MAGIC):
        return gzip.GzipFile(fileobj=raw)
    if start.startswith(_BZIP2_MAGIC):
        return bz2.BZ2File(raw)
    return raw

"""Files of events: CSV, JSON Lines and Parquet, written as the rows come."""

from __future__ import annotations

import csv
import datetime
import functools
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, Final, Protocol

from eventkeep.errors import ConfigurationError
from eventkeep.limits import EXPORT_ROW_GROUP_BYTES, EXPORT_ROW_GROUP_ROWS, EXPORT_TIMES_REMEMBERED_MAX
from eventkeep.protocol.rows.columns import COLUMNS, JSON_PLACES, SERVER_COLUMNS, cells, decode_lines

FORMATS: Final = ("csv", "jsonl", "parquet")
FORMAT_BY_SUFFIX: Final = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
GZIP_SUFFIX: Final = ".gz"


class Writer(Protocol):
    """Writes rows to a file that is open for bytes; ``finish`` writes the rest and leaves the file open."""

    def write(self, lines: bytes) -> None:
        """Write the rows of a lot, which are JSON Lines."""

    def finish(self) -> None: ...


class CsvWriter:
    """A header, and a line for each event. None and empty text are empty cells."""

    def __init__(self, file: IO[bytes], has_server_columns: bool) -> None:
        self._file, self._has_server_columns = file, has_server_columns
        self._file.write(csv_line(columns_of(has_server_columns)).encode())

    def write(self, lines: bytes) -> None:
        rows = (cells(row, self._has_server_columns) for row in decode_lines(lines))
        self._file.write("".join([plain_line(row) or csv_line(row) for row in rows]).encode())

    def finish(self) -> None:
        """Nothing is held back."""


def plain_line(row: Sequence[Any]) -> str | None:
    """The line of a row in which no more than its JSON objects need quotes; None for any other row.

    The module csv looks at each character by itself, which takes most of the time of an export.
    """
    texts = [cell if type(cell) is str else "" if cell is None else repr(cell) for cell in row]
    objects = [texts[place] for place in JSON_PLACES]
    for place in JSON_PLACES:
        texts[place] = ""
    joined = ",".join(texts)
    if joined.count(",") != len(texts) - 1 or '"' in joined or "\n" in joined or "\r" in joined:
        return None
    for place, text in zip(JSON_PLACES, objects, strict=True):
        texts[place] = text if text in ("", "{}") else '"' + text.replace('"', '""') + '"'
    return ",".join(texts) + "\n"


def csv_line(row: Sequence[Any]) -> str:
    """The line of any row."""
    # Readers take a bare carriage return for the end of a line (RFC 4180), and the writer does not quote it.
    has_return = any(isinstance(cell, str) and "\r" in cell for cell in row)
    written = io.StringIO(newline="")
    if has_return:
        csv.writer(written, lineterminator="\n", quoting=csv.QUOTE_ALL).writerow(row)
    else:
        csv.writer(written, lineterminator="\n").writerow(row)
    return written.getvalue()


class JsonLinesWriter:
    """Writes each event as an object on a line; members without a value are left out."""

    def __init__(self, file: IO[bytes], has_server_columns: bool) -> None:
        self._file = file

    def write(self, lines: bytes) -> None:
        self._file.write(lines)

    def finish(self) -> None:
        """Nothing is held back."""


class ParquetWriter:
    """Writes row groups of EXPORT_ROW_GROUP_ROWS events, compressed; JSON objects are text.

    Raises ConfigurationError if pyarrow is not installed.
    """

    def __init__(self, file: IO[bytes], has_server_columns: bool) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ModuleNotFoundError as exc:
            raise ConfigurationError("Parquet needs pyarrow: pip install 'eventkeep[parquet]'") from exc
        self._arrow = pyarrow
        self._has_server_columns = has_server_columns
        types = {"time": pyarrow.timestamp("s", tz="UTC"), "value": pyarrow.float64()}
        self._schema = pyarrow.schema(
            [(name, types.get(name, pyarrow.string())) for name in columns_of(has_server_columns)]
        )
        self._file = pyarrow.parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._held: list[Any] = []
        self._rows = self._bytes = 0

    def write(self, lines: bytes) -> None:
        rows = [cells(row, self._has_server_columns) for row in decode_lines(lines)]
        times, *others = list(zip(*rows, strict=True)) or [()] * len(self._schema)
        columns = [list(map(_seconds, times)), *others]
        batch = self._arrow.RecordBatch.from_arrays(
            [self._arrow.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)],
            schema=self._schema,
        )
        self._held.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= EXPORT_ROW_GROUP_ROWS or self._bytes >= EXPORT_ROW_GROUP_BYTES:
            self._write_row_group()

    def finish(self) -> None:
        if self._held:
            self._write_row_group()
        self._file.close()

    def _write_row_group(self) -> None:
        table = self._arrow.Table.from_batches(self._held, self._schema)
        self._file.write_table(table, row_group_size=max(1, self._rows))
        self._held, self._rows, self._bytes = [], 0, 0


@functools.lru_cache(maxsize=EXPORT_TIMES_REMEMBERED_MAX)
def _seconds(time: str) -> int:
    """The time of a row in Unix seconds."""
    return int(datetime.datetime.fromisoformat(time).timestamp())


def columns_of(has_server_columns: bool) -> tuple[str, ...]:
    """The columns of a file."""
    return (*COLUMNS, *SERVER_COLUMNS) if has_server_columns else COLUMNS


WRITERS: Final[dict[str, Callable[[IO[bytes], bool], Writer]]] = {
    "csv": CsvWriter,
    "jsonl": JsonLinesWriter,
    "parquet": ParquetWriter,
}


def writer(file_format: str, file: IO[bytes], has_server_columns: bool = False) -> Writer:
    """Return the writer of a format, which writes its header, if it has one, at once."""
    return WRITERS[file_format](file, has_server_columns)


def format_of(target: str, given: str | None) -> str:
    """The format that was given, or else that of the target's suffix. Raises ConfigurationError."""
    if given is not None:
        if given not in FORMATS:
            raise ConfigurationError(f"--format: expected one of {', '.join(FORMATS)}, got {given!r}")
        return given
    suffixes = [suffix.lower() for suffix in Path(target).suffixes]
    if suffixes[-1:] == [GZIP_SUFFIX]:
        suffixes.pop()
    found = FORMAT_BY_SUFFIX.get(suffixes[-1]) if suffixes else None
    if found is None:
        subject = "standard output does" if target == "-" else f"the name {target!r} does"
        raise ConfigurationError(
            f"{subject} not tell the format ({', '.join(FORMAT_BY_SUFFIX)}): say --format csv, jsonl or parquet"
        )
    return found

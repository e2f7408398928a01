"""Rows that an import leaves out: a file with each of them and the reason.

The file has the format of the input (JSON Lines for Parquet), with the columns
``reject_row`` and ``reject_reason`` in front. An import passes over these two, so that the
rows can be repaired in the file and imported from it. A row that could not be read is
written as the text of its line: the only field behind the two in CSV, ``reject_text`` in
JSON Lines.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from eventkeep.client.encoding import encode_json
from eventkeep.errors import ConfigurationError, RowRefused

ROW_COLUMN: Final = "reject_row"
REASON_COLUMN: Final = "reject_reason"
TEXT_COLUMN: Final = "reject_text"
REJECT_COLUMNS: Final = frozenset({ROW_COLUMN, REASON_COLUMN, TEXT_COLUMN})


class RejectsFile:
    """An open file of rejected rows. ``columns`` are those of a CSV input, None for JSON Lines."""

    def __init__(self, path: Path, columns: list[str] | None) -> None:
        """Create the file, or replace it. Raises ConfigurationError."""
        self._columns = columns
        try:
            self._file = path.open("w", encoding="utf-8", newline="")
        except OSError as exc:
            raise ConfigurationError(f"--rejects: {path} can't be written: {exc.strerror or exc}") from exc
        self._rows = csv.writer(self._file, lineterminator="\n")
        if columns is not None:
            self._rows.writerow([ROW_COLUMN, REASON_COLUMN, *columns])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, refusal: RowRefused, values: Mapping[str, Any] | None) -> None:
        """Write a row. ``values`` is None if the row could not be read."""
        if self._columns is not None:
            fields = [refusal.text] if values is None else [values.get(name, "") for name in self._columns]
            self._rows.writerow([refusal.row, refusal.detail, *fields])
            return
        rest = {TEXT_COLUMN: refusal.text} if values is None else values
        line = {ROW_COLUMN: refusal.row, REASON_COLUMN: refusal.detail, **rest}
        self._file.write(encode_json(line).decode() + "\n")

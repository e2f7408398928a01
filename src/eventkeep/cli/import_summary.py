"""The rows that an import leaves out, the waits for a rate limit, and the summary at the end."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console

from eventkeep.client.retries import Wait
from eventkeep.errors import ConfigurationError, EventRefused, RowRefused
from eventkeep.importer.rejects import RejectsFile
from eventkeep.importer.sending import Counts
from eventkeep.limits import IMPORT_FAULTS_SHOWN_MAX


class Rejects:
    """Handles rows that are refused: they end the import, or go to a file, or are only counted in a dry run."""

    def __init__(
        self, path: Path | None, source: str, columns: list[str] | None, is_dry_run: bool, console: Console
    ) -> None:
        """Create the file, if there is to be one. Raises ConfigurationError."""
        if path is not None and source != "-" and path.resolve() == Path(source).resolve():
            raise ConfigurationError("--rejects: expected another file than the one that is imported")
        self._file = None if path is None else RejectsFile(path, columns)
        self._path, self._is_dry_run, self._console = path, is_dry_run, console
        self.count = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.__exit__(kind, exc, trace)

    @property
    def shown_count(self) -> int | None:
        """The number of rows for the summary; None if the first one ends the import."""
        return self.count if self._file is not None or self._is_dry_run else None

    def add(self, refusal: RowRefused, values: Mapping[str, Any] | None) -> None:
        """Handle a row; ``values`` is None if it could not be read. Raises RowRefused if it ends the import."""
        self.count += 1
        if self._file is not None:
            self._file.add(refusal, values)
            return
        if not self._is_dry_run:
            raise refusal
        if self.count <= IMPORT_FAULTS_SHOWN_MAX:
            self._console.print(str(refusal), soft_wrap=True, markup=False)

    def raise_if_any(self) -> None:
        """Raise EventRefused if rows were left out."""
        if self.count:
            rows = "1 row is" if self.count == 1 else f"{self.count:,} rows are"
            advice = f"see {self._path}" if self._path else "--rejects FILE writes them to a file"
            raise EventRefused(f"{rows} refused; {advice}")


class ThrottleNote:
    """Say once that the server's rate limit slows the import, and how to avoid that."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._is_told = False

    def __call__(self, wait: Wait) -> None:
        if wait.status != HTTPStatus.TOO_MANY_REQUESTS or self._is_told:
            return
        self._is_told = True
        self._console.print(
            f"the server's rate limit slows the import: it asks to wait {wait.seconds:.0f} s (429). To import "
            "faster, start your own server with --rate-limits off while the import runs",
            soft_wrap=True,
        )


def print_summary(counts: Counts, seconds: float, rejected: int | None = None, is_dry_run: bool = False) -> None:
    """Print the numbers on standard output, apart from the progress."""

    def shown(number: int | None) -> str:
        return "not told" if number is None else f"{number:,}"

    if is_dry_run:
        print(f"rows that pass   {counts.sent:,}; nothing was sent")
    else:
        print(f"events sent      {counts.sent:,} in {counts.requests:,} requests")
        print(f"events stored    {shown(counts.stored)}")
        print(f"events repeated  {shown(counts.repeated)}")
    if rejected is not None:
        print(f"rows refused     {rejected:,}")
    if counts.retries:
        waited = datetime.timedelta(seconds=round(counts.throttled_seconds))
        throttled = f", {counts.throttled:,} for the rate limit (waits of {waited} in all)" if counts.throttled else ""
        print(f"tries repeated   {counts.retries:,}{throttled}")
    print(f"seconds          {seconds:.1f}")
    print(f"events/s         {counts.sent / max(seconds, 1e-9):,.0f}")

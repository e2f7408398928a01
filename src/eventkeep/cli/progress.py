"""How long work shows itself: a bar with rate and remaining time on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

_LINE_SECONDS: Final = 2.0
"""Between two plain lines."""


class ImportProgress(Protocol):
    """Told after every answer how many events were sent, and how much of the file was read."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, events: int, read_bytes: int) -> None: ...


class ProgressBar:
    """A bar over the bytes of the file; it pulses where their number is not known."""

    def __init__(self, console: Console, name: str, size_bytes: int | None) -> None:
        self._started = time.monotonic()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[events]:,} events"),
            TextColumn("{task.fields[rate]:,.0f}/s"),
            TimeRemainingColumn(),
            console=console,
            expand=True,
        )
        self._task = self._progress.add_task(name, total=size_bytes, events=0, rate=0.0)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, events: int, read_bytes: int) -> None:
        rate = events / max(time.monotonic() - self._started, 1e-9)
        self._progress.update(self._task, completed=read_bytes, events=events, rate=rate)


class ProgressLines:
    """A line every two seconds."""

    def __init__(self, console: Console, size_bytes: int | None) -> None:
        self._console = console
        self._size_bytes = size_bytes
        self._started = self._shown = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def show(self, events: int, read_bytes: int) -> None:
        now = time.monotonic()
        if now - self._shown < _LINE_SECONDS:
            return
        self._shown = now
        share = f", {read_bytes / self._size_bytes:.0%} of the file read" if self._size_bytes else ""
        self._console.print(f"{events:,} events sent, {events / (now - self._started):,.0f}/s{share}", highlight=False)


def import_progress(console: Console, name: str, size_bytes: int | None) -> ImportProgress:
    """The progress that fits the console."""
    return ProgressBar(console, name, size_bytes) if console.is_terminal else ProgressLines(console, size_bytes)

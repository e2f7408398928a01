"""The progress of long work: a bar with rate and remaining time on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Final, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

_LINE_SECONDS: Final = 2.0
"""Between two plain lines."""


class Shown(Protocol):
    """Shows a number of events, and the part of the whole that is done, in a unit of its own."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, events: int, done: int) -> None: ...


class ProgressBar:
    """A bar; it pulses if the whole is not known."""

    def __init__(self, console: Console, name: str, whole: int | None) -> None:
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
        self._task = self._progress.add_task(name, total=whole, events=0, rate=0.0)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, events: int, done: int) -> None:
        rate = events / max(time.monotonic() - self._started, 1e-9)
        self._progress.update(self._task, completed=done, events=events, rate=rate)


class ProgressLines:
    """A line every two seconds, such as ``1,500 events sent, 750/s, 50% of the file read``."""

    def __init__(self, console: Console, whole: int | None, verb: str, share_of: str) -> None:
        self._console = console
        self._whole, self._verb, self._share_of = whole, verb, share_of
        self._started = self._shown = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def show(self, events: int, done: int) -> None:
        now = time.monotonic()
        if now - self._shown < _LINE_SECONDS:
            return
        self._shown = now
        share = f", {min(1, done / self._whole):.0%} of {self._share_of}" if self._whole else ""
        self._console.print(
            f"{events:,} events {self._verb}, {events / (now - self._started):,.0f}/s{share}", highlight=False
        )


def import_progress(console: Console, name: str, size_bytes: int | None, verb: str = "sent") -> Shown:
    """Return the progress of reading a file; ``done`` is in bytes of it."""
    return _shown(console, name, size_bytes, verb, "the file read")


def count_progress(console: Console, name: str, events: int | None, verb: str) -> Shown:
    """Return the progress of reading all pages; ``events`` is None if their number is unknown."""
    return _shown(console, name, events, verb, "the events")


def _shown(console: Console, name: str, whole: int | None, verb: str, share_of: str) -> Shown:
    return ProgressBar(console, name, whole) if console.is_terminal else ProgressLines(console, whole, verb, share_of)

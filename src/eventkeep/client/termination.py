"""Batches of a process that is asked to end by SIGTERM."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

logger = logging.getLogger(__name__)

Finish = Callable[[], object]
"""Sends the waiting events from a thread of its own, and returns when that is done or has failed."""


class SigtermHandler:
    """Handles SIGTERM for all open batches of the process.

    If the signal had no handler, it would have ended the process at once: now
    the batches are closed first, and then the process ends; a second SIGTERM does not wait. If
    the program has a handler of its own, the batches are closed at the same time as that
    handler runs.
    """

    def __init__(self, previous: Callable[[int, FrameType | None], object] | int) -> None:
        self._previous = previous
        self._finishes: list[Finish] = []

    @property
    def is_needed(self) -> bool:
        """Whether a batch is open."""
        return bool(self._finishes)

    @property
    def previous(self) -> Callable[[int, FrameType | None], object] | int:
        """The handler before this one."""
        return self._previous

    def add(self, finish: Finish) -> None:
        """Have ``finish`` called when the signal comes."""
        self._finishes.append(finish)

    def remove(self, finish: Finish) -> None:
        """No longer."""
        if finish in self._finishes:
            self._finishes.remove(finish)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        finishes = list(self._finishes)
        ends_process = not callable(self._previous)
        if ends_process:
            signal.signal(number, signal.SIG_DFL)
        # A handler runs between any two steps of the main thread, which may hold a lock
        # that a batch needs: so the batches are closed in another thread.
        threading.Thread(target=_finish, args=(finishes, number if ends_process else None)).start()
        if callable(self._previous):
            self._previous(number, frame)


def flush_on_sigterm(finish: Finish) -> Callable[[], None]:
    """Call ``finish`` when SIGTERM comes; returns a function that undoes this.

    Python sets signal handlers in the main thread only: in another thread, and if the signal
    is ignored, this does nothing.
    """
    current = signal.getsignal(signal.SIGTERM)
    if threading.current_thread() is not threading.main_thread() or current is None or current is signal.SIG_IGN:
        return lambda: None
    handler = current if isinstance(current, SigtermHandler) else SigtermHandler(current)
    handler.add(finish)
    if handler is not current:
        signal.signal(signal.SIGTERM, handler)

    def undo() -> None:
        handler.remove(finish)
        in_charge = signal.getsignal(signal.SIGTERM) is handler
        if in_charge and not handler.is_needed and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler.previous)

    return undo


def _finish(finishes: list[Finish], number: int | None) -> None:
    for finish in finishes:
        try:
            finish()
        except Exception:
            logger.exception("a batch could not send all of its events before the end of the process")
    if number is not None:
        os.kill(os.getpid(), number)

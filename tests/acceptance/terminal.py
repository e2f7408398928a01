"""The program on a terminal of its own: a window with a number of columns, and Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
SECONDS_MAX: Final = 60.0
TAKES_THE_TERMINAL: Final = (
    "import fcntl, os, signal, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
)
"""A program that makes the terminal its own, so that Ctrl-C reaches it, and then runs the given program.

Programs that a shell runs in the background ignore Ctrl-C, and so do their children: a test run, for example.
"""


class Terminal:
    """``eventkeep`` in a window; a context manager. ``text`` is everything that it has shown, without colours."""

    def __init__(self, *arguments: str, environment: Mapping[str, str], columns: int = 80) -> None:
        self._arguments, self._columns = arguments, columns
        kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
        self._environment = {**kept, "TERM": "xterm-256color", **environment}
        self.raw = ""

    def __enter__(self) -> Self:
        self._screen, program_side = pty.openpty()
        fcntl.ioctl(program_side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, self._columns, 0, 0))

        self._process = subprocess.Popen(
            [sys.executable, "-c", TAKES_THE_TERMINAL, "-m", "eventkeep", *self._arguments],
            stdin=program_side,
            stdout=program_side,
            stderr=program_side,
            env=self._environment,
            start_new_session=True,
        )
        os.close(program_side)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        os.close(self._screen)

    @property
    def text(self) -> str:
        return COLOURS.sub("", self.raw).replace("\r\n", "\n")

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    def wait_for(self, text: str, times: int = 1) -> None:
        """Return once the text was shown this many times."""
        deadline = time.monotonic() + SECONDS_MAX
        while self.text.count(text) < times:
            assert time.monotonic() < deadline, f"{text!r} was not shown in:\n{self.text}"
            assert self._read(), f"the program ended without {text!r}:\n{self.text}"

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.write(self._screen, b"\x03")

    def end(self) -> int:
        """Wait until the program has ended; returns its exit code."""
        deadline = time.monotonic() + SECONDS_MAX
        while self._read():
            assert time.monotonic() < deadline, f"the program did not end:\n{self.text}"
        return self._process.wait()

    def _read(self) -> bool:
        """Read the next output, if some arrives soon; returns False at the end."""
        waiting = select.poll()
        waiting.register(self._screen, select.POLLIN)
        if not waiting.poll(100):
            return True
        try:
            content = os.read(self._screen, 65_536)
        except OSError:
            return False
        self.raw += content.decode()
        return bool(content)

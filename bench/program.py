"""Programs that a user starts, run to their end, with what they used."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

import msgspec


class Finished(msgspec.Struct, frozen=True):
    """A program that ended: its exit code, the figures that it printed, its CPU seconds, its peak memory."""

    code: int
    figures: Mapping[str, str]
    cpu_seconds: float
    peak_bytes: int

    def number(self, name: str) -> float:
        """The first number of a figure, such as ``1,234 in 2 requests``."""
        return float(self.figures[name].split()[0].replace(",", ""))


def run_program(arguments: Sequence[str], environment: Mapping[str, str]) -> Finished:
    """Run ``python -m`` with the arguments and wait for its end. Its lines are names and values, blanks between."""
    command = [sys.executable, "-m", *arguments]
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        lines = [line.rstrip().rsplit("  ", 1) for line in process.stdout if "  " in line.strip()]
    # For what the process used, which Popen does not tell.
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    figures = {name.strip(): value.strip() for name, value in lines}
    return Finished(process.returncode, figures, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024)

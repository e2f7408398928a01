"""The program ``eventkeep`` as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import msgspec


class Finished(msgspec.Struct, frozen=True):
    """A run of the program."""

    code: int
    output: str
    errors: str

    def figures(self) -> dict[str, str]:
        """The lines of the form ``name  figure``."""
        pairs = [line.split("  ", 1) for line in self.output.splitlines()]
        return {pair[0]: pair[1].strip() for pair in pairs if len(pair) > 1}


def run(*arguments: str | Path, folder: Path | None = None, given: bytes = b"", **environment: str) -> Finished:
    """Runs ``eventkeep`` in ``folder`` with ``given`` on standard input."""
    done = subprocess.run(
        [sys.executable, "-m", "eventkeep", *map(str, arguments)],
        cwd=folder,
        input=given,
        capture_output=True,
        check=False,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "120", **environment},
    )
    return Finished(done.returncode, done.stdout.decode(), done.stderr.decode())

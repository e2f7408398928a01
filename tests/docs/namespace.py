"""A Python process that runs the Python blocks of a page one after the other, in one namespace."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

LOOP: Final = """
import contextlib, io, json, linecache, sys, traceback
names = {"__name__": "__main__"}
for line in sys.stdin:
    place, code = json.loads(line)
    out = io.StringIO()
    error = None
    linecache.cache[place] = (len(code), None, code.splitlines(True), place)
    with contextlib.redirect_stdout(out):
        try:
            exec(compile(code, place, "exec"), names)
        except BaseException:
            error = traceback.format_exc()
    print(json.dumps([out.getvalue(), error]), flush=True)
"""
"""Read a block, run it, write its output and its error."""


class Namespace:
    """One process of an interpreter, started when the first block comes."""

    def __init__(self, interpreter: str | Path, folder: Path, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [str(interpreter), "-c", LOOP],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def run(self, place: str, code: str) -> tuple[str, str | None]:
        """The output of the block, and its traceback if it ended with an error."""
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps([place, code]), file=self._process.stdin, flush=True)
        printed, error = json.loads(self._process.stdout.readline())
        return printed, error

"""The program ``eventkeep`` as a user runs it."""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final
from unittest import mock

import msgspec
import pytest

from eventkeep.cli import main

SECONDS_MAX: Final = 240

PROCESSES: Final = multiprocessing.get_context("forkserver")
"""Forks each run from a process that has loaded the program: loading it takes longer than most commands."""
PROCESSES.set_forkserver_preload(["tests.acceptance.program", "tests.acceptance.loaded_program"])


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
    """Runs ``eventkeep`` in ``folder`` with ``given`` on standard input, in a process of its own."""
    with tempfile.TemporaryDirectory() as name:
        streams = Path(name)
        (streams / "0").write_bytes(given)
        process = PROCESSES.Process(
            target=run_program,
            args=(
                [str(argument) for argument in arguments],
                folder or Path.cwd(),
                {**os.environ, "NO_COLOR": "1", "COLUMNS": "120", **environment},
                streams,
            ),
        )
        process.start()
        process.join(SECONDS_MAX)
        code = process.exitcode
        if code is None:
            process.kill()
            process.join()
            raise TimeoutError(f"eventkeep {arguments} did not end within {SECONDS_MAX} s")
        process.close()
        output, errors = ((streams / number).read_text() for number in "12")
        return Finished(code, output, errors)


def run_program(arguments: list[str], folder: Path, environment: Mapping[str, str], streams: Path) -> None:
    """In the process that was forked: the program, with files as its standard streams."""
    for number, flags in enumerate((os.O_RDONLY, *[os.O_WRONLY | os.O_CREAT] * 2)):
        os.dup2(os.open(streams / str(number), flags, 0o600), number)
    sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)))
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)))
    sys.stderr = io.TextIOWrapper(io.BufferedWriter(io.FileIO(2, "w", closefd=False)), line_buffering=True)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["eventkeep", *arguments]
    main()


def run_here(arguments: Sequence[str], environment: Mapping[str, str]) -> Finished:
    """Runs ``eventkeep`` in this process, as its entry point does, and captures its output.

    For commands that read nothing: a later one finds what an earlier one has computed.
    """
    output, errors = io.StringIO(), io.StringIO()
    kept = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    with (
        mock.patch.dict(os.environ, {**kept, **environment}, clear=True),
        mock.patch.object(sys, "argv", ["eventkeep", *arguments]),
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(errors),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    return Finished(int(ended.value.code or 0), output.getvalue(), errors.getvalue())

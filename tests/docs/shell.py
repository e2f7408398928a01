"""A bash session in a folder of its own, which runs the console blocks of a page."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

COMMAND_SECONDS_MAX: Final = 60.0
PROMPT: Final = "$ "
INTERRUPT: Final = "^C"
_END: Final = "--- end of command"
_SERVE: Final = "eventkeep serve"
_READY: Final = "eventkeep is ready at "


class Step(msgspec.Struct, frozen=True):
    """A command, and the output that the page shows after it ("" if it shows none)."""

    command: str
    shown: str


def steps(text: str) -> Iterator[Step]:
    """The commands of a console block. A command continues while bash needs more of it."""
    lines = text.splitlines()
    position = 0
    while position < len(lines):
        assert lines[position].startswith(PROMPT), f"expected a line with '$ ', got {lines[position]!r}"
        command = lines[position].removeprefix(PROMPT)
        position += 1
        while not is_complete(command):
            command += f"\n{lines[position]}"
            position += 1
        start = position
        while position < len(lines) and not lines[position].startswith(PROMPT):
            position += 1
        yield Step(command, "".join(f"{line}\n" for line in lines[start:position]))


def is_complete(command: str) -> bool:
    """True if bash would run the command as it is, without asking for more."""
    if command.endswith("\\"):
        return False
    done = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True, check=False)
    return (
        "unexpected EOF" not in done.stderr
        and "unexpected end of file" not in done.stderr
        and ("here-document" not in done.stderr)
    )


class Shell:
    """One bash. A server that a page starts runs beside it until ``^C`` or the end."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self._log = folder.with_name(f"{folder.name}.serve.log")
        self._server: int | None = None
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._interrupt()
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(COMMAND_SECONDS_MAX)
        self._process.stdout.close()

    def run(self, step: Step) -> tuple[int, str]:
        """Run the step's command as typed; returns its exit code and the text of both outputs."""
        if step.command.startswith(_SERVE):
            return self._serve(step)
        return self._typed(f"{{ {step.command}\n}} < /dev/null")

    def environment(self) -> dict[str, str]:
        """The variables that the session has exported."""
        _, text = self._typed("env -0")
        return dict(line.split("=", 1) for line in text.split("\0") if "=" in line)

    def _typed(self, text: str) -> tuple[int, str]:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(f"{text}\n_code=$?; printf '\\n{_END} %s\\n' $_code; (exit $_code)\n".encode())
        self._process.stdin.flush()
        output = self._read_until_end()
        body, _, code = output.rpartition(f"\n{_END} ")
        return int(code), body

    def _read_until_end(self) -> str:
        assert self._process.stdout is not None
        output, deadline = b"", time.monotonic() + COMMAND_SECONDS_MAX
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while not (output.endswith(b"\n") and f"\n{_END} ".encode() in output):
                if not selector.select(deadline - time.monotonic()):
                    raise TimeoutError(f"no end after {COMMAND_SECONDS_MAX:.0f} s; so far:\n{output.decode()}")
                piece = os.read(self._process.stdout.fileno(), 65_536)
                assert piece, f"bash ended; so far:\n{output.decode()}"
                output += piece
        return output.decode()

    def _serve(self, step: Step) -> tuple[int, str]:
        """Start the server beside the session, and stop it if the page shows ``^C``."""
        assert self._server is None, "a server is running already"
        self._log.write_bytes(b"")
        self._typed(f"{step.command} > '{self._log}' 2>&1 < /dev/null & SERVER=$!")
        _, number = self._typed("echo $SERVER")
        self._server = int(number)
        deadline = time.monotonic() + COMMAND_SECONDS_MAX
        while _READY not in (text := self._log.read_text(encoding="utf-8")):
            if time.monotonic() > deadline or not _is_running(self._server):
                self._server = None
                return 1, text
            time.sleep(0.02)
        if not any(line.startswith(INTERRUPT) for line in step.shown.splitlines()):
            return 0, text
        self._interrupt()
        rest = self._log.read_text(encoding="utf-8").removeprefix(text)
        return 0, f"{text}{INTERRUPT}\n{rest}"

    def _interrupt(self) -> None:
        assert self._server is not None
        os.kill(self._server, signal.SIGTERM)
        self._typed(f"wait {self._server}")
        self._server = None


def _is_running(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True

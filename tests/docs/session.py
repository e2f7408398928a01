"""A page whose blocks run in order, in a folder of its own and against a real server."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from eventkeep.testing import ServerProcess, free_port
from tests.contract.api import make_keys
from tests.docs.blocks import Block
from tests.docs.matching import Matching
from tests.docs.namespace import Namespace
from tests.docs.prefork import PreforkedProgram
from tests.docs.shell import Shell, Step, steps
from tests.source_tree import PROJECT

SHOWN_ADDRESS: Final = "127.0.0.1:8340"
"""The address that pages show; a free port replaces it here."""
CLIENTS: Final = PROJECT / ".cache" / "clients"
SERVES: Final = "$ eventkeep serve"


class PageSession:
    """Runs the blocks of one page.

    A page that starts a server uses that server and creates its own key. Any other page has a
    key of an account of its own on ``server``, as ``$KEY``.
    """

    def __init__(self, folder: Path, page: Path, server: ServerProcess, program: PreforkedProgram) -> None:
        text = page.read_text(encoding="utf-8")
        self._matching = Matching(text)
        self._stack = ExitStack()
        self._namespaces: dict[str | None, Namespace] = {}
        self._printed = ""
        environment = {**surroundings(), "PATH": f"{program.folder}{os.pathsep}{surroundings()['PATH']}"}
        if SERVES in text:
            self.address = f"127.0.0.1:{free_port()}"
        else:
            self.address = server.url.removeprefix("http://")
            environment["EVENTKEEP_DATA"] = str(server.data)
            (environment["KEY"],) = make_keys(server, page.relative_to(PROJECT).as_posix(), "full")
        environment["EVENTKEEP_URL"] = f"http://{self.address}"
        environment["EVENTKEEP_PORT"] = self.address.rpartition(":")[2]
        # On a terminal curl shows no progress when it shows a response.
        (folder.parent / ".curlrc").write_text("silent\nshow-error\n", encoding="utf-8")
        environment["CURL_HOME"] = str(folder.parent)
        # A page's pytest removes at its end the files of earlier runs in the system's folder: for up to a minute.
        temporary = folder.parent / "tmp"
        temporary.mkdir()
        environment["TMPDIR"] = str(temporary)
        self._shell = Shell(folder, environment)

    def __enter__(self) -> Self:
        self._stack.enter_context(self._shell)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def run(self, block: Block) -> None:
        """Run the block, or write it, and compare the shown output. Raises AssertionError that names the place."""
        if block.title is not None:
            path = self._shell.folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self._real(block.text), encoding="utf-8")
        elif block.language == "console":
            self._console(block)
        elif block.language == "python":
            self._python(block)
        else:
            wrong = self._matching.difference(block.text, self._shown(self._printed))
            assert wrong is None, f"{block.place}: the Python block above prints something else\n{wrong}"

    def _console(self, block: Block) -> None:
        listed = list(steps(block.text))
        for place, step in enumerate(listed):
            code, output = self._shell.run(_replaced(step, self._real))
            told = f"{block.place}: {step.command}"
            asks_for_code = place + 1 < len(listed) and listed[place + 1].command == "echo $?"
            assert code == 0 or asks_for_code, f"{told}\nended with {code}:\n{output}"
            if step.shown:
                wrong = self._matching.difference(step.shown, self._shown(output))
                assert wrong is None, f"{told}\n{wrong}"

    def _python(self, block: Block) -> None:
        if block.client not in self._namespaces:
            interpreter = Path(sys.executable) if block.client is None else CLIENTS / block.client / "bin" / "python"
            assert interpreter.exists(), f"client {block.client} is not installed; 'make test' installs it"
            self._namespaces[block.client] = self._stack.enter_context(
                Namespace(interpreter, self._shell.folder, self._shell.environment())
            )
        self._printed, error = self._namespaces[block.client].run(block.place, self._real(block.text))
        assert error is None, f"{block.place}\n{error}"

    def _real(self, text: str) -> str:
        return self._matching.real(text).replace(SHOWN_ADDRESS, self.address)

    def _shown(self, text: str) -> str:
        return text.replace(self.address, SHOWN_ADDRESS)


def surroundings() -> dict[str, str]:
    """The environment of a page, without the variables of its own server."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("EVENTKEEP_")},
        **{"NO_COLOR": "1", "COLUMNS": "100", "TERM": "dumb", "LC_ALL": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1"},
        # A page's own tests need none of our plugins, and loading them takes seconds.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }


def _replaced(step: Step, real: Callable[[str], str]) -> Step:
    return Step(real(step.command), step.shown)

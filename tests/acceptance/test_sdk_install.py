"""The dependencies of a program that only uses the SDK: the project without extras, in a fresh environment."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from eventkeep import Client
from eventkeep.testing import ServerProcess
from tests.acceptance.sdk import Place
from tests.source_tree import PROJECT

PROGRAM: Final = Path(__file__).with_name("base_install_program.py")
ALLOWED: Final = {
    "eventkeep",
    "httpx",
    "msgspec",
    # The dependencies of httpx; not every version of Python needs all of them.
    "anyio",
    "certifi",
    "h11",
    "httpcore",
    "idna",
    "typing_extensions",
}
BROUGHT_BY_PYTHON: Final = {"pip", "setuptools"}


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a fresh environment with the project as ``pip install eventkeep`` installs it."""
    folder = tmp_path_factory.mktemp("base-install") / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([python, *install, "--constraint", PROJECT / "constraints.txt", PROJECT], check=True)
    return python


def output(interpreter: Path, *arguments: str | Path) -> Any:
    done = subprocess.run([interpreter, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return msgspec.json.decode(done.stdout)


def test_base_install_is_httpx_and_msgspec(interpreter: Path) -> None:
    listed = output(interpreter, "-m", "pip", "list", "--format=json", "--disable-pip-version-check", "--no-index")
    names = {package["name"] for package in listed} - BROUGHT_BY_PYTHON
    assert {"eventkeep", "httpx", "msgspec"} <= names <= ALLOWED


def test_base_install_creates_and_reads_events(interpreter: Path, server: ServerProcess) -> None:
    key = Place(server, Client).new_key(uuid.uuid4().hex)
    # -I leaves the project's own folder out, and warnings are errors.
    found = output(interpreter, "-I", "-W", "error", PROGRAM, server.url, key)
    assert Path(found["place"]).is_relative_to(interpreter.parents[1])
    assert found["names"] == []
    assert found["sync"] == ["first", "second", "single"]
    assert found["async"] == ["async", "first", "second", "single"]


def test_command_line_names_the_missing_extra(interpreter: Path) -> None:
    done = subprocess.run([interpreter, "-I", "-m", "eventkeep"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith("Install it with: pip install 'eventkeep[server]'\n")


def test_base_install_tells_its_version(interpreter: Path) -> None:
    command: list[str | Path] = [interpreter, "-I", "-m", "eventkeep", "--version"]
    program = subprocess.run(command, capture_output=True, text=True, check=True)
    code = "import eventkeep; print(eventkeep.__version__)"
    package = subprocess.run([interpreter, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert program.stdout == f"eventkeep {package.stdout}"
    assert package.stdout.strip() == importlib.metadata.version("eventkeep")

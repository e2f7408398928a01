"""Everything that a user can use is documented."""

from __future__ import annotations

import importlib
import inspect
import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Any, Final

import pytest
from typer.core import TyperGroup

import eventkeep
from eventkeep import limits
from eventkeep.cli.app import program
from eventkeep.cli.exits import ExitCode
from eventkeep.cli.option_sources import commands_of, options_of
from eventkeep.client.asynchronous.client import AsyncClient
from eventkeep.client.synchronous.client import Client
from eventkeep.config import ENVIRONMENT_PREFIX, READERS
from eventkeep.protocol.admin.operations import ADMIN_OPERATIONS
from eventkeep.protocol.error_documents import FAILURE, PROBLEMS
from eventkeep.protocol.operations import OPERATIONS
from eventkeep.protocol.revisions import REVISIONS
from eventkeep.server import pending_response, telemetry
from tests.docs.test_blocks_run import BLOCKS
from tests.source_tree import PROJECT, source_files

DOCS: Final = PROJECT / "docs"
TEXT: Final = "\n".join(path.read_text(encoding="utf-8") for path in sorted(DOCS.rglob("*.md")))
COMMANDS: Final = dict(commands_of(program()))


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def undocumented(names: Iterable[str], text: str = TEXT) -> list[str]:
    """The names that do not occur in the text as words of their own."""
    return [name for name in names if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text)]


def test_every_setting_is_documented_with_its_flag_and_variable() -> None:
    told = page("reference/settings.md")
    flags = [f"--{name.replace('_', '-')}" for name in READERS]
    assert undocumented([*READERS, *flags, *(ENVIRONMENT_PREFIX + name.upper() for name in READERS)], told) == []


def test_every_variable_that_the_program_reads_is_documented() -> None:
    named = {name for path in source_files() for name in re.findall(r"\bEVENTKEEP_[A-Z_]*[A-Z]", path.read_text())}
    assert undocumented(named - {"EVENTKEEP_OPTION"}) == []


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_every_command_is_documented_with_all_its_options(names: tuple[str, ...]) -> None:
    heading = f"## eventkeep {' '.join(names)}\n"
    told = page("reference/commands.md").partition(heading)[2].partition("\n## ")[0]
    assert told, f"there is no {heading!r}"
    command = COMMANDS[names]
    flags = [flag for option in options_of(command).values() for flag in (*option.opts, *option.secondary_opts)]
    assert undocumented(flags, told) == []


def test_every_command_is_shown_in_the_guide() -> None:
    guide = "\n".join(block.text for block in BLOCKS if block.language == "console") + page("commands.md")
    assert undocumented({names[0] for names in COMMANDS}, guide) == []


def test_every_exit_code_is_documented() -> None:
    told = page("reference/commands.md")
    assert [code for code in ExitCode if f"| `{int(code)}` |" not in told] == []


def test_every_route_is_documented() -> None:
    api, routes = page("reference/api/index.md"), page("reference/routes.md")
    assert [name for name, each in OPERATIONS.items() if f"`{each.method} {each.path}`" not in api] == []
    assert [name for name, each in ADMIN_OPERATIONS.items() if f"`{each.method} {each.path}`" not in routes] == []
    assert undocumented(["/healthz", "/readyz", "/openapi/", "/metrics"], routes.replace(".json", "")) == []


def test_every_revision_has_a_page_with_all_its_operations() -> None:
    for revision in REVISIONS:
        told = page(f"reference/api/{revision.date}.md")
        same = re.search(r"no difference from \[(\S+)\]", told)
        told = told if same is None else page(f"reference/api/{same[1]}.md")
        assert undocumented(revision.operations, told) == [] or same is not None, revision.date


def test_every_status_and_code_is_documented_with_advice() -> None:
    told = page("errors.md")
    assert [each for each in (*PROBLEMS.values(), FAILURE) if f"| {each.status} | `{each.code}` |" not in told] == []


def test_every_header_of_a_create_is_documented() -> None:
    headers = (pending_response.STORED, pending_response.REPEATED, pending_response.PARTIAL_FAILURE)
    told = page("sending.md").lower()
    assert undocumented([header.lower() for header in headers], told) == []


def test_every_metric_is_documented() -> None:
    told = page("reference/metrics.md")
    source = inspect.getsource(telemetry)
    names = set(re.findall(r'"eventkeep_([a-z_]+)"', source)) | set(re.findall(r'^ +\("([a-z_]+)", "', source, re.M))
    assert names
    assert [
        name for name in names if f"`eventkeep_{name}`" not in told and f"`eventkeep_{name}_total`" not in told
    ] == []


def test_every_limit_is_documented() -> None:
    told = page("reference/limits.md")
    assert undocumented([name for name in vars(limits) if name.isupper()], told) == []


def test_every_export_of_the_package_is_documented() -> None:
    told = re.findall(r"^::: (\S+)$", page("reference/sdk.md"), re.MULTILINE)
    modules = [name for name in told if name.rpartition(".")[2].islower()]
    named = {name.rpartition(".")[2] for name in told} | {
        name for module in modules for name in vars(importlib.import_module(module))
    }
    assert set(eventkeep.__all__) - named == set()


@pytest.mark.parametrize("method", [Client.__init__, Client.batch, AsyncClient.batch])
def test_every_argument_of_the_client_is_documented(method: Any) -> None:
    assert (
        undocumented(
            set(inspect.signature(method).parameters) - {"self", "transport"}, page("sdk.md") + page("settings.md")
        )
        == []
    )


def examples() -> Iterator[tuple[str, str]]:
    """The commands in the reference's examples, each with its place."""
    for block in BLOCKS:
        if block.language == "bash":
            yield from ((block.place, line) for line in block.text.splitlines())


@pytest.mark.parametrize(("place", "line"), list(examples()))
def test_example_is_accepted_by_the_program(place: str, line: str) -> None:
    (typed,) = (part for part in re.split(r" [|>] ", line) if part.startswith("eventkeep "))
    name, *words = shlex.split(typed)
    command: Any = program()
    parent = command.make_context(name, ["serve"])
    while isinstance(command, TyperGroup) and not (command.invoke_without_command and not words):
        # Groups that list by default run the list if no command is named.
        name = words.pop(0) if words and words[0] in command.commands else "list"
        command = command.commands[name]
    context = command.make_context(name, words, parent=parent)
    assert context.args == [], place

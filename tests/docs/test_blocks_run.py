"""Every code block of README and docs runs, and prints the output on its page."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest
import yaml

from eventkeep.testing import ServerProcess
from tests.docs.blocks import Block, blocks
from tests.docs.prefork import PreforkedProgram
from tests.docs.session import PageSession, surroundings
from tests.source_tree import PROJECT

PAGES: Final = {
    path.relative_to(PROJECT).as_posix(): list(blocks(path))
    for path in (PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md")))
}
BLOCKS: Final = [block for listed in PAGES.values() for block in listed]
RUN: Final = [name for name, listed in PAGES.items() if any(block.is_run for block in listed)]

PARSERS: Final[Mapping[str, Callable[[str], object]]] = {
    "json": json.loads,
    "jsonl": lambda text: [json.loads(line) for line in text.splitlines()],
    "python": lambda text: compile(text, "a page", "exec"),
    "toml": tomllib.loads,
    "yaml": yaml.safe_load,
}
"""Languages whose blocks are parsed even if they are not run."""
SHOWN_ONLY: Final = frozenset({"bash", "console", "csv", "diff", "text"})
"""Languages whose blocks are run or shown, and have no syntax to check."""
NOT_RUN_MAX: Final = 20
"""Languages whose blocks may say that they can't be run."""
MAKE: Final = re.compile(r"\bmake ([a-z-]+)")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PreforkedProgram]:
    with PreforkedProgram(tmp_path_factory.mktemp("program"), surroundings()) as prepared:
        yield prepared


@pytest.mark.parametrize("name", RUN)
def test_the_blocks_of_a_page_do_what_it_says(
    name: str, tmp_path: Path, server: ServerProcess, program: PreforkedProgram
) -> None:
    folder = tmp_path / "page"
    folder.mkdir()
    with PageSession(folder, PROJECT / name, server, program) as session:
        for block in PAGES[name]:
            if block.is_run:
                session.run(block)


def test_every_block_can_be_read() -> None:
    wrong = []
    for block in BLOCKS:
        if block.language in PARSERS:
            try:
                PARSERS[block.language](block.text)
            except (ValueError, SyntaxError, yaml.YAMLError) as exc:
                wrong.append(f"{block.place}: {exc}")
        elif block.language not in SHOWN_ONLY and block.not_run is None:
            wrong.append(f"{block.place}: nothing checks {block.language!r}; say why by <!-- not run: … -->")
    assert wrong == []


def test_blocks_that_are_not_run_are_few_and_say_why() -> None:
    left_out = [block for block in BLOCKS if block.not_run is not None]
    assert all(block.not_run for block in left_out)
    assert len(left_out) <= NOT_RUN_MAX, [block.place for block in left_out]


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {(block.place, target) for block in BLOCKS for target in make_targets(block)}
    assert {each for each in named if each[1] not in targets} == set()


def make_targets(block: Block) -> list[str]:
    """The make targets in a console block."""
    commands = [line for line in block.text.splitlines() if block.language == "console" and line.startswith("$ ")]
    return [target for command in commands for target in MAKE.findall(command)]

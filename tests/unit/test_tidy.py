"""Texts that no file of the project may contain."""

from __future__ import annotations

import re
from typing import Final

import pytest

from tests.source_tree import PROJECT, tracked_files

ABSOLUTE_PATHS: Final = re.compile(r"(?<![\w.$}/~])/(work|root|home|tmp|Users|private)/\w")
UNFINISHED: Final = re.compile(r"\b(TODO|FIXME)\b")


def texts() -> dict[str, str]:
    """Every tracked text file by its path in the project."""
    found: dict[str, str] = {}
    for path in tracked_files():
        try:
            found[path.relative_to(PROJECT).as_posix()] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return found


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts().items()
        if name != "tests/unit/test_tidy.py"
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_path_of_one_machine() -> None:
    assert lines_with(ABSOLUTE_PATHS) == []


def test_nothing_is_left_unfinished() -> None:
    assert lines_with(UNFINISHED) == []


@pytest.mark.parametrize("text", ["open('/root/x')", "data: /work/shop", "/tmp/v"])
def test_an_absolute_path_would_be_noticed(text: str) -> None:
    assert ABSOLUTE_PATHS.search(text)

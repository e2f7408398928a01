"""The generated pages agree with the code."""

from __future__ import annotations

import pytest

from tools.reference.commands import exit_codes
from tools.reference.markdown import escaped, plain, table
from tools.reference.routes import READERS, parameters
from tools.reference_pages import PROJECT, generated


def test_pages_are_up_to_date() -> None:
    old = [
        path.relative_to(PROJECT).as_posix()
        for path, text in generated().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    assert old == [], "run make reference"


def test_bars_and_line_ends_do_not_break_a_table() -> None:
    assert table(("a", "b"), [("x|y", "one\ntwo")]) == "| a | b |\n|---|---|\n| x\\|y | one two |"


def test_brackets_begin_no_link() -> None:
    assert escaped("page[size]") == "page\\[size]"


def test_docstring_is_cut_at_its_first_blank_line() -> None:
    assert plain("``None`` for\n    nothing.\n\n    More.") == "`None` for nothing."


def test_exit_codes_are_read_out_of_the_help() -> None:
    assert exit_codes()[0] == "done"
    assert exit_codes()[130] == "interrupted"


@pytest.mark.parametrize(("name", "count"), [("get_stats", 0), ("list_metrics", 3)])
def test_parameters_are_read_out_of_a_refusal(name: str, count: int) -> None:
    assert len(parameters(READERS[name])) == count

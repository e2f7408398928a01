"""Markdown for the generated pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

NOTICE: Final = "<!-- Made by tools/reference_pages.py from the code: change that, and run `make reference`. -->"


def page(title: str, *parts: str) -> str:
    """A whole page; parts are paragraphs, tables or further headings."""
    return "\n\n".join([NOTICE, f"# {title}", *[part.strip("\n") for part in parts if part]]) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a bar in a cell is escaped."""
    lines = [_row(header), "|" + "---|" * len(header)]
    return "\n".join([*lines, *(_row(cells) for cells in rows)])


def code(text: object) -> str:
    """The text as code, "" if there is none."""
    return f"`{text}`" if str(text) else ""


def listed(names: Iterable[object]) -> str:
    """Names as code, with commas between."""
    return ", ".join(code(name) for name in names)


def escaped(text: str) -> str:
    """Text with brackets that begin no link."""
    return text.replace("[", "\\[")


def plain(docstring: str) -> str:
    """A docstring's first sentence or sentences up to a blank line, as Markdown in one line."""
    return " ".join(docstring.strip().split("\n\n")[0].split()).replace("``", "`")


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

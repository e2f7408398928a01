"""Lists that come in pages: printed page by page, as a table or as JSON lines, up to a limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from eventkeep.cli.output import Column, Output, Table, note
from eventkeep.client.admin_routes import Page
from eventkeep.limits import PAGE_EVENTS_MAX

Item = TypeVar("Item")


def print_list(
    read_page: Callable[[int, str | None], Page[Item]],
    limit: int,
    columns: Sequence[Column],
    row: Callable[[Item], Sequence[str]],
    as_json: Callable[[Item], Any] | None,
    when_empty: str,
) -> None:
    """Print up to ``limit`` items: by ``row`` under ``columns``, or a line of JSON each if ``as_json`` is given.

    ``read_page`` takes the number of items and the cursor of the page.
    ``when_empty`` is printed after a table without rows.
    """
    output = Output()
    table = Table(output, columns)
    cursor: str | None = None
    left = limit
    while left:
        page = read_page(min(left, PAGE_EVENTS_MAX), cursor)
        if as_json is not None:
            for each in page.items:
                output.json_line(as_json(each))
        else:
            table.rows(row(each) for each in page.items)
        left, cursor = left - len(page.items), page.next_cursor
        if cursor is None:
            break
    output.flush()
    if as_json is not None:
        return
    if left == limit:
        note(when_empty)
    if cursor is not None and output.is_terminal:
        note(f"only {limit} are shown; --limit shows more")

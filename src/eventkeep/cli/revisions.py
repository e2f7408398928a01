"""``eventkeep revisions``: the revisions that are served, and the changes between two of them."""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from eventkeep.cli.revision_views import in_short, markdown, terminal
from eventkeep.errors import ConfigurationError
from eventkeep.protocol.openapi import openapi_document
from eventkeep.protocol.openapi.differences import Difference, difference
from eventkeep.protocol.revisions import REVISIONS, Revision

_BASE_URL: Final = "http://127.0.0.1:8000"
"""Stands in the documents that are compared, in both of them the same."""

revisions = typer.Typer(
    help="List the revisions of the API that are served, and the changes between two of them.",
    epilog="Example: eventkeep revisions diff 2024-02-15 2024-06-15",
)
JsonOption = Annotated[bool, typer.Option("--json", help="As JSON.")]


@revisions.callback(invoke_without_command=True)
def list_by_default(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the revisions, each with its changes since the one before."""
    if context.invoked_subcommand is None:
        print_revisions(as_json)


@revisions.command("list", epilog="Example: eventkeep revisions list --json")
def list_(as_json: JsonOption = False) -> None:
    """List the revisions, each with its changes since the one before."""
    print_revisions(as_json)


def print_revisions(as_json: bool) -> None:
    """Print all revisions, as a table or as lines of JSON."""
    found = [
        None,
        *(compared(before, after) for before, after in itertools.pairwise(REVISIONS)),
    ]
    if as_json:
        for revision, changes in zip(REVISIONS, found, strict=True):
            print(msgspec.json.encode(listed(revision, changes)).decode())
        return
    table = Table("revision", "operations", "changes")
    for revision, changes in zip(REVISIONS, found, strict=True):
        told = "the first one here" if changes is None else in_short(changes) or "nothing that a client sees"
        # As text, since rich would take the brackets of parameters for its own.
        table.add_row(revision.date, str(len(revision.operations)), Text(told))
    Console().print(table)


@revisions.command(epilog="Example: eventkeep revisions diff 2024-02-15 2024-06-15 --markdown > changes.md")
def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="A revision, such as 2024-02-15.")],
    after: Annotated[str, typer.Argument(metavar="B", help="Another one, such as 2024-06-15.")],
    as_markdown: Annotated[bool, typer.Option("--markdown", help="As Markdown.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the changes from A to B: operation by operation, field by field."""
    if as_markdown and as_json:
        raise ConfigurationError("--markdown and --json can't be had at once; choose one")
    found = compared(named(before), named(after))
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(found)).decode())
    elif as_markdown:
        print(markdown(found))
    else:
        console = Console(highlight=False)
        # Lines are as wide as they are to be; a name that has no room is not cut anywhere.
        console.print(terminal(found, console.width), soft_wrap=True)


def compared(before: Revision, after: Revision) -> Difference:
    """The difference between two revisions."""
    return _compared(before.date, after.date)


@lru_cache
def _compared(before: str, after: str) -> Difference:
    return difference(openapi_document(named(before), _BASE_URL), openapi_document(named(after), _BASE_URL))


def named(date: str) -> Revision:
    """The revision of that date. Raises ConfigurationError if there is none."""
    for revision in REVISIONS:
        if revision.date == date:
            return revision
    raise ConfigurationError(f"there is no revision {date!r}; eventkeep revisions lists them")


def listed(revision: Revision, changes: Difference | None) -> dict[str, object]:
    """A revision as one line of JSON; ``changes`` are those since the one before."""
    return {
        "date": revision.date,
        "media_type": revision.media_type,
        "operations": sorted(revision.operations),
        "changes": [] if changes is None else msgspec.to_builtins(changes.operations),
    }

"""How a difference between two revisions is shown: on a terminal, in Markdown, and in a few words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
from rich.text import Text

from eventkeep.protocol.openapi.differences import Change, Difference, Kind, OperationDifference, Part

MARKS: Final[dict[Kind, str]] = {"added": "+", "removed": "-", "changed": "~"}
STYLES: Final[dict[Kind, str]] = {"added": "green", "removed": "red", "changed": "yellow"}
TITLES: Final[dict[Part, str]] = {
    "name": "name",
    "limit": "limits",
    "scope": "scopes",
    "media type": "media types",
    "parameter": "parameters",
    "body": "request body",
    "response": "response",
    "status": "statuses",
    "header": "headers",
    "error": "error document",
}
"""The parts of an operation in the order in which they are shown."""
PHRASES_MAX: Final = 4
"""Changes that are named in a short summary."""
VALUES_MAX: Final = 2
"""Values that are named there."""


class Row(msgspec.Struct, frozen=True):
    """A line of a part: ``depth`` counts the rows above that it lies in; ``name`` is relative to them.

    ``is_value`` says that it is about values of an enumeration, which ``words`` has.
    """

    kind: Kind
    depth: int
    name: str
    words: str
    is_value: bool = False


def rows(operation: OperationDifference, part: Part) -> list[Row]:
    """The changes of one part of an operation; values of one parameter that came or went share a line."""
    made: list[Row] = []
    above: list[Change] = []
    for change in operation.changes:
        if change.part != part:
            continue
        if change.value:
            _add_value(made, change)
            continue
        while above and not (change.kind == above[-1].kind and _lies_in(change.place, above[-1].place)):
            above.pop()
        name = change.place.removeprefix(above[-1].place).lstrip(".") if above else change.place
        made.append(Row(change.kind, len(above), name, in_words(change)))
        if part in ("body", "response", "error"):
            above.append(change)
    return made


def sections(operation: OperationDifference) -> Iterator[tuple[str, list[Row]]]:
    """The parts that changed, by their titles.

    An operation that came or went is not told its own name, and not the document that
    all operations tell their errors in.
    """
    for part, title in TITLES.items():
        if operation.kind != "changed" and part in ("name", "error"):
            continue
        found = rows(operation, part)
        if found:
            yield title, found


def in_words(change: Change) -> str:
    """The value, or the values before and after a change."""
    if change.kind == "changed":
        return f"{change.before} → {change.after}"
    return change.after or change.before


def headline(found: Difference) -> str:
    """How many operations came, went, changed and stayed."""
    counts = [(kind, sum(1 for each in found.operations if each.kind == kind)) for kind in MARKS]
    told = [f"{count} {kind}" for kind, count in counts if count]
    return f"Operations: {', '.join([*told, f'{len(found.unchanged)} unchanged'])}."


def terminal(found: Difference, width: int) -> Text:
    """For rich, ``width`` columns wide: marks beside colours, so that it reads well without them too."""
    text = Text()
    text.append(f"{found.before} → {found.after}\n", "bold")
    text.append(f"{headline(found)}\n")
    for operation in found.operations:
        text.append(f"\n{MARKS[operation.kind]} {operation.name}", f"bold {STYLES[operation.kind]}")
        place = f"{operation.method} {operation.path}"
        has_room = len(operation.name) + len(place) + 4 <= width
        text.append(f"  {place}\n" if has_room else f"\n    {place}\n")
        for title, listed in sections(operation):
            text.append(f"  {title}\n", "dim")
            _append_rows(text, listed, width)
    text.rstrip()
    return text


def markdown(found: Difference) -> str:
    """As a page of its own; a table for each operation."""
    lines = [f"# From {found.before} to {found.after}", "", headline(found)]
    for operation in found.operations:
        lines += [
            "",
            f"## {operation.kind.capitalize()}: {operation.name}",
            "",
            f"`{operation.method} {operation.path}`",
        ]
        for name, listed in sections(operation):
            lines += ["", f"| | {name} | |", "|---|---|---|"]
            lines += [f"| {MARKS[row.kind]} | {_cell(row)} | {_escaped(row.words)} |" for row in listed]
    return "\n".join(lines)


def in_short(found: Difference) -> str:
    """The difference in a few words; "" if there is none."""
    operations = [f"{MARKS[each.kind]}{each.name}" for each in found.operations if each.kind != "changed"]
    lines = [
        (title, row)
        for operation in found.operations
        if operation.kind == "changed"
        for title, listed in sections(operation)
        for row in listed
        if row.depth == 0
    ]
    phrases: dict[str, str] = {}
    for title, row in lines:
        if row.kind != "changed":
            # A change of a parameter is not repeated for the responses that it is about.
            phrases.setdefault(_subject(title, row), _phrase(title, row))
    told = [*operations, *phrases.values()]
    rest = len(told) - PHRASES_MAX
    altered = len({(title, row.name) for title, row in lines if row.kind == "changed"})
    return "; ".join(
        [
            *told[:PHRASES_MAX],
            *([f"{rest} more like these"] if rest > 0 else []),
            *([f"{altered} of another type"] if altered else []),
        ]
    )


def _subject(title: str, row: Row) -> str:
    """The subject of the row in any part: the last name of a place."""
    name = row.name if title in ("request body", "response") or not row.words else row.words.partition(", ")[0]
    return f"{MARKS[row.kind]}{name.rpartition('.')[2]}"


def _phrase(title: str, row: Row) -> str:
    mark = MARKS[row.kind]
    if title in ("request body", "response"):
        return f"{title} {mark}{row.name.rpartition('.')[2]}"
    if title != "parameters":
        return f"{title} {mark}{row.words or row.name}"
    if not row.is_value:
        return f"{mark}{row.name}"
    values = row.words.split(", ")
    return f"{row.name} {mark}{row.words if len(values) <= VALUES_MAX else f'{len(values)} names'}"


def _add_value(made: list[Row], change: Change) -> None:
    """Put the value beside those of its place that came or went with it."""
    name = change.place or change.value
    if not change.place:
        made.append(Row(change.kind, 0, name, ""))
    elif made and made[-1].is_value and (made[-1].kind, made[-1].name) == (change.kind, name):
        made[-1] = msgspec.structs.replace(made[-1], words=f"{made[-1].words}, {change.value}")
    else:
        made.append(Row(change.kind, 0, name, change.value, is_value=True))


def _lies_in(place: str, outer: str) -> bool:
    return place.startswith((f"{outer}.", f"{outer}("))


def _append_rows(text: Text, listed: Sequence[Row], width: int) -> None:
    """Names in one column, words in the next; words that have no room beside their name go below it."""
    names = [f"{'  ' * row.depth}{row.name}" for row in listed]
    start = 6 + min(max(map(len, names)), width // 2) + 2
    for row, name in zip(listed, names, strict=True):
        folded = f"\n{' ' * 8}".join(_folded(name, width - 8))
        text.append(f"    {MARKS[row.kind]} {folded}", STYLES[row.kind])
        has_room = len(name) + 8 <= start and max(map(len, row.words.split()), default=0) <= width - start
        indent = start if has_room else 8
        lines = textwrap.wrap(row.words, width - indent, break_long_words=False, break_on_hyphens=False)
        if lines and has_room:
            text.append(f"{' ' * (start - 6 - len(name))}{lines.pop(0)}")
        text.append("".join(f"\n{' ' * indent}{line}" for line in lines))
        text.append("\n")


def _folded(name: str, width: int) -> list[str]:
    """A dotted name in pieces that are not wider, if it has dots at which to cut it."""
    pieces: list[str] = []
    while len(name) > width and (cut := name.rfind(".", 1, width)) > 0:
        pieces.append(name[:cut])
        name = name[cut:]
    return [*pieces, name]


def _cell(row: Row) -> str:
    return f"{'&nbsp;' * 4 * row.depth}`{row.name}`"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")

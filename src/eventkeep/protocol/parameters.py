"""The kinds of query parameters that operations take.

The values of a parameter are a function of the revision. A parameter without values does
not exist in that revision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, Literal

import msgspec

if TYPE_CHECKING:
    from eventkeep.protocol.revisions import Revision

FilterKind = Literal["text", "texts", "text or texts", "datetime", "integer", "number", "boolean", "nothing"]
Filterable = Mapping[str, Mapping[str, FilterKind]]
"""Field -> operator -> the kind of value that it takes."""

TIME_OPERATORS: Final = ("greater-than", "greater-or-equal", "less-than", "less-or-equal")


class ListParameter(msgspec.Struct, frozen=True):
    """A list joined by commas, such as ``fields[event]`` and ``include``. A value may be named once or more."""

    name: str
    values: Callable[[Revision], Sequence[str]]

    def exists_in(self, revision: Revision) -> bool:
        return bool(self.values(revision))


class FilterParameter(msgspec.Struct, frozen=True):
    """``filter``: which fields it may name, with which operators."""

    fields: Callable[[Revision], Filterable]
    name: str = "filter"

    def exists_in(self, revision: Revision) -> bool:
        return bool(self.fields(revision))


class SortParameter(msgspec.Struct, frozen=True):
    """``sort``: one of the values."""

    values: Callable[[Revision], Sequence[str]]
    name: str = "sort"

    def exists_in(self, revision: Revision) -> bool:
        return bool(self.values(revision))


class CursorParameter(msgspec.Struct, frozen=True):
    """``page[cursor]``."""

    name: str = "page[cursor]"

    def exists_in(self, revision: Revision) -> bool:
        return True


class SizeParameter(msgspec.Struct, frozen=True):
    """``page[size]``: ``default`` resources a page, ``least`` to ``most`` if asked for.

    The documents have it from ``since`` on. It is taken in every revision, since released clients send it.
    """

    default: int
    most: int
    least: int = 1
    since: str = ""
    name: str = "page[size]"

    def exists_in(self, revision: Revision) -> bool:
        return True


class TextParameter(msgspec.Struct, frozen=True):
    """Any text, such as ``company_id``."""

    name: str
    description: str
    is_required: bool = False

    def exists_in(self, revision: Revision) -> bool:
        return True


Parameter = ListParameter | FilterParameter | SortParameter | CursorParameter | SizeParameter | TextParameter


def fields(kind: str, values: Callable[[Revision], Sequence[str]] | None = None) -> ListParameter:
    """``fields[<kind>]``: the names that the revision has, or those of ``values``."""
    return ListParameter(f"fields[{kind}]", values or (lambda revision: revision.fields(kind)))


def since(date: str, *values: str) -> Callable[[Revision], Sequence[str]]:
    """The values, in revisions from that date on."""
    return lambda revision: values if revision.date >= date else ()


def always(*values: str) -> Callable[[Revision], Sequence[str]]:
    """The values, in every revision."""
    return lambda _: values

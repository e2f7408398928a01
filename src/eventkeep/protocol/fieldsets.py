"""Sparse fieldsets: the attributes of a resource that a response holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import msgspec

from eventkeep.errors import Fault
from eventkeep.limits import ECHO_CHARACTERS_MAX

FieldTree = Mapping[str, "FieldTree"]
"""Names of members to the wanted part of each; an empty tree stands for the whole member."""

TREES_REMEMBERED_MAX: Final = 256


class Fieldset(msgspec.Struct, frozen=True):
    """The wanted attributes, dotted if nested; a name stands for all its members.

    Only attributes are chosen: type, id, relationships and links always stay.
    """

    names: tuple[str, ...]

    def __contains__(self, name: str) -> bool:
        """Whether the top-level attribute, or anything in it, is wanted."""
        return name in field_tree(self.names)

    def select(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """The wanted attributes, in the order of ``attributes``."""
        return prune(attributes, field_tree(self.names))


@lru_cache(TREES_REMEMBERED_MAX)
def field_tree(names: tuple[str, ...]) -> FieldTree:
    """``("a.b", "c")`` as ``{"a": {"b": {}}, "c": {}}``; ``("a.b", "a")`` as ``{"a": {}}``."""
    tree: dict[str, Any] = {}
    # Short names first: a member that is wanted whole stays whole.
    for name in sorted(set(names), key=lambda each: each.count(".")):
        branch = tree
        *parents, last = name.split(".")
        for parent in parents:
            if parent in branch and not branch[parent]:
                break
            branch = branch.setdefault(parent, {})
        else:
            branch.setdefault(last, {})
    return tree


def prune(value: Mapping[str, Any], tree: FieldTree) -> dict[str, Any]:
    """The part of ``value`` that the tree wants; a member that is no object is taken whole."""
    return {
        name: prune(member, tree[name]) if tree[name] and isinstance(member, Mapping) else member
        for name, member in value.items()
        if name in tree
    }


def parse_fieldset(parameter: str, text: str, allowed: Sequence[str]) -> tuple[Fieldset, list[Fault]]:
    """The fieldset that a parameter such as ``fields[event]`` says, and a fault for each unknown name.

    An empty text wants no attributes at all (JSON:API 1.0, "Sparse Fieldsets").
    """
    names = tuple(text.split(",")) if text else ()
    known = frozenset(allowed)
    faults = [
        Fault(
            f"{name[:ECHO_CHARACTERS_MAX]!r} is not a valid field for this parameter.  "
            f"Allowed fields are {', '.join(allowed)}",
            parameter=parameter,
        )
        for name in dict.fromkeys(names)
        if name not in known
    ]
    return Fieldset(names), faults

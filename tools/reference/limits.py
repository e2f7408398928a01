"""The page of the limits: every constant of ``eventkeep.limits`` with its unit."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from typing import Final

import msgspec

from eventkeep import limits
from tools.reference.markdown import code, page, plain, table

INTRODUCTION: Final = """
Nothing in eventkeep is unbounded: every limit has a name in `eventkeep/limits.py`, and this page is made from
that file. None of them is a setting. A request over a limit is refused with an error that names the limit.
"""


class Limit(msgspec.Struct, frozen=True):
    """A constant of the file, under the comment above it."""

    group: str
    name: str
    value: float
    meaning: str


def all_limits() -> Iterator[Limit]:
    """Every constant, in the order of the file."""
    source = inspect.getsource(limits)
    lines = source.splitlines()
    body = ast.parse(source).body
    group = ""
    for place, node in enumerate(body):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        above = lines[node.lineno - 2]
        if above.startswith("# "):
            group = above.removeprefix("# ")
        following = body[place + 1] if place + 1 < len(body) else None
        name = node.target.id
        if not (isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)):
            raise ValueError(f"limits.py: {name} needs a docstring that says its meaning and its unit")
        yield Limit(group, name, getattr(limits, name), plain(str(following.value.value)))


def limits_page() -> str:
    """Every limit with its value and meaning."""
    groups: dict[str, list[Limit]] = {}
    for limit in all_limits():
        groups.setdefault(limit.group, []).append(limit)
    parts = [INTRODUCTION]
    for group, listed in groups.items():
        parts.append(f"## {group.rstrip('.').partition(':')[0]}")
        rows = [(code(each.name), f"{each.value:,}", each.meaning) for each in listed]
        parts.append(table(("name", "value", "meaning"), rows))
    return page("Limits", *parts)

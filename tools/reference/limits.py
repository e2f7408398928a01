"""The page of the limits: every constant of ``eventkeep.limits`` with its unit."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Final

import msgspec

from eventkeep import limits
from tools.reference.markdown import code, page, plain, table

INTRODUCTION: Final = """
Nothing in eventkeep is unbounded: every limit has a name in `eventkeep/limits/`, and this page is made from
its modules. None of them is a setting. A request over a limit is refused with an error that names the limit.
"""


class Limit(msgspec.Struct, frozen=True):
    """A constant of a module, under the comment above it ("" if there is none)."""

    group: str
    name: str
    value: float
    meaning: str


def modules() -> Iterator[ModuleType]:
    """The modules of limits, by name."""
    for found in pkgutil.iter_modules(limits.__path__, f"{limits.__name__}."):
        yield importlib.import_module(found.name)


def limits_of(module: ModuleType) -> Iterator[Limit]:
    """Every constant of a module, in the order of the file."""
    source = inspect.getsource(module)
    lines = source.splitlines()
    body = ast.parse(source).body
    group = ""
    for place, node in enumerate(body):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        above = lines[node.lineno - 2]
        if above.startswith("# "):
            group = above.removeprefix("# ").rstrip(".")
        following = body[place + 1] if place + 1 < len(body) else None
        name = node.target.id
        if not (isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)):
            raise ValueError(f"{module.__name__}: {name} needs a docstring that says its meaning and its unit")
        yield Limit(group, name, getattr(module, name), plain(str(following.value.value)))


def limits_page() -> str:
    """Every limit with its value and meaning, by module and group."""
    parts = [INTRODUCTION]
    for module in modules():
        subject = module.__name__.rpartition(".")[2].replace("_", " ").capitalize()
        parts += [f"## {subject}", plain(module.__doc__ or "")]
        groups: dict[str, list[Limit]] = {}
        for limit in limits_of(module):
            groups.setdefault(limit.group, []).append(limit)
        for group, listed in groups.items():
            rows = [(code(each.name), f"{each.value:,}", each.meaning) for each in listed]
            parts += [f"### {group}" if group else "", table(("name", "value", "meaning"), rows)]
    return page("Limits", *parts)

"""The project's own source, for the tests that hold its structure."""

from __future__ import annotations

import ast
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[1]
SOURCE: Final = PROJECT / "src"
PACKAGE: Final = "eventkeep"

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


def source_files() -> list[Path]:
    """Every Python file of the package."""
    return sorted((SOURCE / PACKAGE).rglob("*.py"))


def module_name(path: Path) -> str:
    """``src/eventkeep/model/profile.py`` -> ``eventkeep.model.profile``."""
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def parse(path: Path) -> ast.Module:
    """The file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports(path: Path, *, only_on_import: bool = False) -> Iterator[tuple[int, str]]:
    """(line, dotted name) of all imports of a file; ``from a import b`` gives ``a.b``.

    ``only_on_import`` leaves out imports inside functions.
    """
    for node in _nodes(parse(path), into_functions=not only_on_import):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute here"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def functions(path: Path) -> Iterator[FunctionNode]:
    """All functions and methods of a file."""
    return (node for node in ast.walk(parse(path)) if isinstance(node, FunctionNode))


def tracked_files() -> list[Path]:
    """Every file that git knows; without a repository, every file of the usual folders."""
    names: list[str] = []
    if git := shutil.which("git"):
        done = subprocess.run([git, "ls-files", "-z"], cwd=PROJECT, capture_output=True, check=False)
        names = done.stdout.decode().split("\0") if done.returncode == 0 else []
    paths = [PROJECT / name for name in names if name]
    if not paths:
        folders = [SOURCE, *(PROJECT / name for name in ("tests", "examples", "bench", "docs", ".ci"))]
        paths = [path for folder in folders for path in folder.rglob("*")]
    return [path for path in paths if path.is_file() and "__pycache__" not in path.parts]


def _nodes(node: ast.AST, into_functions: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FunctionNode | ast.Lambda) and not into_functions:
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING" and not into_functions:
            continue
        yield child
        yield from _nodes(child, into_functions)

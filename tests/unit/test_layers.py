"""Holds the structure of the source: the direction of imports, the needs of the base install, sizes."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.source_tree import PACKAGE, SOURCE, functions, imports, module_name, source_files

MAY_IMPORT: Final[dict[str, set[str]]] = {
    "errors": set(),
    "limits": set(),
    "clock": set(),
    "cache": set(),
    "files": set(),
    "ports": set(),
    "config": {"errors", "limits"},
    "native": {"errors", "limits"},
    "model": {"errors", "limits", "clock"},
    "protocol": {"errors", "limits", "clock", "model", "native"},
    "cassettes": {"errors", "limits", "config"},
    "standin": {"errors", "limits", "clock"},
    "log": {"errors", "limits", "clock", "files", "model"},
    "directory": {"errors", "limits", "clock", "config", "files", "model", "log", "cache"},
    "events": {"errors", "limits", "clock", "files", "model", "native"},
    "http": {"errors", "limits", "clock", "cache"},
    "cluster": {"errors", "limits", "clock", "config", "files", "log", "ports"},
    "ingest": {"errors", "limits", "clock", "config", "model", "protocol", "directory", "files", "log", "events"},
    "server": {"errors", "limits", "clock", "config", "model", "protocol", "directory", "ingest"}
    | {"native", "log", "events", "files", "cluster", "http", "standin"},
    "client": {"errors", "limits", "protocol"},
    "exporter": {"errors", "limits", "client", "protocol", "model"},
    "importer": {"errors", "limits", "client", "protocol", "exporter"},
    "testing": {"errors", "limits", "server", "directory", "client", "ports"},
    "pytest_plugin": {"client", "testing"},
    "cli": {"errors", "limits", "clock", "config", "model", "protocol", "directory", "ingest", "server"}
    | {"client", "exporter", "importer", "testing", "native", "log", "events", "files", "cassettes", "cluster"}
    | {"http", "standin"},
}
"""Layer -> the layers that it may import; a layer may always import itself."""

PURE_LAYERS: Final = ("model", "protocol")
"""Layers without I/O and without a clock of their own."""

INPUT_AND_OUTPUT: Final = {"asyncio", "http", "httpx", "io", "os", "pathlib", "select", "shutil", "socket"} | {
    "sqlalchemy",
    "sqlite3",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "random",
    "secrets",
}

BASE_INSTALL: Final = {"httpx", "msgspec"}
BASE_MODULES: Final = (PACKAGE, *(f"{PACKAGE}.{name}" for name in ("client", "exporter", "importer", "testing", "cli")))
"""The parts that work without the extra ``server``: packages with all their modules, of cli only the package itself."""

LEFTOVER_NAMES: Final = {"utils", "util", "helpers", "helper", "common", "base", "misc", "shared"}
FILE_LINES_MAX: Final = 600
FUNCTION_LINES_MAX: Final = 60


def layer(module: str) -> str | None:
    """``eventkeep.model.profile`` -> ``model``; None for the package itself and its entry point."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == PACKAGE and parts[1] != "__main__" else None


def relative(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def test_imports_point_only_to_lower_layers() -> None:
    wrong = [
        f"{relative(path)}:{line}: {own} may not import {other}"
        for path in source_files()
        if (own := layer(module_name(path))) is not None
        for line, name in imports(path)
        if (other := layer(name)) is not None and other in MAY_IMPORT and other != own and other not in MAY_IMPORT[own]
    ]
    assert wrong == []


def test_every_module_belongs_to_a_known_layer() -> None:
    layers = {layer(module_name(path)) for path in source_files()} - {None}
    assert layers <= MAY_IMPORT.keys()


@pytest.mark.parametrize("pure", PURE_LAYERS)
def test_pure_layers_import_nothing_that_does_io_or_tells_the_time(pure: str) -> None:
    wrong = [
        f"{relative(path)}:{line}: {name}"
        for path in source_files()
        if layer(module_name(path)) == pure
        for line, name in imports(path)
        if name.partition(".")[0] in INPUT_AND_OUTPUT
    ]
    assert wrong == []


def modules_of_the_base_install() -> dict[str, Path]:
    """All imports, at import time, of the parts that work without the extra ``server``."""
    known = {module_name(path): path for path in source_files()}
    waiting = [
        module
        for module in known
        if module in BASE_MODULES
        or module.startswith((f"{PACKAGE}.client.", f"{PACKAGE}.exporter.", f"{PACKAGE}.importer."))
    ]
    found: dict[str, Path] = {}
    while waiting:
        module = waiting.pop()
        while module not in known:
            module = module.rpartition(".")[0]
        if module in found:
            continue
        found[module] = known[module]
        waiting.append(module.rpartition(".")[0] or PACKAGE)
        waiting += [name for _, name in imports(known[module], only_on_import=True) if name.split(".")[0] == PACKAGE]
    return found


def test_base_install_needs_nothing_but_httpx_and_msgspec() -> None:
    allowed = BASE_INSTALL | {PACKAGE} | set(sys.stdlib_module_names)
    wrong = [
        f"{relative(path)}:{line}: {name}"
        for path in modules_of_the_base_install().values()
        for line, name in imports(path, only_on_import=True)
        if name.partition(".")[0] not in allowed
    ]
    assert wrong == []


def test_the_library_of_nats_is_imported_late_and_only_by_the_cluster() -> None:
    on_import = [
        relative(path)
        for path in source_files()
        for _, name in imports(path, only_on_import=True)
        if name.partition(".")[0] == "nats"
    ]
    elsewhere = {
        layer(module_name(path)) for path in source_files() for _, name in imports(path) if name.startswith("nats.")
    }
    assert (on_import, elsewhere) == ([], {"cluster"})


def test_no_module_has_a_name_for_leftovers() -> None:
    wrong = [
        relative(path)
        for path in source_files()
        if LEFTOVER_NAMES & {path.stem, *path.relative_to(SOURCE).parent.parts}
    ]
    assert wrong == []


def test_files_fit_in_the_head() -> None:
    lengths = {relative(path): len(path.read_text(encoding="utf-8").splitlines()) for path in source_files()}
    assert {name: length for name, length in lengths.items() if length > FILE_LINES_MAX} == {}


def test_functions_do_one_thing() -> None:
    wrong = [
        f"{relative(path)}:{node.lineno}: {node.name} has {code_lines(node)} lines"
        for path in source_files()
        for node in functions(path)
        if code_lines(node) > FUNCTION_LINES_MAX
    ]
    assert wrong == []


def code_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function's body; signature and docstring don't count, because they tell the reader about it."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    return body[-1].end_lineno - body[0].lineno + 1 if body and body[-1].end_lineno is not None else 0


def test_only_the_tree_of_errors_defines_exceptions() -> None:
    wrong = [
        f"{relative(path)}:{node.lineno}: {node.name}"
        for path in source_files()
        if layer(module_name(path)) != "errors" and path.name != "errors.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(parent).endswith(("Error", "Exception")) for parent in node.bases)
    ]
    assert wrong == []


def test_nothing_is_swallowed_by_a_bare_except() -> None:
    wrong = [
        f"{relative(path)}:{node.lineno}"
        for path in source_files()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler) and node.type is None
    ]
    assert wrong == []

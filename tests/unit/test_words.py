"""Holds the words of the code and the documentation: the glossary's terms, plain prose, short commit subjects."""

from __future__ import annotations

import ast
import functools
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.source_tree import PROJECT, SOURCE, source_files

BANNED_NAMES: Final[dict[str, str]] = {
    "answer": "response",
    "answered": "responded",
    "answers": "responses",
    "Answer": "Response",
    "Awaited": "FutureTicket",
    "closer_look": "validation",
    "compiled": "native",
    "diagnosis": "validation",
    "heads": "head_cache",
    "Kept": "ResolvedRequest",
    "Maker": "EventDefaults",
    "own_documents": "admin_documents",
    "own_operations": "admin_operations",
    "own_queries": "admin_queries",
    "own_routes": "admin_routes",
    "plain_creates": "native_parser",
    "roster": "resolution",
    "Roster": "IdentityResolution",
    "seen_places": "native_bloom",
    "SeenPlaces": "NativeBloom",
    "sole": "only_identifier",
    "Standing": "Admission",
    "Together": "SingleGroup",
    "under_way": "in_flight",
    "UnderWay": "RequestLog",
    "Unread": "UnparsedBody",
    "verdicts": "rejections",
    "WholeExchange": "BufferedRequest",
    "without_pandas": "import_blocker",
}
"""Private names of earlier versions, with the terms of the glossary in their place."""
SOURCE_RATE_MAX: Final = 1.5
"""Uses of each word in 1,000 words of the docstrings and comments of the package."""
PAGES_RATE_MAX: Final = 1.0
"""Uses of each word in 1,000 words of the README, the changelog and the pages, without their code."""
PLAIN_SINCE: Final = "2026-11-29T18:23:00Z"
"""Subjects of older commits may be longer."""
SUBJECT_CHARACTERS_MAX: Final = 72
COMMENT: Final = re.compile(r"^ *#.*$|  # .*$", re.MULTILINE)
WORD: Final = re.compile(r"[a-z']+")


@functools.cache
def texts() -> Mapping[Path, str]:
    return {path: path.read_text(encoding="utf-8") for path in source_files()}


@functools.cache
def trees() -> Mapping[Path, ast.Module]:
    return {path: ast.parse(text) for path, text in texts().items()}


@functools.cache
def prose() -> Mapping[Path, str]:
    """The docstrings and comments of the package by file, those of the C files too."""
    c_files = [path for path in SOURCE.rglob("*.[ch]") if path.is_file()]
    found = {path: "\n".join([*docstrings(trees()[path]), *COMMENT.findall(text)]) for path, text in texts().items()}
    return found | {path: "\n".join(re.findall(r"/\*.*?\*/", path.read_text("utf-8"), re.DOTALL)) for path in c_files}


@functools.cache
def pages() -> Mapping[Path, str]:
    """The pages that people write, without their blocks of code; those under docs/reference are made of the source."""
    paths = [*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md")]
    return {path: re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL) for path in paths}


def docstrings(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


def names(tree: ast.Module) -> Iterator[str]:
    """Every name that a file defines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


def check_rate(word: str, prose: Mapping[Path, str], rate_max: float) -> None:
    lower = {path: text.lower() for path, text in prose.items()}
    words = sum(len(WORD.findall(text)) for text in lower.values())
    uses = {path: len(re.findall(rf"\b{word}\b", text)) for path, text in lower.items()}
    most = sorted(uses, key=lambda path: -uses[path])[:10]
    rate = 1_000 * sum(uses.values()) / words
    assert rate <= rate_max, [f"{path.relative_to(PROJECT)}: {uses[path]}" for path in most]


def test_no_name_is_one_that_the_glossary_replaced() -> None:
    wrong = [
        f"{path.relative_to(PROJECT)}: {name}: say {BANNED_NAMES[plain]}"
        for path, tree in trees().items()
        for name in sorted({path.stem, *names(tree)})
        if (plain := name.lstrip("_")) in BANNED_NAMES
    ]
    assert wrong == []


@pytest.mark.parametrize("word", ["what", "where", "answers?", "answered"])
def test_docstrings_and_comments_are_plain(word: str) -> None:
    check_rate(word, prose(), SOURCE_RATE_MAX)


@pytest.mark.parametrize("word", ["what", "where", "answers?", "answered"])
def test_pages_are_plain(word: str) -> None:
    check_rate(word, pages(), PAGES_RATE_MAX)


def test_every_term_of_the_glossary_stands_once_and_in_order() -> None:
    text = (PROJECT / "docs" / "glossary.md").read_text(encoding="utf-8")
    terms = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")][1:]
    assert len(terms) > 40
    assert terms == sorted(set(terms), key=str.lower)


def test_subjects_of_commits_are_short() -> None:
    git = shutil.which("git")
    if git is None or not (PROJECT / ".git").exists():
        pytest.skip("there is no history here")
    command = [git, "log", "--no-merges", "--format=%s", f"--since={PLAIN_SINCE}"]
    subjects = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert [subject for subject in subjects if len(subject) > SUBJECT_CHARACTERS_MAX] == []

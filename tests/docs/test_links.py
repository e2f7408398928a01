"""Links lead somewhere, in the sources of the pages and in the site that is built from them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.source_tree import PROJECT

PAGES: Final = [
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "examples/README.md")),
    *sorted((PROJECT / "docs").rglob("*.md")),
]
LINK: Final = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)
FENCED: Final = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
LOADED: Final = re.compile(r"""<(?:script|img|link|iframe)\b[^>]*\b(?:src|href)=["']?(https?:[^"'\s>]+)""")
"""URLs that a browser would fetch from other hosts."""


def without_code(path: Path) -> str:
    return FENCED.sub("", path.read_text(encoding="utf-8"))


def links(path: Path) -> Iterator[tuple[str, str]]:
    """The links of a page into the project: the path and the anchor of each."""
    for target in LINK.findall(without_code(path)):
        if not target.startswith(("http://", "https://")):
            file, _, anchor = target.partition("#")
            yield file, anchor


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings."""
    headings = (re.sub(r"[`*]|\]\([^)]*\)|\[", "", heading) for heading in HEADING.findall(without_code(path)))
    return {re.sub(r"[\s]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(PROJECT).as_posix())
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    broken = []
    for file, anchor in links(page):
        path = (page.parent / file).resolve() if file else page
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(f"{file}#{anchor}" if anchor else file)
    assert broken == []


def test_the_site_is_built_strictly_and_loads_nothing_from_other_hosts(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--quiet",
        "--site-dir",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = {path: path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html")}
    assert len(pages) > len(PAGES) / 2
    assert {(path.name, url) for path, text in pages.items() for url in LOADED.findall(text)} == set()

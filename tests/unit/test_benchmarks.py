"""Programs that benchmarks and documents start by name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = [
    *sorted((ROOT / "bench").glob("*.py")),
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "README.md",
    ROOT / "Makefile",
]


def programs(path: Path) -> set[str]:
    """The modules that a file starts with ``-m``."""
    text = path.read_text()
    started = re.finditer(r"-m\"?,?\s+\"?((?:bench|tests|tools)(?:\.[a-z_]+)*)", text)
    return {found[1] for found in started}


@pytest.mark.parametrize("path", [path for path in FILES if programs(path)], ids=lambda path: path.name)
def test_each_program_exists(path: Path) -> None:
    for name in programs(path):
        module = ROOT.joinpath(*name.split("."))
        assert module.with_suffix(".py").exists() or (module / "__main__.py").exists(), name

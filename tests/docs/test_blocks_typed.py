"""The Python of README and docs passes a strict type checker, as the programs of those who copy it have to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.docs.test_blocks_run import PAGES
from tests.source_tree import PROJECT

OPTIONS: Final = f"""
[mypy]
strict = true
mypy_path = {PROJECT / "src"}
follow_imports = silent
cache_dir = {PROJECT / ".mypy_cache" / "docs"}

[mypy-klaviyo_api.*,openapi_client.*]
ignore_missing_imports = true
"""


def test_examples_pass_a_strict_type_checker(tmp_path: Path) -> None:
    """Each page is a module, since its blocks run one after the other."""
    modules = []
    for name, listed in PAGES.items():
        code = "".join(f"# {block.place}\n{block.text}\n" for block in listed if block.language == "python")
        if code:
            module = tmp_path / f"{name.removesuffix('.md').replace('/', '_').replace('-', '_')}.py"
            module.write_text(code)
            modules.append(module)
    assert len(modules) > 3
    options = tmp_path / "mypy.ini"
    options.write_text(OPTIONS)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", options, *modules],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, f"Success: no issues found in {len(modules)} source files\n")

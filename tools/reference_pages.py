"""Makes the pages of ``docs/reference`` that follow from the code.

python -m tools.reference_pages           writes the pages
python -m tools.reference_pages --check   exits with 1, and names them, if they are not up to date
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from tools.reference.api import api_pages
from tools.reference.commands import commands_page
from tools.reference.limits import limits_page
from tools.reference.metrics import metrics_page
from tools.reference.problems import problems_page
from tools.reference.routes import routes_page
from tools.reference.settings import settings_page

PROJECT: Final = Path(__file__).resolve().parents[1]
FOLDER: Final = PROJECT / "docs" / "reference"
BY_HAND: Final = frozenset({"sdk.md"})
"""Pages of the folder that are written by hand."""


def generated() -> dict[Path, str]:
    """Every generated page, as it should be."""
    pages = {
        "commands.md": commands_page(),
        "errors.md": problems_page(),
        "limits.md": limits_page(),
        "metrics.md": metrics_page(),
        "routes.md": routes_page(),
        "settings.md": settings_page(),
        **api_pages(),
    }
    return {FOLDER / name: text for name, text in pages.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the reference pages of the documentation.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a page is out of date")
    check = parser.parse_args().check
    pages = generated()
    there = {path for path in FOLDER.rglob("*.md") if path.name not in BY_HAND}
    left_over = there - pages.keys()
    changed = [path for path, text in pages.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if check:
        for path in sorted([*changed, *left_over]):
            print(f"{path.relative_to(PROJECT)} does not match the code: run make reference", file=sys.stderr)
        sys.exit(bool(changed or left_over))
    for path in changed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages[path], encoding="utf-8")
        print(f"wrote {path.relative_to(PROJECT)}")
    for path in left_over:
        path.unlink()
        print(f"removed {path.relative_to(PROJECT)}")


if __name__ == "__main__":
    main()

"""Hooks of the documentation's site (see mkdocs.yml)."""

from __future__ import annotations

import re
from typing import Any, Final

_CODE_FOLLOWS: Final = re.compile(r"<p>::</p>\s*")
"""What introduces an example in a docstring; in HTML the example stands for itself."""


def on_page_content(html: str, **_: Any) -> str:
    """The page as it is shown."""
    return _CODE_FOLLOWS.sub("", html)

"""Hooks of the documentation's site (see mkdocs.yml)."""

from __future__ import annotations

import re
from typing import Any, Final

_CODE_FOLLOWS: Final = re.compile(r"<p>::</p>\s*")
"""The line before an example in a docstring; HTML does not need it."""


def on_page_content(html: str, **_: Any) -> str:
    """The page in its displayed form."""
    return _CODE_FOLLOWS.sub("", html)

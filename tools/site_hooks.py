"""Hooks of the documentation's site (see mkdocs.yml)."""

from __future__ import annotations

import re
from typing import Any, Final

_CODE_FOLLOWS: Final = re.compile(r"<p>::</p>\s*")
"""The line before an example in a docstring; HTML does not need it."""
_SHORT_CODE: Final = re.compile(r"<code>([^<\n]{1,32})</code>")
"""Code in a line of text that fits on one line of a phone."""


def on_page_content(html: str, **_: Any) -> str:
    """The page in its displayed form; short code in a line of text is not broken at a hyphen."""
    return _SHORT_CODE.sub(r'<code class="whole">\1</code>', _CODE_FOLLOWS.sub("", html))

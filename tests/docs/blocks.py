"""The code blocks of a Markdown page, with the page's remarks about running them.

A comment in front of a block is such a remark:

- ``<!-- not run: why -->``: the block can't be run here (a service of the system, a container).
- ``<!-- prints -->``: the output of the Python block before it.
- ``<!-- with klaviyo-api 9.0.0 -->``: the block needs that official client.

A block with ``title="name"`` is a file: it is written before the blocks after it run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

FENCE: Final = re.compile(r"^(?P<indent> *)(?P<marks>`{3,})(?P<language>\w*)(?P<rest>.*)$")
COMMENT: Final = re.compile(r"^ *<!-- (not run|prints|with klaviyo-api)(?::? (.+?))? -->$")
TITLE: Final = re.compile(r'title="([^"]+)"')


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """One code block. ``line`` is that of its fence, counted from 1."""

    path: Path
    line: int
    language: str
    text: str
    title: str | None = None
    not_run: str | None = None
    prints: bool = False
    client: str | None = None

    @property
    def place(self) -> str:
        return f"{self.path.name}:{self.line}"

    @property
    def is_run(self) -> bool:
        """True if the block is run, or is the output of one that is; other blocks are only parsed."""
        return self.not_run is None and (
            self.language in ("console", "python") or self.title is not None or self.prints
        )


def blocks(path: Path) -> Iterator[Block]:
    """The blocks of a page, in order."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comment: re.Match[str] | None = None
    position = 0
    while position < len(lines):
        line = lines[position]
        position += 1
        if (opening := FENCE.match(line)) is None:
            if line.strip():
                comment = COMMENT.match(line)
            continue
        start, closing = position, re.compile(rf"^ *{opening['marks']} *$")
        while not closing.match(lines[position]):
            position += 1
        inner = [each.removeprefix(opening["indent"]) for each in lines[start:position]]
        position += 1
        title = TITLE.search(opening["rest"])
        kind, said = (comment[1], comment[2]) if comment else (None, None)
        comment = None
        yield Block(
            path=path,
            line=start,
            language=opening["language"],
            text="".join(f"{each}\n" for each in inner),
            title=title[1] if title else None,
            not_run=said if kind == "not run" else None,
            prints=kind == "prints",
            client=said if kind == "with klaviyo-api" else None,
        )

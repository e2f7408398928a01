"""Compares real output with the output that a page shows.

``…`` stands for any text in its line, and alone in a line for any number of lines.
Values that differ from run to run may be shown as they were once: a key, an id, a UUID, the
date of an HTTP response, a moment of the year 2026 stand for any value of their kind. A key or
an id that a page shows again must occur again, and may be used in a later command.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

ANY: Final = "…"
PROGRESS: Final = re.compile(r"[\d,]+ (events|rows) \w+, [\d,]+/s")
"""Lines that only a command on a slow machine prints."""
KEY_ID: Final = re.compile(r"pk_([0-9A-Za-z]{8})[0-9A-Za-z]{32}")


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of value that differs from run to run: ``shown`` finds it in a page, ``got`` matches the real value.

    ``is_named`` says that the same text stands for the same value throughout the page.
    """

    shown: str
    got: str
    is_named: bool = False


KEY: Final = r"pk_[0-9A-Za-z]{40}"
PROFILE_ID: Final = r"\b01[0-9A-HJKMNP-TV-Z]{24}\b"
EVENT_ID: Final = r"\b0[0-9A-Za-z]{16}\b"
METRIC_ID: Final = r"\b(?=(?:[0-9A-Za-z]*[A-Z]){2})(?=[0-9A-Za-z]*[a-z])[0-9A-Za-z]{6}\b"
"""A page shows ids that have two capitals and a small letter, so that no word is one."""
UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
DATE: Final = r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} 20\d\d \d\d:\d\d:\d\d GMT"
CLOCK: Final = r"-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00:00|Z)?"

SHAPES: Final = (
    Shape(shown=KEY, got=KEY, is_named=True),
    Shape(shown=PROFILE_ID, got=PROFILE_ID, is_named=True),
    Shape(shown=EVENT_ID, got=EVENT_ID, is_named=True),
    Shape(shown=METRIC_ID, got=r"\b[0-9A-Za-z]{6}\b", is_named=True),
    Shape(shown=UUID, got=UUID),
    Shape(shown=DATE, got=DATE),
    # The year of a page is the year of its writing.
    Shape(shown=rf"\b2026{CLOCK}", got=rf"\b20\d\d{CLOCK}"),
    Shape(shown=re.escape(ANY), got=".*"),
)


class Matching:
    """Compares pages with real output; ``names`` maps the shown keys and ids to the real ones."""

    def __init__(self, page: str) -> None:
        self.names: dict[str, str] = {}
        key_ids = (Shape(shown=rf"\b{text}\b", got=r"[0-9A-Za-z]{8}", is_named=True) for text in KEY_ID.findall(page))
        self._shapes = (*SHAPES, *key_ids)
        self._any_shape = re.compile("|".join(f"({shape.shown})" for shape in self._shapes))

    def difference(self, shown: str, got: str) -> str | None:
        """None if ``got`` matches the shown text, else a description of the difference."""
        shown_lines = _lines(shown)
        got_lines = [line for line in _lines(got) if not PROGRESS.match(line)]
        pattern, named = "", []
        for line in shown_lines:
            if line.strip() == ANY:
                pattern += r"(?:.*\n)*?"
                continue
            for part, text in self._parts(line):
                pattern += part
                named += [text] if text is not None else []
            pattern += "\n"
        found = re.fullmatch(pattern, "".join(f"{line}\n" for line in got_lines))
        if found is None:
            return f"shown:\n{_indented(shown_lines)}\ngot:\n{_indented(got_lines)}"
        for text, real in zip(named, found.groups(), strict=True):
            if self.names.setdefault(text, real) != real:
                return f"{text!r} stood for {self.names[text]!r} before, and now for {real!r}"
            if (key := KEY_ID.fullmatch(text)) is not None:
                self.names[key[1]] = real[3:11]
        return None

    def real(self, command: str) -> str:
        """A command with the real keys and ids in place of the shown ones."""
        for text, real in self.names.items():
            command = command.replace(text, real)
        return command

    def _parts(self, line: str) -> Iterator[tuple[str, str | None]]:
        """Patterns, one after the other, for the pieces of a line; with the text if it is a name."""
        end = 0
        for found in self._any_shape.finditer(line):
            yield re.escape(line[end : found.start()]), None
            shape = self._shapes[(found.lastindex or 0) - 1]
            yield (f"({shape.got})", found[0]) if shape.is_named else (shape.got, None)
            end = found.end()
        yield re.escape(line[end:]), None


def _lines(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _indented(lines: list[str]) -> str:
    return "".join(f"    {line}\n" for line in lines)

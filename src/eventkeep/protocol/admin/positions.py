"""Positions: the progress of a reader through the stored events."""

from __future__ import annotations

import re

import msgspec

from eventkeep.errors import Fault, InvalidRequest
from eventkeep.limits import ECHO_CHARACTERS_MAX

_POSITION = re.compile(r"([0-9a-f]{8})-([0-9]{1,18})-([0-9]{1,9})")


class Position(msgspec.Struct, frozen=True):
    """All commits before number ``sequence`` are read, and ``place`` of the account's events in that one.

    ``run`` identifies the run of the server: each run counts its commits from 1.
    """

    run: str
    sequence: int
    place: int = 0

    def __str__(self) -> str:
        return f"{self.run}-{self.sequence}-{self.place}"


def parse_position(text: str) -> Position:
    """The position that ``str`` has printed. Raises InvalidRequest, of the parameter ``after``, for any other text."""
    match = _POSITION.fullmatch(text)
    if match is None or int(match[2]) == 0:
        raise no_position(text)
    return Position(match[1], int(match[2]), int(match[3]))


def no_position(text: str) -> InvalidRequest:
    """The error for a text that is no position of this server."""
    shown = text[:ECHO_CHARACTERS_MAX]
    return InvalidRequest([Fault(f"Expected the position of an earlier response, got {shown!r}.", parameter="after")])

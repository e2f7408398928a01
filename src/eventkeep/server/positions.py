"""Positions as clients see them: one number that also says which shard's log it belongs to.

``moves * 10**15 + shard * 10**12 + position``: how often the account was moved, the shard it lives in, and the position
in that shard's log. So the highest number that a client has seen is the newest state of its account, before and after a
move; and in shard 0, before any move, the number is the position alone.
"""

from __future__ import annotations

from typing import Final

import msgspec

from eventkeep.directory.moves import Home
from eventkeep.limits import SHARDS_MAX

POSITION_DIGITS_MAX: Final = 18
"""Digits of such a number: 3 of the moves, 3 of the shard and 12 of the position."""
POSITIONS: Final = 10**12


class SeenPosition(msgspec.Struct, frozen=True):
    """A position in the log of the shard in ``home``, where the account lived then."""

    home: Home
    position: int


def shown_position(home: Home, position: int) -> int:
    """A position as clients see it."""
    return (home.moves * SHARDS_MAX + home.shard) * POSITIONS + position


def seen_position(number: int) -> SeenPosition:
    """The position that a client has seen."""
    place, position = divmod(number, POSITIONS)
    moves, shard = divmod(place, SHARDS_MAX)
    return SeenPosition(Home(moves, shard), position)

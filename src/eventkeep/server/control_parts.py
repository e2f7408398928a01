"""The parts of the application that a stand-in's controls replace or add."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from eventkeep.config import RateLimit
from eventkeep.model.event_columns import EventColumns
from eventkeep.protocol.admin.operations import AdminOperation
from eventkeep.server.admin_routes import OwnHandler
from eventkeep.server.ratelimits import RateLimits

Take = Callable[[EventColumns], None]
"""Takes the events of a commit, in the commit thread."""


def alone(take: Take) -> Take:
    """``take`` as it is."""
    return take


class ControlParts(msgspec.Struct, frozen=True):
    """``limits`` makes the rate limits of a table; ``operations`` are more of our own, with their ``handlers``.

    ``following`` wraps the function that takes the events of each commit.
    """

    limits: Callable[[Mapping[str, RateLimit] | None], RateLimits] = RateLimits
    operations: Sequence[AdminOperation] = ()
    handlers: Mapping[str, OwnHandler] = {}
    following: Callable[[Take], Take] = alone

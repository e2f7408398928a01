"""An operation: its name, path and method, who may call it and how often, and the parameters that it takes.

Attributes that change from revision to revision are ``Dated`` values. A family of routes
lists its operations in its own ``operations.py``; ``eventkeep.protocol.operations``
collects them.
"""

from __future__ import annotations

from typing import Final, Generic, Literal, TypeVar

import msgspec

from eventkeep.protocol.parameters import Parameter

Method = Literal["GET", "POST", "PATCH", "DELETE"]
Value = TypeVar("Value")

FIRST_REVISION: Final = "2023-07-15"


class Dated(msgspec.Struct, Generic[Value], frozen=True):
    """A value that changes with the revision: ``first``, and later ones as (since, value), oldest first."""

    first: Value
    later: tuple[tuple[str, Value], ...] = ()

    def at(self, date: str) -> Value:
        """The value in the revision of that date."""
        found = self.first
        for since, value in self.later:
            if since <= date:
                found = value
        return found


class Limit(msgspec.Struct, frozen=True):
    """A rate limit: ``burst`` calls a second and ``steady`` calls a minute."""

    burst: int
    steady: int


XS: Final = Dated(Limit(1, 15))
S: Final = Dated(Limit(3, 60))
M: Final = Dated(Limit(10, 150))
L: Final = Dated(Limit(75, 700), (("2026-01-15", Limit(75, 750)),))
XL: Final = Dated(Limit(350, 3500))
"""The tiers of rate limits that the API's documents name."""

Statuses = Dated[tuple[int, ...]]

OK: Final[Statuses] = Dated((200,))
CREATED: Final[Statuses] = Dated((201,))
ACCEPTED: Final[Statuses] = Dated((202,))
"""The statuses of a success."""


class LowerLimit(msgspec.Struct, frozen=True, kw_only=True):
    """A rate limit in the place of the operation's own, if ``parameter`` asks for one of the ``values``."""

    parameter: str
    values: tuple[str, ...]
    limit: Limit
    since: str = FIRST_REVISION


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation.

    ``path`` begins and ends with a slash and has ``{id}`` in the place of an id. It exists in
    revisions from ``since`` on, and before ``until`` if that is set. ``tag`` is the name of its
    family. ``statuses`` are those that a success may have. An operation that ``is_public`` is
    called with a ``company_id`` in place of a key; one that ``may_conflict`` is refused if another
    profile has an identifier that it gives.
    """

    name: str
    method: Method
    path: str
    tag: str
    description: str
    scopes: tuple[str, ...]
    limit: Dated[Limit]
    lower_limits: tuple[LowerLimit, ...] = ()
    since: str = FIRST_REVISION
    until: str | None = None
    statuses: Statuses = OK
    parameters: tuple[Parameter, ...] = ()
    is_public: bool = False
    may_conflict: bool = False

    def exists_in(self, date: str) -> bool:
        """Whether the revision of that date has the operation."""
        return self.since <= date and (self.until is None or date < self.until)

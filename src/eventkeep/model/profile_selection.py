"""Which profiles a page shows, and in which order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

SortKey = Literal["number", "updated", "email", "suppressed", "list_suppressed"]
"""The value that orders profiles; ties by number. A profile without the value comes after those that have one.

Numbers are given in the order of creation, and so are ids. ``suppressed`` is the time of the
newest suppression of email marketing, ``list_suppressed`` of the newest of one list.
"""

SortValue = int | str | None


class Bounds(msgspec.Struct, frozen=True):
    """Unix microseconds from ``least`` to ``most``, both included; None for no bound."""

    least: int | None = None
    most: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether everything lies within."""
        return self.least is None and self.most is None

    def narrowed(self, other: Bounds) -> Bounds:
        """The range that lies within both."""
        lows = [each for each in (self.least, other.least) if each is not None]
        highs = [each for each in (self.most, other.most) if each is not None]
        return Bounds(max(lows, default=None), min(highs, default=None))


class SuppressionConditions(msgspec.Struct, frozen=True):
    """Conditions on a profile's suppressions; one of them has to fulfil all. None means no condition.

    Several ``reasons`` or ``list_ids`` have all to be there, which one suppression can't fulfil.
    """

    since: Bounds = Bounds()
    reasons: frozenset[str] | None = None
    list_ids: frozenset[str] | None = None


class ProfilePlace(msgspec.Struct, frozen=True):
    """The place of a profile in an order: its value there, and its number."""

    value: SortValue
    number: int


class ProfileSelection(msgspec.Struct, frozen=True, kw_only=True):
    """At most ``count`` profiles of an account, in an order, behind ``after``.

    ``is_backward`` says that they are walked to from the end of the order: ``after`` is then behind them, and they
    come in the reverse order. ``named`` has the identifiers that a profile has to have, by kind (``id`` among them):
    one of each kind that stands there.
    """

    account: int
    count: int
    sort: SortKey = "number"
    descending: bool = False
    named: Mapping[str, frozenset[str]] = {}
    created: Bounds = Bounds()
    updated: Bounds = Bounds()
    suppression: SuppressionConditions | None = None
    list_suppression: SuppressionConditions | None = None
    after: ProfilePlace | None = None
    is_backward: bool = False

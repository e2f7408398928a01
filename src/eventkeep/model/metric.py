"""A metric: the kind of an event."""

from __future__ import annotations

import msgspec


class Metric(msgspec.Struct):
    """One metric of an account; ``created`` and ``updated`` are in Unix microseconds.

    ``has_value`` says whether any of its events came with a value.
    """

    number: int
    id: str
    account: int
    name: str
    service: str
    integration_id: str
    has_value: bool
    created: int
    updated: int

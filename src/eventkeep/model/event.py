"""Events as they are stored, and the names that the outside knows them by."""

from __future__ import annotations

import msgspec


class StoredEvent(msgspec.Struct):
    """One kept event. ``time`` is in Unix seconds; ``currency`` "" means none; ``properties`` is a raw JSON object."""

    account: int
    time: int
    id: int
    profile: int
    metric: int
    unique_id: str
    value: float | None
    currency: str
    properties: bytes

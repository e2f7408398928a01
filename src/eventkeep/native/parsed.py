"""What the compiled reader finds of events, in the columns of a submission."""

from __future__ import annotations

import msgspec


class FoundEvents(msgspec.Struct, kw_only=True, gc=False):
    """The columns that stand for themselves; see ``eventkeep.model.submission.Submission``."""

    time: bytes
    unique_id: bytes
    unique_id_bytes: bytes
    unique_id_hash: bytes
    value: bytes
    has_value: bytes
    currency: bytes
    currency_bytes: bytes
    properties: bytes
    property_bytes: bytes


class ParsedBulk(FoundEvents, kw_only=True, gc=False):
    """What was found in a bulk create: besides, raw JSON of its profiles and distinct metrics, and whose events are."""

    events: int
    profiles: list[bytes]
    metrics: list[bytes]
    profile_index: bytes
    metric_index: bytes


class FoundSingle(FoundEvents, kw_only=True, gc=False):
    """What was found in a single create: besides, its profile and its metric as raw JSON."""

    profile: bytes
    metric: bytes

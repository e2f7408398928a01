"""The eight operations: what they are called, where they stand, who may call them and how often.

Source: the ``x-klaviyo-scopes`` and rate limits of the Events API's OpenAPI documents.
Which parameters an operation takes stands here too; what may be said in them differs
from revision to revision and stands in ``eventkeep.protocol.revisions``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

ResourceType = Literal["event", "metric", "profile", "attribution"]


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation.

    ``path`` has ``{id}`` where the event's id stands. ``burst`` is in calls a second,
    ``steady`` in calls a minute. ``since`` is the first revision that has the operation.
    ``fields`` names the types that it takes sparse fieldsets of; ``has_include``,
    ``has_selection`` (filter, sort and pages) and ``has_additional_fields`` say which
    other parameters it takes.
    """

    name: str
    method: Literal["GET", "POST"]
    path: str
    scopes: tuple[str, ...]
    burst: int
    steady: int
    since: str = "2023-07-15"
    fields: tuple[ResourceType, ...] = ()
    has_include: bool = False
    has_selection: bool = False
    has_additional_fields: bool = False


INCLUDE_SCOPES: Final[Mapping[str, str]] = {"metric": "metrics:read", "profile": "profiles:read"}
"""The scope that an ``include`` needs on top of the operation's own; attributions are part of an event."""

_ALL: Final = (
    Operation(
        name="create_event",
        method="POST",
        path="/api/events/",
        scopes=("events:write",),
        burst=350,
        steady=3500,
    ),
    Operation(
        name="bulk_create_events",
        method="POST",
        path="/api/event-bulk-create-jobs/",
        scopes=("events:write",),
        burst=10,
        steady=150,
        since="2024-05-15",
    ),
    Operation(
        name="get_events",
        method="GET",
        path="/api/events/",
        scopes=("events:read",),
        burst=350,
        steady=3500,
        fields=("event", "metric", "profile", "attribution"),
        has_include=True,
        has_selection=True,
    ),
    Operation(
        name="get_event",
        method="GET",
        path="/api/events/{id}/",
        scopes=("events:read",),
        burst=10,
        steady=150,
        fields=("event", "metric", "profile", "attribution"),
        has_include=True,
    ),
    Operation(
        name="get_event_metric",
        method="GET",
        path="/api/events/{id}/metric/",
        scopes=("events:read", "metrics:read"),
        burst=350,
        steady=3500,
        fields=("metric",),
    ),
    Operation(
        name="get_event_profile",
        method="GET",
        path="/api/events/{id}/profile/",
        scopes=("events:read", "profiles:read"),
        burst=350,
        steady=3500,
        fields=("profile",),
        has_additional_fields=True,
    ),
    Operation(
        name="get_event_relationships_metric",
        method="GET",
        path="/api/events/{id}/relationships/metric/",
        scopes=("events:read", "metrics:read"),
        burst=350,
        steady=3500,
    ),
    Operation(
        name="get_event_relationships_profile",
        method="GET",
        path="/api/events/{id}/relationships/profile/",
        scopes=("events:read", "profiles:read"),
        burst=350,
        steady=3500,
    ),
)

OPERATIONS: Final[Mapping[str, Operation]] = {operation.name: operation for operation in _ALL}
"""Every operation by its name."""

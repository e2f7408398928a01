"""The operations that create events.

Source: the ``x-klaviyo-scopes`` and rate limits of the Events API's OpenAPI documents.
"""

from __future__ import annotations

from typing import Final

from eventkeep.limits import BULK_EVENTS_MAX
from eventkeep.protocol.operation import ACCEPTED, XL, M, Operation

OPERATIONS: Final = (
    Operation(
        name="create_event",
        method="POST",
        path="/api/events/",
        tag="Events",
        description="Store one event, and the attributes of its profile.",
        scopes=("events:write",),
        limit=XL,
        statuses=ACCEPTED,
    ),
    Operation(
        name="bulk_create_events",
        method="POST",
        path="/api/event-bulk-create-jobs/",
        tag="Events",
        description=f"Store at most {BULK_EVENTS_MAX:,} events of one or more profiles, and the attributes of the "
        "profiles. The request is stored whole or not at all.",
        scopes=("events:write",),
        limit=M,
        since="2024-05-15",
        statuses=ACCEPTED,
    ),
)

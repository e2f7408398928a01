"""The operations that read events.

Source: the ``x-klaviyo-scopes``, rate limits and parameters of the Events API's OpenAPI documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from eventkeep.limits import PAGE_EVENTS_DEFAULT, PAGE_EVENTS_MAX
from eventkeep.protocol.operation import XL, M, Operation
from eventkeep.protocol.parameters import (
    CursorParameter,
    FilterParameter,
    ListParameter,
    SizeParameter,
    SortParameter,
    fields,
)

if TYPE_CHECKING:
    from eventkeep.protocol.revisions import Revision

_FIELDS: Final = (fields("event"), fields("metric"), fields("profile"), fields("attribution"))
_INCLUDE: Final = ListParameter("include", lambda revision: revision.includes)


def whole_profile_fields(revision: Revision) -> Sequence[str]:
    """``fields[profile]`` of an operation that has additional fields: those are among it."""
    names = revision.profile_fields
    for additional in revision.additional_fields.values():
        names += additional
    return names


ADDITIONAL_PROFILE_FIELDS: Final = ListParameter(
    "additional-fields[profile]", lambda revision: tuple(revision.additional_fields)
)

OPERATIONS: Final = (
    Operation(
        name="get_events",
        method="GET",
        path="/api/events/",
        tag="Events",
        description="Events of the account, page by page.",
        scopes=("events:read",),
        limit=XL,
        parameters=(
            *_FIELDS,
            _INCLUDE,
            FilterParameter(lambda revision: revision.filters),
            SortParameter(lambda revision: revision.sorts),
            CursorParameter(),
            SizeParameter(PAGE_EVENTS_DEFAULT, PAGE_EVENTS_MAX, since="2026-01-15"),
        ),
    ),
    Operation(
        name="get_event",
        method="GET",
        path="/api/events/{id}/",
        tag="Events",
        description="One event.",
        scopes=("events:read",),
        limit=M,
        parameters=(*_FIELDS, _INCLUDE),
    ),
    Operation(
        name="get_event_metric",
        method="GET",
        path="/api/events/{id}/metric/",
        tag="Events",
        description="The metric of an event.",
        scopes=("events:read", "metrics:read"),
        limit=XL,
        parameters=(fields("metric"),),
    ),
    Operation(
        name="get_event_profile",
        method="GET",
        path="/api/events/{id}/profile/",
        tag="Events",
        description="The profile of an event.",
        scopes=("events:read", "profiles:read"),
        limit=XL,
        parameters=(fields("profile", whole_profile_fields), ADDITIONAL_PROFILE_FIELDS),
    ),
    Operation(
        name="get_event_relationships_metric",
        method="GET",
        path="/api/events/{id}/relationships/metric/",
        tag="Events",
        description="The id of an event's metric.",
        scopes=("events:read", "metrics:read"),
        limit=XL,
    ),
    Operation(
        name="get_event_relationships_profile",
        method="GET",
        path="/api/events/{id}/relationships/profile/",
        tag="Events",
        description="The id of an event's profile.",
        scopes=("events:read", "profiles:read"),
        limit=XL,
    ),
)

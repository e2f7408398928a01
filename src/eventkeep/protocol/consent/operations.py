"""The operations on consent.

Source: the ``x-klaviyo-scopes``, rate limits and parameters of the Profiles API's OpenAPI documents.
An operation that was renamed has its newest name in all revisions.
"""

from __future__ import annotations

from typing import Final

from eventkeep.protocol.operation import ACCEPTED, L, Operation
from eventkeep.protocol.parameters import CursorParameter, FilterParameter, Parameter, SortParameter, always, fields
from eventkeep.protocol.profiles.job_operations import since_ids, with_id

TAG: Final = "Consent"
JOBS_SINCE: Final = "2024-10-15"
"""The first revision that responds to suppressions with their job, and reads jobs."""
JOB_FIELDS: Final = ("status", "created_at", "total_count", "completed_count", "completed_at", "skipped_count")


def _change(name: str, path: str, description: str, scopes: tuple[str, ...], *parameters: Parameter) -> Operation:
    return Operation(
        name=name,
        method="POST",
        path=f"/api/{path}/",
        tag=TAG,
        description=description,
        scopes=scopes,
        limit=L,
        statuses=ACCEPTED,
        parameters=parameters,
    )


def _read(name: str, path: str, description: str, *parameters: Parameter) -> Operation:
    return Operation(
        name=name,
        method="GET",
        path=f"/api/{path}/",
        tag=TAG,
        description=description,
        scopes=("subscriptions:read",),
        limit=L,
        since=JOBS_SINCE,
        parameters=parameters,
    )


_SUPPRESS: Final = "profile-suppression-bulk-create-job"
_UNSUPPRESS: Final = "profile-suppression-bulk-delete-job"
_PAGES: Final = (
    FilterParameter(
        lambda _: {"status": {"equals": "text"}, "list_id": {"equals": "text"}, "segment_id": {"equals": "text"}}
    ),
    SortParameter(always("created", "-created")),
    CursorParameter(),
)

OPERATIONS: Final = (
    _change(
        "bulk_subscribe_profiles",
        "profile-subscription-bulk-create-jobs",
        "Subscribe profiles to channels. It is carried out before the response; nobody has to confirm.",
        ("lists:write", "profiles:write", "subscriptions:write"),
    ),
    _change(
        "bulk_unsubscribe_profiles",
        "profile-subscription-bulk-delete-jobs",
        "Unsubscribe profiles from channels.",
        ("lists:write", "profiles:write", "subscriptions:write"),
    ),
    _change(
        "bulk_suppress_profiles",
        "profile-suppression-bulk-create-jobs",
        "Suppress email marketing to addresses.",
        ("profiles:write", "subscriptions:write"),
        fields(_SUPPRESS, since_ids(JOB_FIELDS)),
    ),
    _change(
        "bulk_unsuppress_profiles",
        "profile-suppression-bulk-delete-jobs",
        "End suppressions of the reason USER_SUPPRESSED.",
        ("subscriptions:write",),
        fields(_UNSUPPRESS, since_ids(JOB_FIELDS)),
    ),
    _read(
        "get_bulk_suppress_profiles_jobs",
        "profile-suppression-bulk-create-jobs",
        "Jobs that suppressed addresses, page by page.",
        fields(_SUPPRESS, with_id(JOB_FIELDS)),
        *_PAGES,
    ),
    _read(
        "get_bulk_suppress_profiles_job",
        "profile-suppression-bulk-create-jobs/{id}",
        "One job that suppressed addresses.",
        fields(_SUPPRESS, with_id(JOB_FIELDS)),
    ),
    _read(
        "get_bulk_unsuppress_profiles_jobs",
        "profile-suppression-bulk-delete-jobs",
        "Jobs that ended suppressions, page by page.",
        fields(_UNSUPPRESS, with_id(JOB_FIELDS)),
        *_PAGES,
    ),
    _read(
        "get_bulk_unsuppress_profiles_job",
        "profile-suppression-bulk-delete-jobs/{id}",
        "One job that ended suppressions.",
        fields(_UNSUPPRESS, with_id(JOB_FIELDS)),
    ),
)

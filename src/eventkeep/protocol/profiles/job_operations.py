"""The operations on bulk imports of profiles.

Source: the ``x-klaviyo-scopes``, rate limits and parameters of the Profiles API's OpenAPI documents.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from eventkeep.protocol.operation import ACCEPTED, M, Operation
from eventkeep.protocol.parameters import FilterParameter, ListParameter, Parameter, SortParameter, always, fields
from eventkeep.protocol.profiles.operations import OF_LISTS, PAGES, PROFILE_FIELDS, TAG

if TYPE_CHECKING:
    from eventkeep.protocol.revisions import Revision

Values = Callable[["Revision"], Sequence[str]]

SINCE: Final = "2023-12-15"
IDS_SINCE: Final = "2026-04-15"
"""The first revision whose sparse fieldsets have ``id``."""
IMPORT_JOB_FIELDS: Final = (
    "status",
    "created_at",
    "total_count",
    "completed_count",
    "failed_count",
    "completed_at",
    "expires_at",
    "started_at",
)
IMPORT_ERROR_FIELDS: Final = ("code", "title", "detail", "source", "source.pointer", "original_payload")


def with_id(names: tuple[str, ...]) -> Values:
    """The names, with ``id`` in the revisions that have it."""

    def values(revision: Revision) -> Sequence[str]:
        return (*names, "id") if revision.date >= IDS_SINCE else names

    return values


def since_ids(names: tuple[str, ...]) -> Values:
    """The names with ``id``, in the revisions that have it; none before."""

    def values(revision: Revision) -> Sequence[str]:
        return (*names, "id") if revision.date >= IDS_SINCE else ()

    return values


def _read(name: str, path: str, description: str, scopes: tuple[str, ...], *parameters: Parameter) -> Operation:
    return Operation(
        name=name,
        method="GET",
        path=f"/api/profile-bulk-import-jobs/{path}",
        tag=TAG,
        description=description,
        scopes=scopes,
        limit=M,
        since=SINCE,
        parameters=parameters,
    )


OPERATIONS: Final = (
    Operation(
        name="bulk_import_profiles",
        method="POST",
        path="/api/profile-bulk-import-jobs/",
        tag=TAG,
        description="Make or change many profiles. Each is imported, or fails, by itself.",
        scopes=("lists:write", "profiles:write"),
        limit=M,
        since=SINCE,
        statuses=ACCEPTED,
        parameters=(fields("profile-bulk-import-job", since_ids(IMPORT_JOB_FIELDS)),),
    ),
    _read(
        "get_bulk_import_profiles_jobs",
        "",
        "Bulk imports of the account, page by page.",
        ("lists:read", "profiles:read"),
        fields("profile-bulk-import-job", with_id(IMPORT_JOB_FIELDS)),
        FilterParameter(lambda _: {"status": {"any": "texts", "equals": "text"}}),
        SortParameter(always("created_at", "-created_at")),
        *PAGES,
    ),
    _read(
        "get_bulk_import_profiles_job",
        "{id}/",
        "One bulk import.",
        ("lists:read", "profiles:read"),
        OF_LISTS,
        fields("profile-bulk-import-job", with_id(IMPORT_JOB_FIELDS)),
        ListParameter("include", always("lists")),
    ),
    _read("get_list_for_bulk_import_profiles_job", "{id}/lists/", "Lists of a bulk import.", ("lists:read",), OF_LISTS),
    _read(
        "get_list_ids_for_bulk_import_profiles_job",
        "{id}/relationships/lists/",
        "The ids of the lists of a bulk import.",
        ("lists:read",),
    ),
    _read(
        "get_profiles_for_bulk_import_profiles_job",
        "{id}/profiles/",
        "Profiles that a bulk import has made or changed, page by page.",
        ("profiles:read",),
        PROFILE_FIELDS,
        ListParameter("additional-fields[profile]", lambda revision: tuple(revision.additional_fields)),
        *PAGES,
    ),
    _read(
        "get_profile_ids_for_bulk_import_profiles_job",
        "{id}/relationships/profiles/",
        "The ids of the profiles that a bulk import has made or changed, page by page.",
        ("profiles:read",),
        *PAGES,
    ),
    _read(
        "get_errors_for_bulk_import_profiles_job",
        "{id}/import-errors/",
        "Profiles of a bulk import that were not imported, and why, page by page.",
        ("profiles:read",),
        fields("import-error", with_id(IMPORT_ERROR_FIELDS)),
        *PAGES,
    ),
)

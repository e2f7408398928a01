"""The operations on profiles.

Source: the ``x-klaviyo-scopes``, rate limits and parameters of the Profiles API's OpenAPI documents.
An operation that was renamed has its newest name in all revisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from eventkeep.limits import PAGE_PROFILES_DEFAULT, PAGE_PROFILES_MAX
from eventkeep.protocol.operation import CREATED, XS, Dated, L, LowerLimit, M, Operation
from eventkeep.protocol.parameters import (
    TIME_OPERATORS,
    CursorParameter,
    Filterable,
    FilterKind,
    FilterParameter,
    ListParameter,
    SizeParameter,
    SortParameter,
    fields,
    since,
)
from eventkeep.protocol.reads.operations import ADDITIONAL_PROFILE_FIELDS, whole_profile_fields

if TYPE_CHECKING:
    from eventkeep.protocol.revisions import Revision

TAG: Final = "Profiles"
SUPPRESSION_TIME: Final = "subscriptions.email.marketing.suppression.timestamp"
SUPPRESSION_REASON: Final = "subscriptions.email.marketing.suppression.reason"
LIST_SUPPRESSION_LIST: Final = "subscriptions.email.marketing.list_suppressions.list_id"
LIST_SUPPRESSION_REASON: Final = "subscriptions.email.marketing.list_suppressions.reason"
LIST_SUPPRESSION_TIME: Final = "subscriptions.email.marketing.list_suppressions.timestamp"
SUPPRESSIONS_SINCE: Final = "2023-10-15"
WRITE_FIELDS_SINCE: Final = "2026-04-15"
"""The first revision whose writes take ``fields[profile]``."""
ADDITIONAL_FIELDS_SINCE: Final = "2024-10-15"
"""The first revision whose writes take ``additional-fields[profile]``."""

_EQUALS_OR_ANY: Final[dict[str, FilterKind]] = {"any": "texts", "equals": "text"}
_BETWEEN: Final[dict[str, FilterKind]] = {"greater-than": "datetime", "less-than": "datetime"}
_TIMES: Final[dict[str, FilterKind]] = dict.fromkeys(TIME_OPERATORS, "datetime")
_FILTERS: Final[Filterable] = {
    "id": _EQUALS_OR_ANY,
    "email": _EQUALS_OR_ANY,
    "phone_number": _EQUALS_OR_ANY,
    "external_id": _EQUALS_OR_ANY,
    "_kx": {"equals": "text"},
    "created": _BETWEEN,
    "updated": _BETWEEN,
}
_SUPPRESSION_FILTERS: Final[Filterable] = {
    SUPPRESSION_TIME: _TIMES,
    SUPPRESSION_REASON: {"equals": "text"},
    LIST_SUPPRESSION_LIST: {"equals": "text"},
    LIST_SUPPRESSION_REASON: {"equals": "text"},
    LIST_SUPPRESSION_TIME: _TIMES,
}
_SORTED_BY: Final = ("created", "email", "id", "updated")
_SUPPRESSIONS_SORTED_BY: Final = (LIST_SUPPRESSION_TIME, SUPPRESSION_TIME)

_OWN_FIELDS: Final = ("name", "created", "updated")
LIST_FIELDS: Final = Dated(
    _OWN_FIELDS,
    (("2023-12-15", (*_OWN_FIELDS, "opt_in_process")), ("2026-04-15", (*_OWN_FIELDS, "opt_in_process", "id"))),
)
_FLAGS: Final = ("is_active", "is_processing", "is_starred")
_DEFINITION: Final = ("definition", "definition.condition_groups")
_SEGMENT_FIELDS: Final = Dated(
    _OWN_FIELDS,
    (
        ("2024-02-15", (*_OWN_FIELDS, *_FLAGS)),
        ("2024-06-15", (*_OWN_FIELDS, *_FLAGS, *_DEFINITION)),
        ("2026-04-15", (*_OWN_FIELDS, *_FLAGS, *_DEFINITION, "id")),
    ),
)
_PUSH_TOKEN_FIELDS: Final = (
    "created",
    "token",
    "enablement_status",
    "platform",
    "vendor",
    "background",
    "recorded_date",
    "metadata",
    *(
        f"metadata.{name}"
        for name in (
            "device_id",
            "klaviyo_sdk",
            "sdk_version",
            "device_model",
            "os_name",
            "os_version",
            "manufacturer",
            "app_name",
            "app_version",
            "app_build",
            "app_id",
            "environment",
        )
    ),
)


def filters_of(revision: Revision) -> Filterable:
    """The fields that ``filter`` of get_profiles may name."""
    return {**_FILTERS, **_SUPPRESSION_FILTERS} if revision.date >= SUPPRESSIONS_SINCE else _FILTERS


def sorts_of(revision: Revision) -> Sequence[str]:
    """The values that ``sort`` of get_profiles may have."""
    names = (*_SORTED_BY, *(_SUPPRESSIONS_SORTED_BY if revision.date >= SUPPRESSIONS_SINCE else ()))
    return tuple(sort for name in names for sort in (name, f"-{name}"))


def page_includes(revision: Revision) -> Sequence[str]:
    """The types that get_profiles may include."""
    date = revision.date
    if date < "2025-04-15":
        return ()
    return ("push-tokens", *(("lists", "segments") if date < "2026-01-15" else ()), *_conversations(revision))


def includes(revision: Revision) -> Sequence[str]:
    """The types that get_profile may include."""
    tokens = ("push-tokens",) if revision.date >= "2025-04-15" else ()
    return ("lists", "segments", *tokens, *_conversations(revision))


def _conversations(revision: Revision) -> Sequence[str]:
    if revision.date < "2026-04-15":
        return ()
    return ("conversation",) if revision.date < "2026-07-15" else ("conversations",)


def _push_token_fields(first: str) -> ListParameter:
    def values(revision: Revision) -> Sequence[str]:
        if revision.date < first:
            return ()
        return (*_PUSH_TOKEN_FIELDS, "id") if revision.date >= "2026-04-15" else _PUSH_TOKEN_FIELDS

    return fields("push-token", values)


PROFILE_FIELDS: Final = fields("profile", whole_profile_fields)
_CONVERSATION_FIELDS: Final = fields("conversation", since("2026-04-15", "channel", "id"))
_WRITE_PARAMETERS: Final = (
    ListParameter(
        "additional-fields[profile]",
        lambda revision: tuple(revision.additional_fields) if revision.date >= ADDITIONAL_FIELDS_SINCE else (),
    ),
    fields("profile", lambda revision: whole_profile_fields(revision) if revision.date >= WRITE_FIELDS_SINCE else ()),
)
OF_LISTS: Final = fields("list", lambda revision: LIST_FIELDS.at(revision.date))
PAGES: Final = (CursorParameter(), SizeParameter(PAGE_PROFILES_DEFAULT, PAGE_PROFILES_MAX))

OPERATIONS: Final = (
    Operation(
        name="get_profiles",
        method="GET",
        path="/api/profiles/",
        tag=TAG,
        description="Profiles of the account, page by page.",
        scopes=("profiles:read",),
        limit=L,
        lower_limits=(
            LowerLimit(parameter=ADDITIONAL_PROFILE_FIELDS.name, values=("predictive_analytics",), limit=M.first),
        ),
        parameters=(
            ADDITIONAL_PROFILE_FIELDS,
            PROFILE_FIELDS,
            _push_token_fields("2026-01-15"),
            _CONVERSATION_FIELDS,
            ListParameter("include", page_includes),
            FilterParameter(filters_of),
            SortParameter(sorts_of),
            *PAGES,
        ),
    ),
    Operation(
        name="get_profile",
        method="GET",
        path="/api/profiles/{id}/",
        tag=TAG,
        description="One profile.",
        scopes=("profiles:read",),
        limit=L,
        lower_limits=(
            LowerLimit(parameter="include", values=("lists", "segments"), limit=XS.first, since="2024-10-15"),
        ),
        parameters=(
            ADDITIONAL_PROFILE_FIELDS,
            PROFILE_FIELDS,
            OF_LISTS,
            fields("segment", lambda revision: _SEGMENT_FIELDS.at(revision.date)),
            _push_token_fields("2025-04-15"),
            _CONVERSATION_FIELDS,
            ListParameter("include", includes),
        ),
    ),
    Operation(
        name="create_profile",
        method="POST",
        path="/api/profiles/",
        tag=TAG,
        description="Make a profile. One that has an identifier of it already is told in `meta.duplicate_profile_id`.",
        scopes=("profiles:write",),
        limit=L,
        statuses=CREATED,
        parameters=_WRITE_PARAMETERS,
        may_conflict=True,
    ),
    Operation(
        name="update_profile",
        method="PATCH",
        path="/api/profiles/{id}/",
        tag=TAG,
        description="Change a profile. A field that is null is cleared; one that is absent stays.",
        scopes=("profiles:write",),
        limit=L,
        parameters=_WRITE_PARAMETERS,
        may_conflict=True,
    ),
    Operation(
        name="create_or_update_profile",
        method="POST",
        path="/api/profile-import/",
        tag=TAG,
        description="Make a profile (201), or change the one that an identifier finds (200).",
        scopes=("profiles:write",),
        limit=L,
        since="2024-02-15",
        statuses=Dated((201, 200)),
        parameters=_WRITE_PARAMETERS,
    ),
    Operation(
        name="merge_profiles",
        method="POST",
        path="/api/profile-merge/",
        tag=TAG,
        description="Make one profile part of another. Its events are read under the other one from then on.",
        scopes=("profiles:write",),
        limit=M,
        since="2023-09-15",
        statuses=CREATED,
        parameters=(fields("profile", since("2026-04-15", "id")),),
    ),
)

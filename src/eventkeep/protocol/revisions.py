"""The revisions of the API: one registry, in which each revision gives its differences from the one before.

The next revision is one more line at the end of ``REVISIONS``: ``.followed_by(date, …)``
with its changes. Source of all facts here: the Events API's OpenAPI documents,
one per revision; if a response of the live service shows more (``anonymous_id``), the response.
"""

from __future__ import annotations

import datetime
import re
from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from eventkeep.errors import Fault, Gone, InvalidRequest, NotFound
from eventkeep.limits import ECHO_CHARACTERS_MAX, EVENT_YEAR_MIN, PROPERTIES_MAX, PROPERTIES_MAX_SINCE_2025_04_15
from eventkeep.protocol.operations import OPERATIONS, Operation
from eventkeep.protocol.parameters import TIME_OPERATORS, Filterable, FilterKind
from eventkeep.protocol.profile_fields import (
    FIRST_SUBSCRIPTIONS,
    LOCATION,
    MOBILE_PUSH,
    NEVER_BY_EMAIL,
    NEVER_BY_SMS,
    OPEN_TRACKING,
    PREDICTIVE_ANALYTICS,
    SMS_TRANSACTIONAL,
    SUBSCRIPTIONS,
    WHATSAPP,
)

REVISION_HEADER: Final = "revision"
OPT_OUT_HEADER: Final = "X-Klaviyo-Revision-Fall-Forward-Opt-Out"
"""Set to 1 by clients that would have an error rather than a newer revision."""
USED_HEADER: Final = "X-Klaviyo-Api-Revision"
"""Names the revision that a response is in."""
_DATE: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:\.[a-z0-9]{1,16})?")
"""A date, with the suffix that beta revisions have."""


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of the API.

    ``*_fields`` are the names that sparse fieldsets may hold, dotted if nested; those
    of ``additional_fields`` (name -> dotted names) come only on request and only
    if an operation takes ``additional-fields[profile]``. ``filters`` maps a field to
    its operators and the values that these take. ``create_event_attributes`` are those of an event in either create
    body (the single one has ``profile`` beside them), ``create_profile_attributes``
    those of a profile there.

    ``has_nulls`` says that an attribute without a value is null; otherwise the
    attribute is left out. ``never_subscribed`` is the value of ``subscriptions`` for a
    profile that never subscribed. ``lists_have_data`` says that a profile's relationships
    to lists and segments carry ``data`` and not only links. ``related_is_collection``
    says that the routes to an event's metric and profile respond with a list of one.

    ``create_event_meta`` names the place of a profile's ``meta`` in a single create of the revision's
    clients: beside its attributes (``profile``), inside them (``attributes``)
    or either way; in a bulk create it is beside them. Both places are read in every
    revision. ``promises_relationship_data`` says that, according to the documents, the relationships of an event
    carry ``data`` in every response; later documents leave that open.
    ``has_attribution_property`` says that an event has its attribution as the property ``$attribution``.
    ``has_flow_triggers`` says that a metric has a relationship to the flows that it triggers.

    An event has at most ``properties_max`` properties, and its time is in or after the year
    ``event_year_min``.
    """

    date: str
    media_type: str
    operations: frozenset[str]
    event_fields: tuple[str, ...]
    metric_fields: tuple[str, ...]
    profile_fields: tuple[str, ...]
    attribution_fields: tuple[str, ...]
    additional_fields: Mapping[str, tuple[str, ...]]
    includes: tuple[str, ...]
    filters: Filterable
    sorts: tuple[str, ...]
    has_page_size: bool
    create_event_attributes: frozenset[str]
    create_profile_attributes: frozenset[str]
    create_event_meta: tuple[Literal["profile", "attributes"], ...]
    has_nulls: bool
    never_subscribed: Mapping[str, Any]
    lists_have_data: bool
    related_is_collection: bool
    promises_relationship_data: bool
    has_attribution_property: bool
    has_flow_triggers: bool
    properties_max: int
    event_year_min: int

    def fields(self, resource_type: str) -> tuple[str, ...]:
        """The names that ``fields[<type>]`` may hold, additional fields not among them."""
        names: tuple[str, ...] = getattr(self, f"{resource_type}_fields")
        return names

    def operation(self, name: str) -> Operation:
        """The operation of that name. Raises NotFound if the revision lacks it."""
        if name not in self.operations:
            detail = f"The operation {name} does not exist in revision {self.date}"
            since = OPERATIONS[name].since if name in OPERATIONS else None
            raise NotFound([Fault(f"{detail}; it does from {since} on." if since else f"{detail}.")])
        return OPERATIONS[name]

    def followed_by(self, date: str, **changes: Any) -> Revision:
        """The next revision: this one, apart from the ``changes``."""
        return msgspec.structs.replace(self, date=date, operations=operations_in(date), **changes)


def operations_in(date: str) -> frozenset[str]:
    """The names of the operations that the revision of that date has."""
    return frozenset(name for name, operation in OPERATIONS.items() if operation.exists_in(date))


def resolve_revision(header: str | None, default: str, today: datetime.date, *, falls_forward: bool = True) -> Revision:
    """The newest revision that is not after the date in the header, or in ``default`` without a header.

    ``today`` is the date in UTC. A date before the first revision falls forward to that.
    Raises InvalidRequest for a text that is no date, NotFound for a date in the future, and
    Gone for one before the first revision if it does not fall forward.
    """
    asked = default if header is None else header.strip()
    if asked in _BY_DATE and asked <= today.isoformat():
        return _BY_DATE[asked]
    try:
        matched = _DATE.fullmatch(asked)
        if matched is None:
            raise ValueError(asked)
        date = datetime.date.fromisoformat(matched[1])
    except ValueError as exc:
        detail = f"expected a revision like {REVISIONS[-1].date}, got {asked[:ECHO_CHARACTERS_MAX]!r}."
        raise InvalidRequest([Fault(f"Invalid revision provided: {detail}", parameter=REVISION_HEADER)]) from exc
    if date > today:
        raise NotFound([Fault("Unable to specify a future revision date", parameter=REVISION_HEADER)])
    place = bisect_right(_DATES, matched[1])
    if place == 0 and not falls_forward:
        detail = f"The revision {matched[1]} is retired; the oldest one here is {_DATES[0]}."
        raise Gone([Fault(detail, parameter=REVISION_HEADER)])
    return REVISIONS[max(0, place - 1)]


def _compared(kind: FilterKind) -> dict[str, FilterKind]:
    return dict.fromkeys(TIME_OPERATORS, kind)


_2023_07_15: Final = Revision(
    date="2023-07-15",
    media_type="application/json",
    operations=operations_in("2023-07-15"),
    event_fields=("timestamp", "event_properties", "datetime", "uuid"),
    metric_fields=("name", "created", "updated", "integration"),
    profile_fields=(
        "email",
        "phone_number",
        "external_id",
        "first_name",
        "last_name",
        "organization",
        "title",
        "image",
        "created",
        "updated",
        "last_event_date",
        *LOCATION,
        "properties",
        *FIRST_SUBSCRIPTIONS,
    ),
    attribution_fields=(),
    additional_fields={"predictive_analytics": PREDICTIVE_ANALYTICS},
    includes=("metric", "profile"),
    filters={
        "metric_id": {"equals": "text"},
        "profile_id": {"equals": "text"},
        "datetime": _compared("datetime"),
        "timestamp": _compared("integer"),
    },
    sorts=("datetime", "-datetime", "timestamp", "-timestamp"),
    has_page_size=False,
    create_event_attributes=frozenset({"metric", "properties", "time", "value", "unique_id"}),
    create_profile_attributes=frozenset(
        {"email", "phone_number", "external_id", "anonymous_id", "first_name", "last_name", "organization"}
        | {"title", "image", "location", "properties", "meta"}
    ),
    create_event_meta=("profile",),
    has_nulls=False,
    # Here a method is required and can't be null; a channel by SMS would need the time of a consent.
    never_subscribed={
        "email": {
            "marketing": {"consent": "NEVER_SUBSCRIBED", "method": "", "suppressions": [], "list_suppressions": []}
        }
    },
    lists_have_data=True,
    related_is_collection=False,
    promises_relationship_data=True,
    has_attribution_property=True,
    has_flow_triggers=False,
    properties_max=PROPERTIES_MAX,
    event_year_min=EVENT_YEAR_MIN,
)
_2023_08_15: Final = _2023_07_15.followed_by("2023-08-15")
_2023_09_15: Final = _2023_08_15.followed_by(
    "2023-09-15",
    profile_fields=(*_2023_08_15.profile_fields, "location.ip"),
    create_profile_attributes=_2023_08_15.create_profile_attributes | {"_kx"},
)
_2023_10_15: Final = _2023_09_15.followed_by(
    "2023-10-15",
    profile_fields=tuple(name for name in _2023_09_15.profile_fields if name not in FIRST_SUBSCRIPTIONS),
    additional_fields={**_2023_09_15.additional_fields, "subscriptions": SUBSCRIPTIONS},
    # To 2024-06-15 a channel by SMS needs the time of a consent.
    never_subscribed={"email": {"marketing": NEVER_BY_EMAIL}},
)
_2023_12_15: Final = _2023_10_15.followed_by(
    "2023-12-15",
    filters={**_2023_10_15.filters, "profile": {"has": "nothing"}},
    lists_have_data=False,
)
_2024_02_15: Final = _2023_12_15.followed_by(
    "2024-02-15",
    includes=("attributions", "metric", "profile"),
    has_attribution_property=False,
    has_nulls=True,
    never_subscribed={"email": {"marketing": NEVER_BY_EMAIL}, "sms": None},
    create_event_attributes=_2023_12_15.create_event_attributes | {"value_currency"},
    # The document has it inside the attributes; the official client of the revision still sends it beside them.
    create_event_meta=("profile", "attributes"),
)
_2024_05_15: Final = _2024_02_15.followed_by(
    "2024-05-15",
    profile_fields=(*_2024_02_15.profile_fields, "locale"),
    create_event_meta=("attributes",),
    promises_relationship_data=False,
)
_2024_06_15: Final = _2024_05_15.followed_by("2024-06-15")
_2024_07_15: Final = _2024_06_15.followed_by(
    "2024-07-15",
    additional_fields={**_2024_06_15.additional_fields, "subscriptions": (*SUBSCRIPTIONS, *MOBILE_PUSH)},
    create_profile_attributes=_2024_06_15.create_profile_attributes | {"locale"},
    never_subscribed={"email": {"marketing": NEVER_BY_EMAIL}, "sms": {"marketing": NEVER_BY_SMS}},
    related_is_collection=True,
    has_flow_triggers=True,
)
_2024_10_15: Final = _2024_07_15.followed_by(
    "2024-10-15",
    media_type="application/vnd.api+json",
    additional_fields={
        **_2024_07_15.additional_fields,
        "subscriptions": (*_2024_07_15.additional_fields["subscriptions"], *SMS_TRANSACTIONAL),
    },
    related_is_collection=False,
)
_2025_01_15: Final = _2024_10_15.followed_by("2025-01-15")
_2025_04_15: Final = _2025_01_15.followed_by(
    "2025-04-15",
    # In no document, but in responses of the live service from this revision on.
    profile_fields=(*_2025_01_15.profile_fields, "anonymous_id"),
    properties_max=PROPERTIES_MAX_SINCE_2025_04_15,
)
_2025_07_15: Final = _2025_04_15.followed_by(
    "2025-07-15",
    additional_fields={
        "subscriptions": (*_2025_04_15.additional_fields["subscriptions"], *WHATSAPP),
        "predictive_analytics": (*PREDICTIVE_ANALYTICS, "predictive_analytics.ranked_channel_affinity"),
    },
)
_2025_10_15: Final = _2025_07_15.followed_by("2025-10-15")
_2026_01_15: Final = _2025_10_15.followed_by("2026-01-15", has_page_size=True)
_2026_04_15: Final = _2026_01_15.followed_by(
    "2026-04-15",
    event_fields=(*_2026_01_15.event_fields, "id"),
    metric_fields=(*_2026_01_15.metric_fields, "id"),
    profile_fields=(*_2026_01_15.profile_fields, "id"),
    attribution_fields=("id",),
    additional_fields={
        **_2026_01_15.additional_fields,
        "subscriptions": (*_2026_01_15.additional_fields["subscriptions"], *OPEN_TRACKING),
    },
    filters={
        **_2026_01_15.filters,
        "metric_id": {"equals": "text or texts"},
        "timestamp": _compared("number"),
        "metric": {"has": "nothing"},
    },
    create_event_attributes=_2026_01_15.create_event_attributes | {"backfill"},
)
_2026_07_15: Final = _2026_04_15.followed_by("2026-07-15", event_year_min=1990)
_2026_10_15: Final = _2026_07_15.followed_by("2026-10-15", create_event_meta=("profile",))

REVISIONS: Final[tuple[Revision, ...]] = (
    _2023_07_15,
    _2023_08_15,
    _2023_09_15,
    _2023_10_15,
    _2023_12_15,
    _2024_02_15,
    _2024_05_15,
    _2024_06_15,
    _2024_07_15,
    _2024_10_15,
    _2025_01_15,
    _2025_04_15,
    _2025_07_15,
    _2025_10_15,
    _2026_01_15,
    _2026_04_15,
    _2026_07_15,
    _2026_10_15,
)
"""Every revision that is served, oldest first."""

_BY_DATE: Final = {revision.date: revision for revision in REVISIONS}
_DATES: Final = tuple(_BY_DATE)

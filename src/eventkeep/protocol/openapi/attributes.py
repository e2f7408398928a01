"""Schemas of the attributes in responses: the registry has their names, this module their types.

None of them is required, because a sparse fieldset may leave out all but one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from eventkeep.protocol.openapi.schemas import (
    ANY_OBJECT,
    BOOLEAN,
    DATE_TIME,
    INTEGER,
    NUMBER,
    STRING,
    Schema,
    array_of,
    object_of,
    one_of_names,
    or_null,
)

_COORDINATE: Final[Schema] = {"oneOf": [STRING, NUMBER]}
_SUPPRESSION: Final = {"reason": STRING, "timestamp": DATE_TIME}
_SUPPRESSIONS: Final = array_of(object_of(_SUPPRESSION, _SUPPRESSION))
_LIST_SUPPRESSION: Final = {"list_id": STRING, **_SUPPRESSION}

EVENT: Final[Mapping[str, Schema]] = {
    "timestamp": INTEGER,
    "event_properties": ANY_OBJECT,
    "datetime": DATE_TIME,
    "uuid": STRING,
}
METRIC: Final[Mapping[str, Schema]] = {
    "name": STRING,
    "created": STRING,
    "updated": STRING,
    "integration": ANY_OBJECT,
}
PROFILE: Final[Mapping[str, Schema]] = {
    "created": DATE_TIME,
    "updated": DATE_TIME,
    "last_event_date": DATE_TIME,
    "latitude": _COORDINATE,
    "longitude": _COORDINATE,
    "properties": ANY_OBJECT,
    "timestamp": DATE_TIME,
    "consent_timestamp": DATE_TIME,
    "created_timestamp": DATE_TIME,
    "last_updated": DATE_TIME,
    "valid_until": DATE_TIME,
    "double_optin": BOOLEAN,
    "metadata": ANY_OBJECT,
    "suppression": _SUPPRESSIONS,
    "suppressions": _SUPPRESSIONS,
    "list_suppressions": array_of(object_of(_LIST_SUPPRESSION, _LIST_SUPPRESSION)),
    "historic_clv": NUMBER,
    "predicted_clv": NUMBER,
    "total_clv": NUMBER,
    "historic_number_of_orders": INTEGER,
    "predicted_number_of_orders": NUMBER,
    "average_days_between_orders": NUMBER,
    "average_order_value": NUMBER,
    "churn_probability": NUMBER,
    "expected_date_of_next_order": DATE_TIME,
    "ranked_channel_affinity": array_of(one_of_names(["email", "push", "sms", "whatsapp"])),
}
"""By the last part of the dotted name; every other attribute of a profile is a string."""

CERTAIN: Final[Mapping[str, Schema]] = {
    "consent": STRING,
    "can_receive": BOOLEAN,
    "can_receive_email_marketing": BOOLEAN,
    "can_receive_sms_marketing": BOOLEAN,
    "can_receive_push_marketing": BOOLEAN,
}
"""Attributes that are never null if they are present."""


def attributes_schema(names: Iterable[str], kinds: Mapping[str, Schema], has_nulls: bool) -> Schema:
    """The object that has the attributes of these dotted names; ``kinds`` has their types."""
    inner: dict[str, list[str]] = {}
    for name in names:
        first, _, rest = name.partition(".")
        members = inner.setdefault(first, [])
        if rest:
            members.append(rest)
    return object_of({name: _member(name, members, kinds, has_nulls) for name, members in inner.items()})


def _member(name: str, members: list[str], kinds: Mapping[str, Schema], has_nulls: bool) -> Schema:
    if name in CERTAIN:
        return CERTAIN[name]
    schema = attributes_schema(members, kinds, has_nulls) if members else kinds.get(name, STRING)
    return or_null(schema) if has_nulls else schema

"""Events as rows, in full, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from eventkeep.cli.output import Column, Output, in_utc, print_details, print_object, shown_time, without_absent
from eventkeep.client.results import Event, Profile

COLUMNS: Final = (
    Column("time (UTC)", 19),
    Column("metric", 18, can_be_cut=True),
    Column("profile", 28, can_be_cut=True),
    Column("value", 10, is_number=True),
    Column("id", 17),
)
MESSAGE_COLUMN: Final = Column("credited to", 18, can_be_cut=True)
SERVERS_OWN: Final = ("$event_id", "$value", "$value_currency")
"""Properties that are shown beside the others."""


def row(event: Event) -> list[str]:
    """The cells of COLUMNS."""
    metric = event.metric
    return [
        shown_time(event.datetime),
        metric.name or metric.id,
        called(event.profile),
        shown_value(event.event_properties),
        event.id,
    ]


def credited_message(event: Event) -> str:
    """Return the message that an event is credited to, with its flow if it is one of a flow; "" for none."""
    for each in event.attributions:
        if each.flow_message_id is not None:
            return f"{each.flow_message_id} (flow {each.flow_id})" if each.flow_id else each.flow_message_id
        return each.campaign_message_id or each.campaign_id or ""
    return ""


def called(profile: Profile) -> str:
    """Return the identifier that a person knows a profile by."""
    return profile.email or profile.phone_number or profile.external_id or profile.anonymous_id or profile.id


def shown_value(properties: Mapping[str, Any]) -> str:
    """The value with its currency; "" for none."""
    value, currency = properties.get("$value"), properties.get("$value_currency")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return " ".join(str(each) for each in (value, currency) if each is not None)


def in_full(output: Output, event: Event) -> None:
    """Print all values of an event."""
    properties = event.event_properties
    metric, profile = event.metric, event.profile
    print_details(
        output,
        [
            ("id", event.id),
            ("time", in_utc(event.datetime)),
            ("metric", f"{metric.name or ''} ({metric.id})"),
            ("integration", str((metric.integration or {}).get("name") or "")),
            ("profile", f"{called(profile)} ({profile.id})"),
            ("value", shown_value(properties)),
            ("unique_id", str(properties.get("$event_id", ""))),
            ("uuid", event.uuid or ""),
            *([("credited to", credited_message(event))] if event.attributions else []),
        ],
    )
    print_object(output, "properties", {name: each for name, each in properties.items() if name not in SERVERS_OWN})


def as_json(event: Event) -> Any:
    """Return an event with its metric and its profile, for --json."""
    return without_absent(event)

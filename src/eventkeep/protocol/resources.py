"""Metrics and profiles as JSON:API resources, in bytes. They are few and are encoded, unlike events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from eventkeep.model.metric import Metric
from eventkeep.model.profile import Profile
from eventkeep.protocol.datetimes import datetime_of
from eventkeep.protocol.fieldsets import Fieldset
from eventkeep.protocol.profile_fields import LOCATION, PREDICTIVE_ANALYTICS
from eventkeep.protocol.revisions import Revision
from eventkeep.protocol.subscriptions import subscriptions_of

if TYPE_CHECKING:
    # It needs numpy, which takes longer to load than all else here.
    from eventkeep.model.predictions.analytics import PredictiveAnalytics

_MICROSECONDS: Final = 1_000_000
LOCATION_MEMBERS: Final = (*(name.partition(".")[2] for name in LOCATION[1:]), "ip")
_ANALYTICS: Final = tuple(name.partition(".")[2] for name in PREDICTIVE_ANALYTICS[1:])
_PLAIN_ATTRIBUTES: Final = (
    "email",
    "phone_number",
    "external_id",
    "anonymous_id",
    "first_name",
    "last_name",
    "organization",
    "locale",
    "title",
    "image",
)

WHOLE_PROFILES_CHANGED: Final = "2024-05-15"
"""The first revision in which the response that is one profile has no ``data`` of its lists and segments either."""

_encode = msgspec.json.Encoder().encode


def json_text(text: str) -> bytes:
    """``text`` as a JSON string, without its quotes."""
    return _encode(text)[1:-1]


def metric_resource(metric: Metric, base_url: str, wanted: Fieldset, revision: Revision) -> bytes:
    """The metric's resource object. Its integration is the API's own, one for each service name."""
    own = f"{base_url}/api/metrics/{metric.id}/"
    attributes = {
        "name": metric.name,
        "created": datetime_of(metric.created // _MICROSECONDS),
        "updated": datetime_of(metric.updated // _MICROSECONDS),
        "integration": integration_of(metric),
    }
    return _encode(
        {
            "type": "metric",
            "id": metric.id,
            "attributes": wanted.select(attributes),
            **({"relationships": _flow_triggers(own)} if revision.has_flow_triggers else {}),
            "links": {"self": own},
        }
    )


def integration_of(metric: Metric) -> dict[str, str]:
    """The integration that a metric belongs to."""
    return {
        "object": "integration",
        "id": metric.integration_id,
        "key": metric.service,
        "name": "API" if metric.service == "api" else metric.service,
        "category": "API",
    }


def _flow_triggers(own: str) -> dict[str, Any]:
    """The flows that a metric triggers. There are none, and the live service has links alone."""
    links = {"self": f"{own}relationships/flow-triggers/", "related": f"{own}flow-triggers/"}
    return {"flow-triggers": {"links": links}}


def profile_resource(
    profile: Profile,
    last_event_time: int | None,
    base_url: str,
    wanted: Fieldset,
    revision: Revision,
    *,
    is_whole: bool = False,
    analytics: PredictiveAnalytics | None = None,
) -> bytes:
    """The profile's resource object. ``last_event_time`` is its newest event's, in Unix seconds.

    ``analytics`` are needed only if they are wanted, and None if the profile has never ordered.
    """
    own = f"{base_url}/api/profiles/{profile.id}/"
    lists_have_data = revision.lists_have_data or (is_whole and revision.date < WHOLE_PROFILES_CHANGED)
    attributes = wanted.select(profile_attributes(profile, last_event_time, revision, analytics))
    return _encode(
        {
            "type": "profile",
            "id": profile.id,
            "attributes": attributes if revision.has_nulls else without_nulls(attributes),
            "relationships": {
                name: {
                    **({"data": []} if lists_have_data else {}),
                    "links": {"self": f"{own}relationships/{name}/", "related": f"{own}{name}/"},
                }
                for name in ("lists", "segments")
            },
            "links": {"self": own},
        }
    )


def profile_attributes(
    profile: Profile, last_event_time: int | None, revision: Revision, analytics: PredictiveAnalytics | None = None
) -> dict[str, Any]:
    """All attributes that a profile can have, additional ones too, null if there is no value."""
    return {
        **{name: getattr(profile, name) for name in _PLAIN_ATTRIBUTES},
        "created": datetime_of(profile.created // _MICROSECONDS),
        "updated": datetime_of(profile.updated // _MICROSECONDS),
        "last_event_date": None if last_event_time is None else datetime_of(last_event_time),
        "location": {name: profile.location.get(name) for name in LOCATION_MEMBERS},
        # Encoded already, so that nulls in it are no business of ``without_nulls``.
        "properties": msgspec.Raw(_encode(profile.properties)),
        "subscriptions": subscriptions_of(profile.consent, profile.phone_number, revision),
        "predictive_analytics": predictive_analytics(analytics),
    }


def predictive_analytics(analytics: PredictiveAnalytics | None) -> dict[str, Any]:
    """The value of ``predictive_analytics``, all of its members null if the profile has never ordered.

    Which channel a profile prefers is not predicted.
    """
    if analytics is None:
        return dict.fromkeys(_ANALYTICS)
    found = {name: getattr(analytics, name) for name in _ANALYTICS if hasattr(analytics, name)}
    next_order = analytics.expected_date_of_next_order
    return {**found, "expected_date_of_next_order": None if next_order is None else datetime_of(next_order)}


def without_nulls(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes that have a value, at every level; a profile's own ``properties`` stay as they are."""
    return {
        name: without_nulls(value) if isinstance(value, Mapping) else value
        for name, value in attributes.items()
        if value is not None
    }

"""Attributions as JSON:API resources, as relationships of events, and as the property that they were before.

Source: the OpenAPI documents of get_event from 2024-02-15 on. An attribution has no attributes. The service has no
route that reads one, and neither has eventkeep: its links are there because the documents require them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from eventkeep.model.attribution import Touch, attribution_id, first_form
from eventkeep.model.event import StoredEvent, public_id

RELATED_KINDS: Final = {
    "event": "event",
    "attributed-event": "event",
    "campaign": "campaign",
    "campaign-message": "campaign-message",
    "flow": "flow",
    "flow-message": "flow-message",
    "flow-message-variation": "flow-message",
}
"""The relationships of an attribution, and the types that they lead to."""

_encode = msgspec.json.Encoder().encode


def attribution_ids(events: Sequence[StoredEvent], touches: Sequence[Touch | None]) -> list[str]:
    """The id of each event's attribution, "" if it has none."""
    return [
        "" if touch is None else attribution_id(public_id(event.time, event.id))
        for event, touch in zip(events, touches, strict=True)
    ]


def attribution_resource(event: StoredEvent, touch: Touch, base_url: str) -> bytes:
    """The resource object of the attribution of ``event`` to ``touch``.

    A message of a flow is one with a ``$flow``; any other is a campaign's, and its id stands for both the campaign and
    its message, because events name no other one.
    """
    event_id = public_id(event.time, event.id)
    id = attribution_id(event_id)
    related: dict[str, str | None] = {"event": event_id, "attributed-event": public_id(touch.time, touch.id)}
    if touch.flow is None:
        related |= {"campaign": touch.message, "campaign-message": touch.message}
    else:
        related |= {
            "flow": touch.flow,
            "flow-message": touch.message,
            "flow-message-variation": touch.variation,
        }
    resource: dict[str, Any] = {
        "type": "attribution",
        "id": id,
        "relationships": {
            name: {"data": {"type": RELATED_KINDS[name], "id": each}}
            for name, each in related.items()
            if each is not None
        },
        "links": {"self": f"{base_url}/api/attributions/{id}/"},
    }
    return _encode(resource)


def attribution_property(touch: Touch) -> bytes:
    """The value of ``$attribution`` among the properties of an event that is credited to ``touch``."""
    return _encode(first_form(touch, public_id(touch.time, touch.id)))

"""Attributions as JSON:API resources, as relationships of events, and as the property that they were before.

Source: the OpenAPI documents of get_event from 2024-02-15 on. An attribution has no attributes. The service has no
route that reads one, and neither has eventkeep: its links are there because the documents require them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

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
    return (
        f'{{"type":"attribution","id":"{id}","relationships":{{{_relationship("event", event_id)},'
        f"{_relationship('attributed-event', public_id(touch.time, touch.id))},"
        f"{_message_relationships(touch.message, touch.flow, touch.variation)}}},"
        f'"links":{_link(base_url, id)}}}'
    ).encode()


@lru_cache
def _message_relationships(message: str, flow: str | None, variation: str | None) -> str:
    if flow is None:
        related = {"campaign": message, "campaign-message": message}
    else:
        related = {"flow": flow, "flow-message": message}
        if variation is not None:
            related["flow-message-variation"] = variation
    return ",".join(_relationship(name, each) for name, each in related.items())


def _relationship(name: str, id: str) -> str:
    return f'"{name}":{{"data":{{"type":"{RELATED_KINDS[name]}","id":{_encode(id).decode()}}}}}'


def _link(base_url: str, id: str) -> str:
    return f'{{"self":{_encode(f"{base_url}/api/attributions/{id}/").decode()}}}'


def attribution_property(touch: Touch) -> bytes:
    """The value of ``$attribution`` among the properties of an event that is credited to ``touch``."""
    return _encode(first_form(touch, public_id(touch.time, touch.id)))

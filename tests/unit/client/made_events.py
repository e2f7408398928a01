"""Events in a batch's form, for the tests of its parts."""

from __future__ import annotations

from typing import Any

from eventkeep.client.drafts import BatchedEvent, batched_event, draft_attributes, draft_profile

TIME = "2024-06-15T12:00:00Z"


def made_event(number: int, profile: dict[str, Any] | None = None, **properties: Any) -> BatchedEvent:
    """An event with its number as its unique_id; all without a given profile share one."""
    attributes = draft_attributes("Tick", properties=properties, time=TIME, unique_id=str(number))
    event = batched_event(attributes, draft_profile(profile or {"email": "ada@shop.example"}))
    event.number = number
    return event

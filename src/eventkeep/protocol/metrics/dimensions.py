"""The value that an event has in a dimension of aggregates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from eventkeep.model.attribution import Touch

_COHORTS: Final = {
    "$message_send_cohort": "$_cohort$message_send_cohort",
    "$variation_send_cohort": "$_cohort$variation_send_cohort",
}
"""Dimensions whose property has another name."""

ATTRIBUTED: Final = frozenset(
    {"$attributed_channel", "$attributed_flow", "$attributed_message", "$attributed_variation"}
)
"""Dimensions of the touch that an event is credited to; see `attributed_members`."""


def attributed_members(touch: Touch | None) -> dict[str, str | None]:
    """The values of the dimensions ATTRIBUTED, as if they were properties of the event."""
    if touch is None:
        return dict.fromkeys(ATTRIBUTED)
    return {
        "$attributed_channel": touch.channel,
        "$attributed_flow": touch.flow,
        "$attributed_message": touch.message,
        "$attributed_variation": touch.variation,
    }


class DimensionReader:
    """Reads one dimension. An event without it has the empty text there."""

    def __init__(self, name: str) -> None:
        self._is_currency = name == "$value_currency"
        self._property = _COHORTS.get(name, name)

    def read(self, members: Mapping[str, Any], currency: str) -> str:
        """The value, of the event's properties and currency."""
        if self._is_currency and currency:
            return currency
        value = members.get(self._property)
        if value is None:
            return ""
        if isinstance(value, bool):
            return str(value).lower()
        return value if isinstance(value, str) else str(value)

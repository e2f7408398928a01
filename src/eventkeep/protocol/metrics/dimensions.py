"""The value that an event has in a dimension of aggregates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_COHORTS: Final = {
    "$message_send_cohort": "$_cohort$message_send_cohort",
    "$variation_send_cohort": "$_cohort$variation_send_cohort",
}
"""Dimensions whose property has another name."""


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

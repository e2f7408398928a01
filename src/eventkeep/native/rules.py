"""The rules that the compiled reader applies to a body."""

from __future__ import annotations

from typing import Final

from eventkeep.limits import (
    BULK_EVENTS_MAX,
    PROPERTIES_MAX,
    PROPERTY_ARRAY_ELEMENTS_MAX,
    PROPERTY_LEVELS_MAX,
    PROPERTY_STRING_BYTES_MAX,
)
from eventkeep.native.library import ObjectLimits, Rules

MEMBERS: Final = {"time": 1, "value": 2, "unique_id": 4, "value_currency": 8, "backfill": 16}
"""The optional attributes of an event, by the reader's numbers for them."""
UNIQUE_ID_BYTES_MAX: Final = 240
"""The reader does not hash longer unique ids."""
CURRENCY_BYTES: Final = 3
LETTERS: Final = 26
RESOURCE_KEYS_MAX: Final = 512
"""Keys of a profile or metric that the reader compares, all levels together."""
RESOURCE_LEVELS_MAX: Final = 16
"""Levels of a profile or metric that the reader follows. The properties of a profile start at its fourth."""


class ReaderRules:
    """The rules that do not change from body to body.

    ``currencies`` are the codes that a value may be in; ``time_min`` is in Unix seconds.
    """

    def __init__(self, currencies: frozenset[str], future_seconds_max: int, time_min: int) -> None:
        self._future_seconds_max, self._time_min = future_seconds_max, time_min
        self._currencies = currency_table(currencies)

    def at(self, members: int, received_at: int) -> Rules:
        """The rules at a Unix second. ``members`` is the sum of the MEMBERS that an event may have."""
        strings_and_arrays = {"elements": PROPERTY_ARRAY_ELEMENTS_MAX, "string_bytes": PROPERTY_STRING_BYTES_MAX}
        return Rules(
            received_at=received_at,
            time_min=self._time_min,
            time_max=received_at + self._future_seconds_max,
            events_max=BULK_EVENTS_MAX,
            unique_id_bytes_max=UNIQUE_ID_BYTES_MAX,
            members=members,
            properties=ObjectLimits(keys=PROPERTIES_MAX, levels=PROPERTY_LEVELS_MAX, **strings_and_arrays),
            resources=ObjectLimits(keys=RESOURCE_KEYS_MAX, levels=RESOURCE_LEVELS_MAX, **strings_and_arrays),
            currencies=self._currencies,
        )


def currency_table(codes: frozenset[str]) -> bytes:
    """A byte for every three letters, in alphabetical order: 1 for those that are a code."""
    table = bytearray(LETTERS**CURRENCY_BYTES)
    for code in codes:
        first, second, third = (ord(letter) - ord("A") for letter in code)
        table[(first * LETTERS + second) * LETTERS + third] = 1
    return bytes(table)

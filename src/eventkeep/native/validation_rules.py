"""What the compiled reader holds a body to."""

from __future__ import annotations

from typing import Final

from eventkeep.limits import (
    PROPERTIES_MAX,
    PROPERTY_ARRAY_ELEMENTS_MAX,
    PROPERTY_LEVELS_MAX,
    PROPERTY_STRING_BYTES_MAX,
)
from eventkeep.native.library import PropertyLimits, Rules

MEMBERS: Final = {"time": 1, "value": 2, "unique_id": 4, "value_currency": 8, "backfill": 16}
"""The optional attributes of an event, as the reader numbers them."""
UNIQUE_ID_BYTES_MAX: Final = 240
"""Longer unique ids are hashed elsewhere."""
HASH_BYTES: Final = 16
CURRENCY_BYTES: Final = 3
LETTERS: Final = 26


class ValidationRules:
    """What is known of the rules beforehand.

    ``currencies`` are the codes that a value may be in; ``time_min`` is in Unix seconds.
    """

    def __init__(self, currencies: frozenset[str], future_seconds_max: int, time_min: int) -> None:
        self._future_seconds_max, self._time_min = future_seconds_max, time_min
        self._currencies = currency_table(currencies)

    def rules(self, members: int, received_at: int, events_max: int, metrics_max: int) -> Rules:
        """The rules of one body. ``members`` adds up the MEMBERS that an event may have."""
        return Rules(
            received_at=received_at,
            time_min=self._time_min,
            time_max=received_at + self._future_seconds_max,
            events_max=events_max,
            metrics_max=metrics_max,
            unique_id_bytes_max=UNIQUE_ID_BYTES_MAX,
            members=members,
            properties=PropertyLimits(
                PROPERTIES_MAX, PROPERTY_LEVELS_MAX, PROPERTY_ARRAY_ELEMENTS_MAX, PROPERTY_STRING_BYTES_MAX
            ),
            currencies=self._currencies,
        )


def is_text(body: bytes) -> bool:
    """Whether the body is UTF-8, which the reader takes for granted."""
    try:
        return body.isascii() or body.decode() is not None
    except UnicodeDecodeError:
        return False


def currency_table(codes: frozenset[str]) -> bytes:
    """A byte for each three letters, in their order: 1 for those that are a code."""
    table = bytearray(LETTERS**CURRENCY_BYTES)
    for code in codes:
        first, second, third = (ord(letter) - ord("A") for letter in code)
        table[(first * LETTERS + second) * LETTERS + third] = 1
    return bytes(table)

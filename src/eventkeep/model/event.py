"""Events as they are stored, and the names that the outside knows them by.

Both names, the public id and the ``uuid``, are made of an event's time and id: the same
event has the same names on every machine and after every replay, and finding an event by
its public id is a look at one place of the log's order.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

PUBLIC_ID_CHARACTERS: Final = 17
"""62 to the power of 17 is the first that holds 96 bits: 32 of the time and 64 of the id."""

_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS: Final = tuple(first + second for first in _ALPHABET for second in _ALPHABET)
"""Every two digits of base 62 by their number, so that ids are written two digits at a time."""
_PAIR_NUMBERS: Final = {pair: number for number, pair in enumerate(_PAIRS)}
_PUBLIC_ID: Final = re.compile(f"[0-9A-Za-z]{{{PUBLIC_ID_CHARACTERS}}}")

_GREGORIAN_START_TICKS: Final = 0x01B21DD213814000
"""Ticks of 100 ns from 1582-10-15, the start of version 1 UUIDs, to 1970-01-01 (RFC 9562)."""
_TICKS_PER_SECOND: Final = 10_000_000
_FOUR_PAIRS: Final = 3844**4


decode_properties: Final = msgspec.json.Decoder(dict[str, Any]).decode
"""Decodes the properties of a stored event."""


class StoredEvent(msgspec.Struct):
    """One kept event. ``time`` is in Unix seconds; ``currency`` "" means none; ``properties`` is a raw JSON object."""

    account: int
    time: int
    id: int
    profile: int
    metric: int
    unique_id: str
    value: float | None
    currency: str
    properties: bytes


def public_id(time: int, id: int) -> str:
    """The event's public id: ``time`` (32 bits, Unix seconds) and ``id`` (64 bits) in 17 digits of base 62.

    Public ids sort as (time, id) does.
    """
    # Two halves of four pairs of digits each: small numbers divide faster than one of 96 bits.
    upper, lower = divmod(time << 64 | id, _FOUR_PAIRS)
    lower, h = divmod(lower, 3844)
    lower, g = divmod(lower, 3844)
    e, f = divmod(lower, 3844)
    upper, d = divmod(upper, 3844)
    upper, c = divmod(upper, 3844)
    upper, b = divmod(upper, 3844)
    first, a = divmod(upper, 3844)
    pairs = _PAIRS
    return f"{_ALPHABET[first]}{pairs[a]}{pairs[b]}{pairs[c]}{pairs[d]}{pairs[e]}{pairs[f]}{pairs[g]}{pairs[h]}"


def parse_public_id(text: str) -> tuple[int, int] | None:
    """The (time, id) of a public id, or None if ``text`` can't be one."""
    if _PUBLIC_ID.fullmatch(text) is None:
        return None
    number = _ALPHABET.index(text[0])
    for place in range(1, PUBLIC_ID_CHARACTERS, 2):
        number = number * len(_PAIRS) + _PAIR_NUMBERS[text[place : place + 2]]
    if number >> 96:
        return None
    return number >> 64, number & 0xFFFFFFFFFFFFFFFF


def event_uuid(time: int, id: int) -> str:
    """The event's version 1 UUID: its time is the event's second, its node the upper 48 bits of ``id``.

    The clock sequence is 1, as in the UUIDs of the live service.
    """
    ticks = time * _TICKS_PER_SECOND + _GREGORIAN_START_TICKS
    high, low = ticks >> 32, ticks & 0xFFFFFFFF
    return f"{low:08x}-{high & 0xFFFF:04x}-1{high >> 16:03x}-8001-{id >> 16:012x}"

"""ULIDs: 128 bits that sort by time, as 26 characters of Crockford's base 32.

Source: https://github.com/ulid/spec. The upper 48 bits are Unix milliseconds.
"""

from __future__ import annotations

import re
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ULID_CHARACTERS: Final = 26
RANDOM_BYTES: Final = 10
MILLISECONDS_MAX: Final = 2**48 - 1
PAIR_BITS: Final = 10
PAIRS: Final = tuple(first + second for first in ALPHABET for second in ALPHABET)
"""Every two characters by the 10 bits that they stand for."""
_SHIFTS: Final = tuple(range(120, -1, -10))
# 26 characters hold 130 bits, so that the first one is at most 7.
_ULID: Final = re.compile(f"[0-7][{ALPHABET}]{{25}}")


def new_ulid(milliseconds: int, randomness: bytes) -> str:
    """The ULID of a moment, in Unix milliseconds, and of 10 random bytes.

    Raises ValueError if either does not fit.
    """
    if not 0 <= milliseconds <= MILLISECONDS_MAX:
        raise ValueError(f"expected Unix milliseconds from 0 to {MILLISECONDS_MAX}, got {milliseconds}")
    if len(randomness) != RANDOM_BYTES:
        raise ValueError(f"expected {RANDOM_BYTES} random bytes, got {len(randomness)}")
    bits = milliseconds << 80 | int.from_bytes(randomness, "big")
    return "".join([PAIRS[bits >> shift & 1023] for shift in _SHIFTS])


def is_ulid(text: str) -> bool:
    """Whether the text is a ULID as it is handed out: 26 characters, in upper case."""
    return _ULID.fullmatch(text) is not None


def ulid_milliseconds(ulid: str) -> int:
    """The Unix milliseconds in a ULID. Raises ValueError for any other text."""
    if not is_ulid(ulid):
        raise ValueError(f"expected a ULID of {ULID_CHARACTERS} characters, got {ulid!r}")
    milliseconds = 0
    for character in ulid[:10]:
        milliseconds = milliseconds << 5 | ALPHABET.index(character)
    return milliseconds

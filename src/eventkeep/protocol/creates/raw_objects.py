"""Which of many raw JSON objects need a closer look, told from their bytes in columns.

Nearly all properties that events bring are plain: few levels, keys that differ, no
number or string near a limit. To see that, nothing has to be decoded: a few passes over
the bytes of all of them are a third of the work. What they can't promise is decoded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from eventkeep.limits import (
    PROPERTIES_MAX,
    PROPERTY_ARRAY_ELEMENTS_MAX,
    PROPERTY_LEVELS_MAX,
    PROPERTY_STRING_BYTES_MAX,
)

Bytes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Places = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

COLUMN_OBJECTS_MIN: Final = 16
"""From how many objects on the columns cost less than decoding."""

OBJECT_BYTES_MAX: Final = min(2 * PROPERTY_ARRAY_ELEMENTS_MAX, PROPERTY_STRING_BYTES_MAX)
"""In so few bytes no array has too many elements, of two bytes each at least, and no string is too long."""

_QUOTE, _COLON, _BACKSLASH, _ZERO, _E = ord('"'), ord(":"), ord("\\"), ord("0"), ord("e")
_CASE: Final = np.uint8(0x20)
"""The bit that makes letters lower, and of an opening bracket an opening brace."""
_OPENING: Final = ord("{")
_DIGITS_MAX: Final = np.uint8(9)
_PLUS, _MINUS = np.uint8(ord("+")), np.uint8(ord("-"))
_TELLING_ESCAPE: Final = re.compile(rb'\\(?:"|u[dD][89a-fA-F])')
_WORD: Final = 8
_PADDING: Final = b" " * (2 * _WORD)
_QUOTES: Final = np.uint64(0x2222222222222222)
_WHOLE_BYTE: Final = np.uint64(0xFF)
_HIGH_BITS: Final = np.uint64(0x8080808080808080)
_LOW_BITS: Final = ~_HIGH_BITS
_MIX: Final = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9))
"""Large odd numbers: to multiply by them keeps what differs different."""


def doubtful_objects(objects: bytes, sizes: Sequence[int]) -> list[bytes]:
    """Those that may break a limit or have a key twice.

    ``objects`` are JSON values in UTF-8 that a decoder has skipped, without blanks
    between a key and its colon, one after the other, of ``sizes`` bytes each. Of the
    others it is promised that they are objects within the limits of properties, that no
    number in them is past what a double holds, long runs of digits aside, and that no
    object in them has a key twice.
    """
    if len(sizes) == 1:
        return [objects]
    lengths = np.array(sizes, dtype=np.intp)
    ends = np.cumsum(lengths)
    starts = ends - lengths
    flags = perhaps_not_plain(objects, lengths, starts, ends)
    return [objects[start:end] for start, end in zip(starts[flags].tolist(), ends[flags].tolist(), strict=True)]


def perhaps_not_plain(objects: bytes, sizes: Places, starts: Places, ends: Places) -> Flags:
    """Which of the objects are in doubt (shape [objects], as are their sizes, starts and ends in bytes)."""
    escaped = b"\\" in objects
    if len(sizes) < COLUMN_OBJECTS_MIN or (escaped and _TELLING_ESCAPE.search(objects) is not None):
        # In the latter case it can't be told by counting where strings begin and end.
        return np.ones(len(sizes), dtype=np.bool_)
    # With something around them, every place has neighbours.
    joined = b"".join([_PADDING, objects, _PADDING])
    starts, ends = starts + len(_PADDING), ends + len(_PADDING)
    characters = np.frombuffer(joined, dtype=np.uint8)
    lowered = characters | _CASE
    flags: Flags = (sizes > OBJECT_BYTES_MAX) | (characters[starts] != _OPENING)
    openings = lowered == _OPENING
    if np.count_nonzero(openings) > len(sizes):
        flags |= counted(np.flatnonzero(openings), starts, ends) > PROPERTY_LEVELS_MAX
    mark(flags, long_exponents(characters, lowered), ends)
    # The quotes that end keys.
    closed = np.flatnonzero((characters[:-1] == _QUOTE) & (characters[1:] == _COLON))
    if escaped:
        mark(flags, escapes_in_keys(characters), ends)
    numbers = counted(closed, starts, ends)
    flags |= numbers > PROPERTIES_MAX
    mark_repeats(flags, numbers, fingerprints(joined, closed))
    return flags


def counted(places: Places, starts: Places, ends: Places) -> Places:
    """How many of the ascending ``places`` lie within each object (shape [objects])."""
    counts: Places = np.searchsorted(places, ends) - np.searchsorted(places, starts)
    return counts


def mark(flags: Flags, places: Places, ends: Places) -> None:
    """Flag the objects that the places lie in."""
    if len(places):
        flags[np.searchsorted(ends, places, side="right")] = True


def long_exponents(characters: Bytes, lowered: Bytes) -> Places:
    """Where a digit and an E may be followed by an exponent of three digits; in strings too."""
    digits = (characters - np.uint8(_ZERO)) <= _DIGITS_MAX
    # Three digits, or a sign and three: the third and the fourth character tell both apart from most else.
    places = np.flatnonzero((lowered[1:-4] == _E) & digits[:-5] & digits[3:-2] & digits[4:-1])
    following = characters[places + 2]
    signed = (following == _PLUS) | (following == _MINUS)
    return places[np.where(signed, digits[places + 5], digits[places + 2])]


def escapes_in_keys(characters: Bytes) -> Places:
    """Where a key holds a backslash, so that it can be written in two ways."""
    places = np.flatnonzero(characters == _BACKSLASH)
    quotes = np.flatnonzero(characters == _QUOTE)
    # No quote is escaped, so the next one ends the string that the backslash is in.
    in_keys: Places = places[characters[quotes[np.searchsorted(quotes, places)] + 1] == _COLON]
    return in_keys


def fingerprints(joined: bytes, closed: Places) -> Words:
    """A number for the key that ends before each of ``closed``: equal for equal keys.

    It is made of the last 16 bytes at most, so that longer keys with the same end are
    taken for equal.
    """
    words: Words = np.ndarray(len(joined) - _WORD + 1, dtype="<u8", buffer=joined, strides=(1,))
    last, goes_on = after_quote(words[closed - _WORD])
    before, _ = after_quote(words[closed - 2 * _WORD])
    prints: Words = last * _MIX[0] + before * goes_on * _MIX[1]
    return prints


def after_quote(words: Words) -> tuple[Words, Flags]:
    """The bytes of each little-endian word after its last quote, the others 0; and whether it has no quote."""
    differing = words ^ _QUOTES
    # The highest bit of each byte that is a quote.
    found = ~(((differing & _LOW_BITS) + _LOW_BITS) | differing) & _HIGH_BITS
    goes_on: Flags = found == 0
    for shift in (8, 16, 32):
        found |= found >> np.uint64(shift)
    after: Words = words & ~((found >> np.uint64(7)) * _WHOLE_BYTE)
    return after, goes_on


def mark_repeats(flags: Flags, numbers: Places, prints: Words) -> None:
    """Flag the objects in which two of the fingerprints are equal; each has ``numbers`` of them."""
    width = int(numbers[0])
    if width * len(numbers) == len(prints) and (numbers == width).all():
        shapes = prints.reshape(len(numbers), width)
        if (shapes == shapes[0]).all() and len(set(shapes[0].tolist())) == width:
            # All have the same keys in the same order, as one program writes them.
            return
    objects = np.repeat(np.arange(len(numbers)), numbers)
    mixed = (prints ^ (prints >> np.uint64(29))) + objects.astype(np.uint64) * _MIX[2]
    ordered = np.sort(mixed)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(repeated):
        flags[objects[np.isin(mixed, repeated)]] = True

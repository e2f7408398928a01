"""What can be said of JSON from its bytes, faster than by looking at its values.

Each check goes over a whole body at once. ``True`` is a promise; ``False`` and None
only say that a closer look is needed, and leave the verdict to
``eventkeep.protocol.creates.validation``. All of them expect bytes that a JSON decoder has
accepted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from eventkeep.limits import PROPERTY_STRING_BYTES_MAX

INTEGER_MIN: Final = -(2**63)
INTEGER_MAX: Final = 2**64 - 1
LONG_RUN: Final = 19
"""Digits from which on an integer may be past 64 bits."""

KEY_END: Final = b'":'
COLUMN_BYTES_MIN: Final = 16_384
"""From how many bytes on numpy is quicker than the methods of ``bytes``."""

_QUOTE, _COLON, _BLANK = ord('"'), ord(":"), ord(" ")
_BLANK_BEFORE_COLON: Final = re.compile(rb'"[ \t\n\r]+:')
_TELLING_ESCAPE: Final = re.compile(rb"\\u00(?:00|22|3[aA])")

_DIGITS: Final = re.compile(rb"[0-9]*")
_LONG_DIGITS: Final = re.compile(rb"[0-9]{%d}" % LONG_RUN)
_DIGITS_TO_ZERO: Final = bytes(ord("0") if chr(byte).isascii() and chr(byte).isdigit() else 0 for byte in range(256))
_LONG_ZEROS: Final = b"0" * LONG_RUN
_BEFORE_INTEGER: Final = frozenset(b":,[- \t\n\r")
_AFTER_FLOAT: Final = frozenset(b".eE")

# Eight bytes at once: a digit is 0x30 to 0x39, so that its high half is 3, also after adding 6.
_HIGH_HALVES: Final = np.uint64(0xF0F0F0F0F0F0F0F0)
_THREES: Final = np.uint64(0x3030303030303030)
_SIXES: Final = np.uint64(0x0606060606060606)
_FOUR_BYTES: Final = np.uint64(0xFFFFFFFF)


def has_no_telling_escape(body: bytes) -> bool:
    """Whether no NUL, quote or colon is written as ``\\u0000``, ``\\u0022``, ``\\u003a``.

    The first is not allowed in any string; the others would mislead ``count_keys``.
    """
    # Most bodies hold no backslash, which one look tells.
    return b"\\" not in body or _TELLING_ESCAPE.search(body) is None


def count_keys(body: bytes) -> int | None:
    """How often a quote is followed by a colon; None where a key may stand before a blank and a colon.

    That is the number of keys, plus one for each string that holds such a pair or begins
    with a colon. As a decoder takes the last of two equal keys, a body has as many of
    these pairs as what it was decoded to, encoded again, exactly if no key is repeated.
    """
    if len(body) < COLUMN_BYTES_MIN:
        return None if _BLANK_BEFORE_COLON.search(body) is not None else body.count(KEY_END)
    characters = np.frombuffer(body, dtype=np.uint8)
    before, colons = characters[:-1], characters[1:] == _COLON
    # Blanks before colons are rare, also in strings; the search for them takes its time.
    if ((before <= _BLANK) & colons).any() and _BLANK_BEFORE_COLON.search(body) is not None:
        return None
    return int(np.count_nonzero((before == _QUOTE) & colons))


def integers_fit(body: bytes) -> bool:
    """Whether all integers lie within 64 bits: from -2**63 to 2**64 - 1."""
    return all(_integer_fits(body, start) for start in _long_runs(body))


def _long_runs(body: bytes) -> Iterator[int]:
    """Where runs of LONG_RUN digits and more begin."""
    if len(body) >= COLUMN_BYTES_MIN:
        yield from _long_runs_in_words(body)
        return
    zeros = body.translate(_DIGITS_TO_ZERO)
    start = zeros.find(_LONG_ZEROS)
    while start >= 0:
        yield start
        start = zeros.find(_LONG_ZEROS, _run_end(body, start))


def _long_runs_in_words(body: bytes) -> Iterator[int]:
    """The same by words of eight bytes, of which so long a run fills one at least."""
    words: npt.NDArray[np.uint64] = np.frombuffer(body, dtype="<u8", count=len(body) // 8)
    places = np.flatnonzero((words & _HIGH_HALVES) == _THREES)
    places = places[((words[places] + _SIXES) & _HIGH_HALVES) == _THREES]
    # The first word that a run fills is followed by four more digits of it.
    following = words[np.minimum(places + 1, len(words) - 1)] & _FOUR_BYTES
    goes_on = (following & _HIGH_HALVES) == (_THREES & _FOUR_BYTES)
    end = 0
    for place in (places[goes_on | (places == len(words) - 1)] * 8).tolist():
        if place < end:
            continue
        match = _LONG_DIGITS.search(body, max(place - 7, 0), place + 8 + LONG_RUN)
        if match is not None:
            yield match.start()
            end = _run_end(body, match.start())


def _run_end(body: bytes, start: int) -> int:
    match = _DIGITS.match(body, start)
    return match.end() if match is not None else start


def _integer_fits(body: bytes, start: int) -> bool:
    """Whether the run of digits is no integer, or one within 64 bits."""
    before = body[start - 1] if start else _BLANK
    if before not in _BEFORE_INTEGER:
        # Part of a string, a fraction or an exponent.
        return True
    end = _run_end(body, start)
    if end < len(body) and body[end] in _AFTER_FLOAT:
        # Decoding refuses floats that are too large.
        return True
    if end - start > len(str(INTEGER_MAX)):
        return False
    number = int(body[start:end])
    return number <= (-INTEGER_MIN if before == ord("-") else INTEGER_MAX)


def strings_fit(values: Iterable[Any]) -> bool:
    """Whether no string within the values, decoded ones, has more than PROPERTY_STRING_BYTES_MAX bytes."""
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            # A character has up to four bytes; most strings need no encoding to be told short.
            if len(value) * 4 > PROPERTY_STRING_BYTES_MAX and len(value.encode()) > PROPERTY_STRING_BYTES_MAX:
                return False
        elif isinstance(value, dict):
            waiting.extend(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return True

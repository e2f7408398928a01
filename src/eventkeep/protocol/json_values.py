"""The validation of JSON: parsed with the faults that a decoder would pass over, and checked value by value.

The work is bounded: a request has at most FAULTS_MAX faults, and the members of a wrong value
are not checked.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterable
from typing import Any, Final

from eventkeep.errors import Fault
from eventkeep.limits import (
    ECHO_CHARACTERS_MAX,
    FAULTS_MAX,
    JSON_NESTING_MAX,
    PROPERTY_ARRAY_ELEMENTS_MAX,
    PROPERTY_LEVELS_MAX,
    PROPERTY_STRING_BYTES_MAX,
)

INTEGER_MIN: Final = -(2**63)
INTEGER_MAX: Final = 2**64 - 1
"""An integer in JSON fits into 64 bits, with a sign or without."""
DOCUMENT: Final = "/data"
"""The place of a fault of a whole body: the member that every body has, as in the hosted service."""
INTEGER_CHARACTERS_MAX: Final = len(str(INTEGER_MIN))
MEMBERS_LISTED_MAX: Final = 20
"""Names that a message lists as those expected."""


class NumberPastBounds:
    """A number that can't be kept, as it was written: NaN, an infinity, an integer of many digits."""

    def __init__(self, text: str) -> None:
        self.text = text


class RepeatingObject(dict[str, Any]):
    """An object in which keys are repeated; ``repeated`` has each of them once."""

    repeated: tuple[str, ...] = ()


class Faults:
    """The faults of one request, up to FAULTS_MAX."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    @property
    def full(self) -> bool:
        """Whether no more faults are taken, so that the check can stop."""
        return len(self.found) >= FAULTS_MAX

    def add(self, pointer: str, detail: str) -> None:
        if not self.full:
            self.found.append(Fault(detail, pointer or DOCUMENT))


def parse(body: bytes, faults: Faults) -> Any:
    """The body as JSON values; a fault and None if it is no JSON."""
    try:
        text = body.decode()
    except UnicodeDecodeError as exc:
        faults.add(DOCUMENT, f"The body is not UTF-8: {exc.reason} at byte {exc.start}.")
        return None
    if not text.strip(" \t\r\n"):
        faults.add(DOCUMENT, "The body is empty; expected a JSON document.")
        return None
    if text.startswith("\ufeff"):
        faults.add(DOCUMENT, "The body is not JSON: it begins with a byte order mark.")
        return None
    try:
        return _decoder.decode(text)
    except json.JSONDecodeError as exc:
        faults.add(DOCUMENT, f"The body is not JSON: {exc.msg} at character {exc.pos} of {len(text)}.")
    except RecursionError:
        faults.add(DOCUMENT, f"The body is nested deeper than the {JSON_NESTING_MAX} levels that any body may have.")
    return None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    counted: dict[str, int] = {}
    for key, _ in pairs:
        counted[key] = counted.get(key, 0) + 1
    repeating = RepeatingObject(members)
    repeating.repeated = tuple(key for key, times in counted.items() if times > 1)
    return repeating


def _integer(text: str) -> int | NumberPastBounds:
    # Python would take seconds for an integer of millions of digits.
    return int(text) if len(text) <= INTEGER_CHARACTERS_MAX else NumberPastBounds(text)


_decoder: Final = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_constant=NumberPastBounds)


def below(pointer: str, key: str | int) -> str:
    """The pointer to a member or element; to the value that holds it, if the key is too long to be repeated."""
    if isinstance(key, int):
        return f"{pointer}/{key}"
    if len(key) > ECHO_CHARACTERS_MAX or not is_text(key):
        return pointer
    return f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"


def is_text(text: str) -> bool:
    """Whether the string holds no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def quoted(text: str) -> str:
    """A string as a message repeats it."""
    shortened = text if len(text) <= ECHO_CHARACTERS_MAX else text[:ECHO_CHARACTERS_MAX] + "…"
    return ascii(shortened) if not is_text(shortened) else repr(shortened)


def shown(value: Any) -> str:
    """A wrong value as a message repeats it."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    if isinstance(value, NumberPastBounds):
        return f"the number {value.text[:ECHO_CHARACTERS_MAX]}"
    if isinstance(value, str):
        return f"the string {quoted(value)}"
    return f"the number {value!r}" if type(value) in (int, float) else json.dumps(value)


def listed(names: Iterable[str]) -> str:
    """Names as a message lists them."""
    names = sorted(names)
    more = f" and {len(names) - MEMBERS_LISTED_MAX} more" if len(names) > MEMBERS_LISTED_MAX else ""
    return ", ".join(names[:MEMBERS_LISTED_MAX]) + more


def check_object(
    value: Any, pointer: str, faults: Faults, required: Collection[str] = (), optional: Collection[str] = ()
) -> dict[str, Any] | None:
    """The members of an object that may hold only these; None, and a fault, for a value that is no object.

    Unknown, repeated and missing members are faults, each with its actual or expected
    place. The returned object holds known members only.
    """
    if not isinstance(value, dict):
        faults.add(pointer, f"Expected an object, got {shown(value)}.")
        return None
    check_repeats(value, pointer, faults)
    known = {}
    for key, member in value.items():
        if faults.full:
            break
        if key in required or key in optional:
            known[key] = member
        else:
            faults.add(
                below(pointer, key),
                f"The member {quoted(key)} is not known here; expected {listed([*required, *optional])}.",
            )
    for key in required:
        if key not in value:
            faults.add(below(pointer, key), f"The member {quoted(key)} is missing.")
    return known


def check_repeats(value: dict[str, Any], pointer: str, faults: Faults) -> None:
    """A fault for each key that the object holds more than once."""
    if isinstance(value, RepeatingObject):
        for key in value.repeated[:FAULTS_MAX]:
            faults.add(below(pointer, key), f"The member {quoted(key)} is given more than once.")


def check_characters(text: str, pointer: str, faults: Faults) -> bool:
    """Whether the string is text that can be stored; a fault if it is not."""
    if "\x00" in text:
        faults.add(pointer, f"Expected text without NUL characters, got {quoted(text)}.")
        return False
    if not text.isascii() and not is_text(text):
        faults.add(pointer, f"Expected Unicode text, got half of a surrogate pair in {quoted(text)}.")
        return False
    return True


def check_text(value: Any, pointer: str, faults: Faults, least: int = 0, most: int | None = None) -> str | None:
    """The string, of so many characters; None, and a fault, for anything else."""
    if not isinstance(value, str):
        faults.add(pointer, f"Expected a string, got {shown(value)}.")
        return None
    if not check_characters(value, pointer, faults):
        return None
    if len(value) < least:
        faults.add(pointer, f"Expected a string of at least {least} character, got an empty one.")
        return None
    if most is not None and len(value) > most:
        faults.add(pointer, f"Expected a string of at most {most} characters, got {len(value)}.")
        return None
    return value


def check_number(value: Any, pointer: str, faults: Faults) -> bool:
    """Whether the value is a finite number, and within 64 bits as an integer; a fault if it is not."""
    if isinstance(value, NumberPastBounds) and not value.text.lstrip("-").isdigit():
        faults.add(pointer, f"Expected a finite number, got {shown(value)}.")
    elif isinstance(value, NumberPastBounds) or (type(value) is int and not INTEGER_MIN <= value <= INTEGER_MAX):
        faults.add(pointer, f"Expected an integer from {INTEGER_MIN} to {INTEGER_MAX}, got {shown(value)}.")
    elif type(value) is float and not math.isfinite(value):
        faults.add(pointer, "Expected a finite number, got one that is too large for a float of 64 bits.")
    elif type(value) not in (int, float):
        faults.add(pointer, f"Expected a number, got {shown(value)}.")
    else:
        return True
    return False


def check_json(value: Any, pointer: str, faults: Faults, level: int = 1) -> None:
    """Faults for all in a value of the properties, which itself stands on ``level``, that is past a limit."""
    if isinstance(value, str):
        if check_characters(value, pointer, faults):
            check_bytes(value, pointer, faults)
    elif isinstance(value, dict | list) and level > PROPERTY_LEVELS_MAX:
        faults.add(pointer, f"Expected at most {PROPERTY_LEVELS_MAX} nested levels, got more.")
    elif isinstance(value, dict):
        check_repeats(value, pointer, faults)
        for key, member in value.items():
            if faults.full:
                return
            if not is_plain(key):
                check_json(key, below(pointer, key), faults)
            if not is_plain(member):
                check_json(member, below(pointer, key), faults, level + 1)
    elif isinstance(value, list):
        if check_elements(value, pointer, faults):
            for place, element in enumerate(value):
                if faults.full:
                    return
                if not is_plain(element):
                    check_json(element, below(pointer, place), faults, level + 1)
    elif value is not None and not isinstance(value, bool):
        check_number(value, pointer, faults)


def is_plain(value: Any) -> bool:
    """Whether the value is a simple one and clearly within every limit, as most are, so that it needs no pointer."""
    if isinstance(value, str):
        return value.isascii() and "\x00" not in value and len(value) <= PROPERTY_STRING_BYTES_MAX
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, int) and INTEGER_MIN <= value <= INTEGER_MAX)


def check_elements(value: list[Any], pointer: str, faults: Faults) -> bool:
    """Whether an array of the properties is short enough; a fault if it is not."""
    if len(value) > PROPERTY_ARRAY_ELEMENTS_MAX:
        faults.add(pointer, f"Expected an array of at most {PROPERTY_ARRAY_ELEMENTS_MAX} elements, got {len(value)}.")
        return False
    return True


def check_bytes(text: str, pointer: str, faults: Faults) -> None:
    """Add a fault if a string of the properties is too long."""
    if len(text) * 4 > PROPERTY_STRING_BYTES_MAX and (size := len(text.encode())) > PROPERTY_STRING_BYTES_MAX:
        faults.add(pointer, f"Expected a string of at most {PROPERTY_STRING_BYTES_MAX} bytes, got {size}.")

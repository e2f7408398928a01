"""The filter language: its parser, its printer, and filters built from Python values.

::

    filter     = spaces condition { "," condition }
    condition  = and | comparison | has
    and        = "and" "(" condition { "," condition } ")"
    comparison = operator "(" field "," value ")"
    has        = "has" "(" field ")"
    operator   = lower-case letter { lower-case letter | "-" }
    field      = ( letter | "_" | "$" ) { letter | digit | "_" | "$" | "." | "-" }
    value      = scalar | "[" [ scalar { "," scalar } ] "]"
    scalar     = string | datetime | number | "true" | "false" | "null"
    string     = '"' { character } '"' | "'" { character } "'"
    datetime   = date [ ( "T" | " " ) hour ":" minute [ ":" second [ "." digits ] ] [ offset ] ]
    offset     = "Z" | ( "+" | "-" | " " ) hour [ ":" ] minute
    number     = [ "-" ] digit { digit } [ "." digit { digit } ]

Spaces may stand around every comma, bracket and parenthesis. In a string, a backslash
before the string's own quote or before another backslash stands for that character; any
other backslash is itself. A datetime without an offset is in UTC, and a space in the place
of an offset's sign is a "+" that was not percent-encoded in a query string.

Source: the API's guide to filtering. Which fields and operators a resource has stands in
``eventkeep.protocol.revisions``; the language itself is the same for all.
"""

from __future__ import annotations

import datetime
import re
from typing import Any, Final

import msgspec

from eventkeep.errors import Fault, InvalidRequest
from eventkeep.limits import ECHO_CHARACTERS_MAX, FILTER_CHARACTERS_MAX, FILTER_CONDITIONS_MAX, FILTER_NESTING_MAX

Scalar = str | int | float | bool | datetime.datetime | None
Value = Scalar | tuple[Scalar, ...]

PARAMETER: Final = "filter"
INTEGER_MAX: Final = 2**63 - 1
"""Integers in a filter lie between this and its negative."""

_OPERATOR: Final = re.compile(r"[a-z][a-z-]*")
_FIELD: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$.-]*")
_SPACES: Final = re.compile(r"[ \t]*")
_BARE: Final = re.compile(r"[^\s,()\[\]\"']*")
_STRINGS: Final = {quote: re.compile(rf"{quote}((?:[^{quote}\\]|\\.)*){quote}", re.DOTALL) for quote in "\"'"}
_ESCAPED: Final = {quote: re.compile(rf"\\([{quote}\\])") for quote in "\"'"}
_DATETIME: Final = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ](?P<time>[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)"
    r"(?:(?P<utc>[Zz])|(?P<sign>[+\- ])(?P<hours>[0-9]{2}):?(?P<minutes>[0-9]{2}))?)?"
)
_INTEGER: Final = re.compile(r"-?[0-9]{1,19}")
_DECIMALS: Final = 6
"""Places behind the point that a number in a filter keeps: microseconds."""
_DECIMAL: Final = re.compile(r"-?[0-9]{1,19}\.[0-9]{1,19}")
_WORDS: Final[dict[str, Scalar]] = {"true": True, "false": False, "null": None}
_ENDS_OF_VALUE: Final = frozenset(" \t,()[]")


class Condition(msgspec.Struct, frozen=True):
    """``operator(field,value)``, or ``has(field)``, the one operator without a value.

    Raises ValueError for a condition that can't be written in the language.
    """

    operator: str
    field: str
    value: Value | msgspec.UnsetType = msgspec.UNSET

    def __post_init__(self) -> None:
        if _OPERATOR.fullmatch(self.operator) is None or self.operator == "and":
            raise ValueError(f"expected an operator such as equals, got {self.operator!r}")
        if _FIELD.fullmatch(self.field) is None:
            raise ValueError(f"expected a field such as datetime, got {self.field!r}")
        if (self.operator == "has") != (self.value is msgspec.UNSET):
            raise ValueError(f"expected {'no' if self.operator == 'has' else 'a'} value for {self.operator}")
        if self.value is not msgspec.UNSET:
            msgspec.structs.force_setattr(self, "value", normal_value(self.value))

    def __str__(self) -> str:
        if self.value is msgspec.UNSET:
            return f"{self.operator}({self.field})"
        return f"{self.operator}({self.field},{print_value(self.value)})"


class Filter(msgspec.Struct, frozen=True):
    """One condition, or several that must all hold. ``str`` prints it in the filter language.

    Filters are built by these static methods and joined by ``&``::

        Filter.equals("metric_id", "SkDfHe") & Filter.greater_than("datetime", moment)

    Values are strings, numbers, booleans, None, datetimes (a naive one is in UTC) and,
    for some operators, lists or tuples of these. Raises ValueError for other values and
    for a filter without a condition.
    """

    conditions: tuple[Condition, ...]

    def __post_init__(self) -> None:
        if not self.conditions:
            raise ValueError("expected one condition or more, got none")

    def __and__(self, other: Filter) -> Filter:
        """Both hold."""
        if not isinstance(other, Filter):
            return NotImplemented
        return Filter((*self.conditions, *other.conditions))

    def __str__(self) -> str:
        return ",".join(map(str, self.conditions))

    @staticmethod
    def where(operator: str, field: str, value: Value) -> Filter:
        """A condition with an operator that has no method of its own here."""
        return Filter((Condition(operator, field, value),))

    @staticmethod
    def has(field: str) -> Filter:
        """The field is there."""
        return Filter((Condition("has", field),))

    @staticmethod
    def equals(field: str, value: Value) -> Filter:
        """The field has that value."""
        return Filter.where("equals", field, value)

    @staticmethod
    def greater_than(field: str, value: Value) -> Filter:
        """The field lies above the value, or after the moment."""
        return Filter.where("greater-than", field, value)

    @staticmethod
    def greater_or_equal(field: str, value: Value) -> Filter:
        """The field lies at or above the value, or is not before the moment."""
        return Filter.where("greater-or-equal", field, value)

    @staticmethod
    def less_than(field: str, value: Value) -> Filter:
        """The field lies below the value, or before the moment."""
        return Filter.where("less-than", field, value)

    @staticmethod
    def less_or_equal(field: str, value: Value) -> Filter:
        """The field lies at or below the value, or is not after the moment."""
        return Filter.where("less-or-equal", field, value)


def parse_filter(text: str, zone: datetime.tzinfo = datetime.UTC) -> Filter:
    """Parse ``text``. A datetime without an offset is in ``zone``.

    Raises InvalidRequest with one fault, of the parameter ``filter``, that names the
    position (counted from 1) and the token that was expected there.
    """
    if len(text) > FILTER_CHARACTERS_MAX:
        raise _invalid(f"expected at most {FILTER_CHARACTERS_MAX} characters, got {len(text)}")
    return Filter(_Parser(text, zone).conditions())


def print_value(value: Value) -> str:
    """The value in the filter language."""
    if isinstance(value, tuple):
        return f"[{','.join([print_value(each) for each in value])}]"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, datetime.datetime):
        return value.isoformat().replace("+00:00", "Z")
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return re.sub(r"\.(\d+?)0*$", r".\1", f"{value:.{_DECIMALS}f}") if isinstance(value, float) else str(value)


def normal_value(value: Any) -> Value:
    """The value as filters hold it: datetimes in UTC, lists as tuples. Raises ValueError for any other."""
    if isinstance(value, list | tuple):
        if any(isinstance(each, list | tuple) for each in value):
            raise ValueError("expected a list of simple values, got a list in a list")
        return tuple(_normal_scalar(each) for each in value)
    return _normal_scalar(value)


def _normal_scalar(value: Any) -> Scalar:
    if isinstance(value, datetime.datetime):
        try:
            return value.replace(tzinfo=datetime.UTC) if value.tzinfo is None else value.astimezone(datetime.UTC)
        except OverflowError as exc:
            raise ValueError(f"expected a datetime from year 1 to 9999 in UTC, got {value}") from exc
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and abs(value) <= INTEGER_MAX:
        return value
    if isinstance(value, float) and abs(value) <= INTEGER_MAX:
        return round(value, _DECIMALS)
    raise ValueError(
        f"expected a string, a datetime, a 64-bit integer, a float, a boolean, None or a list, got {value!r}"
    )


def _invalid(detail: str) -> InvalidRequest:
    return InvalidRequest([Fault(f"Invalid filter provided: {detail}.", parameter=PARAMETER)])


class _Parser:
    """A descent over one text; ``_position`` is the begin of the next token, counted from 0."""

    def __init__(self, text: str, zone: datetime.tzinfo) -> None:
        self._text, self._zone, self._position = text, zone, 0
        self._conditions: list[Condition] = []

    def conditions(self) -> tuple[Condition, ...]:
        self._condition_list(end="", level=0)
        return tuple(self._conditions)

    def _condition_list(self, end: str, level: int) -> None:
        """Conditions to the ``end``: a parenthesis, or "" for the end of the text."""
        self._condition(level)
        while self._has(","):
            self._condition(level)
        if not self._ends_with(end):
            raise self._expected(f'"," or {_quoted(end)}')

    def _condition(self, level: int) -> None:
        start = self._skip_spaces()
        operator = self._token(_OPERATOR, "an operator such as equals or and")
        self._require("(")
        if operator == "and":
            if level == FILTER_NESTING_MAX:
                raise _invalid(
                    f"expected at most {FILTER_NESTING_MAX} levels of and(…), got more at position {start + 1}"
                )
            self._condition_list(end=")", level=level + 1)
            return
        self._skip_spaces()
        field = self._token(_FIELD, "a field")
        if operator == "has":
            condition = Condition(operator, field)
        else:
            self._require(",")
            condition = Condition(operator, field, self._value())
        self._require(")")
        if len(self._conditions) == FILTER_CONDITIONS_MAX:
            raise _invalid(f"expected at most {FILTER_CONDITIONS_MAX} conditions, got another at position {start + 1}")
        self._conditions.append(condition)

    def _value(self) -> Value:
        if not self._has("["):
            return self._scalar("a value")
        values: list[Scalar] = []
        if self._has("]"):
            return ()
        values.append(self._scalar("a value"))
        while self._has(","):
            values.append(self._scalar("a value"))
        if not self._has("]"):
            raise self._expected('"," or "]"')
        return tuple(values)

    def _scalar(self, wanted: str) -> Scalar:
        start = self._skip_spaces()
        quote = self._text[start : start + 1]
        if quote in _STRINGS and quote:
            return self._string(quote)
        match = _DATETIME.match(self._text, start)
        if match is not None and self._ends_value(match.end()):
            self._position = match.end()
            return self._datetime(match)
        bare = _BARE.match(self._text, start)
        word = bare[0] if bare is not None else ""
        self._position = start + len(word)
        if word in _WORDS:
            return _WORDS[word]
        if _INTEGER.fullmatch(word) and abs(number := int(word)) <= INTEGER_MAX:
            return number
        if _DECIMAL.fullmatch(word):
            return round(float(word), _DECIMALS)
        self._position = start
        raise self._expected(
            f"{wanted} (a string in quotes, a datetime like 2024-06-15T12:00:00Z, a number, true, false, null)"
        )

    def _string(self, quote: str) -> str:
        match = _STRINGS[quote].match(self._text, self._position)
        if match is None:
            raise _invalid(f"expected the string that begins at position {self._position + 1} to end with {quote}")
        self._position = match.end()
        return _ESCAPED[quote].sub(r"\1", match[1])

    def _datetime(self, match: re.Match[str]) -> datetime.datetime:
        offset = ""
        if match["hours"]:
            offset = f"{'-' if match['sign'] == '-' else '+'}{match['hours']}:{match['minutes']}"
        try:
            offset = "+00:00" if match["utc"] else offset
            moment = datetime.datetime.fromisoformat(f"{match['date']}T{match['time'] or '00:00'}{offset}")
            return (moment if offset else moment.replace(tzinfo=self._zone)).astimezone(datetime.UTC)
        except (ValueError, OverflowError) as exc:
            raise _invalid(
                f"expected a datetime at position {match.start() + 1}, got {match[0][:ECHO_CHARACTERS_MAX]!r}: {exc}"
            ) from exc

    def _ends_value(self, position: int) -> bool:
        return position == len(self._text) or self._text[position] in _ENDS_OF_VALUE

    def _token(self, pattern: re.Pattern[str], wanted: str) -> str:
        match = pattern.match(self._text, self._position)
        if match is None:
            raise self._expected(wanted)
        self._position = match.end()
        return match[0]

    def _skip_spaces(self) -> int:
        match = _SPACES.match(self._text, self._position)
        if match is not None:
            self._position = match.end()
        return self._position

    def _has(self, character: str) -> bool:
        """Whether the character comes next; if so, it is passed."""
        position = self._skip_spaces()
        found = self._text.startswith(character, position)
        if found:
            self._position += 1
        return found

    def _ends_with(self, end: str) -> bool:
        return self._has(end) if end else self._skip_spaces() == len(self._text)

    def _require(self, character: str) -> None:
        if not self._has(character):
            raise self._expected(_quoted(character))

    def _expected(self, wanted: str) -> InvalidRequest:
        position = self._skip_spaces()
        rest = self._text[position : position + ECHO_CHARACTERS_MAX]
        return _invalid(f"expected {wanted} at position {position + 1}, got {repr(rest) if rest else 'the end'}")


def _quoted(end: str) -> str:
    return f'"{end}"' if end else "the end"

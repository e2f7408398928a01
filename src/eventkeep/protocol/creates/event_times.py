"""The ``time`` of an event: ISO 8601 text to Unix seconds."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Final

from eventkeep.limits import EVENT_FUTURE_SECONDS_MAX, EVENT_YEAR_MIN, TIME_CHARACTERS_MAX


def start_of_year(year: int) -> int:
    """The first second of a year in UTC, in Unix seconds."""
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())


TIME_MIN: Final = start_of_year(EVENT_YEAR_MIN)
"""The first second that an event may have."""

EPOCH_DAY: Final = date(1970, 1, 1).toordinal()

TIME_FORM: Final = "an ISO 8601 date and time such as '2024-06-15T12:00:00+00:00'"

_TIME: Final = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
    r"(?:[Tt ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,]\d+)?)?"
    r"(?P<offset>Z|z|[+-]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)
_PLAIN_TIME: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
"""The form that most clients send. The standard library reads it by the same rules, and faster."""


def parse_time(text: str) -> int | None:
    """Unix seconds of an ISO 8601 text, a fraction of a second cut off; None if it is not one.

    Accepts the extended form of a calendar date and a time of day. A space may replace the T, seconds may be missing,
    a date alone means its midnight, and no offset means UTC.
    """
    if _PLAIN_TIME.fullmatch(text) is not None:
        try:
            return int(datetime.fromisoformat(text).timestamp())
        except ValueError:
            return None
    if len(text) > TIME_CHARACTERS_MAX or (match := _TIME.fullmatch(text)) is None:
        return None
    offset = parse_offset(match["offset"])
    hour, minute, second = int(match["hour"] or 0), int(match["minute"] or 0), int(match["second"] or 0)
    if offset is None or hour >= 24 or minute >= 60 or second >= 60:
        return None
    try:
        day = date(int(match["year"]), int(match["month"]), int(match["day"])).toordinal() - EPOCH_DAY
    except ValueError:
        return None
    return day * 86400 + hour * 3600 + minute * 60 + second - offset


def parse_offset(text: str | None) -> int | None:
    """Seconds of an offset such as ``+02:00``, ``-0330`` or ``Z``; None if it is out of range."""
    if not text or text in "Zz":
        return 0
    hours, minutes = int(text[1:3]), int(text[-2:]) if len(text) > len("+02") else 0
    if hours >= 24 or minutes >= 60:
        return None
    seconds = hours * 3600 + minutes * 60
    return -seconds if text[0] == "-" else seconds


def is_in_window(seconds: int, received_at: int, time_min: int = TIME_MIN) -> bool:
    """Whether an event received then may have this time; both in Unix seconds."""
    return time_min <= seconds <= received_at + EVENT_FUTURE_SECONDS_MAX

"""The ``time`` of an event: ISO 8601 text to Unix seconds, one by one or in columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from eventkeep.limits import EVENT_FUTURE_SECONDS_MAX, EVENT_YEAR_MIN, TIME_CHARACTERS_MAX

TIME_MIN: Final = int(datetime(EVENT_YEAR_MIN, 1, 1, tzinfo=UTC).timestamp())
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
"""The form that most clients send, of which the standard library thinks as we do, and faster."""
_TAIL: Final = re.compile(r"(?:[.,]\d+)?(Z|z|[+-]\d\d(?::?\d\d)?)?", re.ASCII)

COLUMN_TIMES_MIN: Final = 16
"""From how many times on the column costs less than one by one."""
_HEAD: Final = len("2024-06-15T12:00:00")
_SEPARATORS: Final = np.array([4, 7, 13, 16])
_MARKS: Final = np.frombuffer(b"--::", dtype=np.uint8)
_T: Final = 10
_DATE_MARKS: Final = tuple(ord(mark) for mark in "Tt ")
_DIGITS: Final = np.array([0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18])


def parse_time(text: str) -> int | None:
    """Unix seconds of an ISO 8601 text, a fraction of a second cut off; None where it is none.

    The extended form of a calendar date and a time of day: a space may stand for the T,
    seconds may be missing, a date alone means its midnight, no offset means UTC.
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
    """Seconds of an offset such as ``+02:00``, ``-0330`` or ``Z``; None where it is out of range."""
    if not text or text in "Zz":
        return 0
    hours, minutes = int(text[1:3]), int(text[-2:]) if len(text) > len("+02") else 0
    if hours >= 24 or minutes >= 60:
        return None
    seconds = hours * 3600 + minutes * 60
    return -seconds if text[0] == "-" else seconds


def is_in_window(seconds: int, received_at: int) -> bool:
    """Whether an event received then may have this time; both in Unix seconds."""
    return TIME_MIN <= seconds <= received_at + EVENT_FUTURE_SECONDS_MAX


def parse_times(texts: Sequence[str]) -> npt.NDArray[np.int64] | None:
    """What parse_time makes of each text (shape [texts]); None where there is one that it refuses."""
    if len(texts) >= COLUMN_TIMES_MIN and (column := _parse_column(texts)) is not None:
        return column
    times = [parse_time(text) for text in texts]
    return None if None in times else np.array(times, dtype=np.int64)


def _parse_column(texts: Sequence[str]) -> npt.NDArray[np.int64] | None:
    """The same for texts with date, time and seconds; None where any is of another form, or wrong."""
    width = len(texts[0])
    joined = "".join(texts)
    if width < _HEAD or not joined.isascii():
        return None
    if len(joined) == width * len(texts) and set(map(len, texts)) == {width}:
        # Texts of one length, as one program writes them, need not be cut one by one.
        characters = np.frombuffer(joined.encode(), dtype=np.uint8).reshape(-1, width)
        heads, tails = characters[:, :_HEAD], characters[:, _HEAD:]
        offsets = _offset_column([texts[0][_HEAD:]] if (tails == tails[0]).all() else [text[_HEAD:] for text in texts])
    else:
        joined = "".join([text[:_HEAD] for text in texts])
        if len(joined) != _HEAD * len(texts):
            return None
        heads = np.frombuffer(joined.encode(), dtype=np.uint8).reshape(-1, _HEAD)
        offsets = _offset_column([text[_HEAD:] for text in texts])
    if offsets is None or not (heads[:, _SEPARATORS] == _MARKS).all():
        return None
    digits = heads[:, _DIGITS] - np.uint8(ord("0"))
    if not set(heads[:, _T].tobytes()).issubset(_DATE_MARKS) or digits.max() > 9:
        return None
    seconds = _seconds_column(digits.T.astype(np.int64))
    if seconds is None:
        return None
    times: npt.NDArray[np.int64] = seconds - offsets
    return times


def _seconds_column(digits: npt.NDArray[np.int64]) -> npt.NDArray[np.int64] | None:
    """Unix seconds of columns of digits (shape [14, times]); None where a date does not exist."""
    century, years, month, day, hour, minute, second = digits[0::2] * 10 + digits[1::2]
    year = century * 100 + years
    if year.min() < EVENT_YEAR_MIN or not _within(month, 1, 12) or not _within(day, 1, 31):
        return None
    if hour.max() >= 24 or minute.max() >= 60 or second.max() >= 60:
        return None
    months = (year - 1970) * 12 + month - 1
    days = months.astype("M8[M]").astype("M8[D]") + (day - 1)
    if (days.astype("M8[M]").astype(np.int64) != months).any():
        return None
    seconds: npt.NDArray[np.int64] = days.astype(np.int64) * 86400 + hour * 3600 + minute * 60 + second
    return seconds


def _within(values: npt.NDArray[np.int64], least: int, most: int) -> bool:
    return bool(values.min() >= least and values.max() <= most)


def _offset_column(tails: Sequence[str]) -> Any:
    """Offsets in seconds of what follows the seconds (one per time, or one for all); None where one is wrong."""
    offsets: dict[str, int] = {}
    for tail in set(tails):
        match = _TAIL.fullmatch(tail) if len(tail) <= TIME_CHARACTERS_MAX - _HEAD else None
        offset = parse_offset(match[1]) if match is not None else None
        if offset is None:
            return None
        offsets[tail] = offset
    if len(offsets) == 1:
        return next(iter(offsets.values()))
    return np.array([offsets[tail] for tail in tails], dtype=np.int64)

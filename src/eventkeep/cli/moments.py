"""Moments as options give them: a time in ISO 8601, or how long ago it was."""

from __future__ import annotations

import datetime
import re
from typing import Final

from eventkeep.errors import ConfigurationError
from eventkeep.limits import ECHO_CHARACTERS_MAX

_AGO: Final = re.compile(r"([0-9]{1,6})([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
MOMENT_HELP: Final = "a time such as 2024-06-15 or 2024-06-15T12:00+02:00 (UTC without an offset), or 90m, 24h, 7d"


def parse_moment(option: str, text: str | None, now: datetime.datetime) -> datetime.datetime | None:
    """The moment that an option gives, None for None. Raises ConfigurationError that names the option."""
    if text is None:
        return None
    try:
        if match := _AGO.fullmatch(text):
            return now - datetime.timedelta(seconds=int(match[1]) * _SECONDS[match[2]])
        moment = datetime.datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
    except (ValueError, OverflowError):
        shown = text[:ECHO_CHARACTERS_MAX]
        raise ConfigurationError(f"{option}: expected {MOMENT_HELP} ago, got {shown!r}") from None

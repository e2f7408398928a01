"""Times as the API writes them."""

from __future__ import annotations

import datetime
from functools import lru_cache
from typing import Final

MICROSECONDS: Final = 1_000_000
"""In a second."""
_MINUTES_REMEMBERED: Final = 4_096
"""Texts of minutes that are kept."""


def datetime_of(seconds: int) -> str:
    """Unix seconds as ``2024-06-15T12:00:00+00:00``."""
    minute, second = divmod(seconds, 60)
    return f"{_up_to_minute(minute)}:{second:02d}+00:00"


@lru_cache(_MINUTES_REMEMBERED)
def _up_to_minute(minute: int) -> str:
    """``2024-06-15T12:00``. The events of a page are often of few minutes."""
    return datetime.datetime.fromtimestamp(60 * minute, datetime.UTC).isoformat()[:16]


def moment_of(microseconds: int) -> str:
    """Unix microseconds in the same form, cut to the second."""
    return datetime_of(microseconds // MICROSECONDS)

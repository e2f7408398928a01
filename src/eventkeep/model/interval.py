"""The intervals of aggregates."""

from __future__ import annotations

from typing import Literal

Interval = Literal["hour", "day", "week", "month"]

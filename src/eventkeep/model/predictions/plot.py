"""The tracking plot as SVG: expected and actual repeat purchases, in sum and per week."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from typing import Final

from eventkeep.model.predictions.orders import DAY_SECONDS
from eventkeep.model.predictions.tracking import WEEK_DAYS, Tracking

WIDTH: Final = 720
PANEL_HEIGHT: Final = 240
"""Pixels of each of the two panels, without its margins."""
_LEFT, _RIGHT, _TOP, _GAP, _BOTTOM = 72, 24, 56, 64, 48
HEIGHT: Final = _TOP + 2 * PANEL_HEIGHT + _GAP + _BOTTOM
TICKS: Final = 5
"""About as many lines across a panel."""
_COLORS: Final = {"expected": "#b45309", "actual": "#1d4ed8"}

_PAGE: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" \
font-family="sans-serif" font-size="12" fill="#1f2937">
<title>Expected and actual repeat purchases per week</title>
<rect width="{width}" height="{height}" fill="#ffffff"/>
{body}
</svg>
"""
_TEXT: Final = '<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'
_LINE: Final = '<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}"{more}/>'
_CURVE: Final = '<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"{more}/>'
_DASHES: Final = ' stroke-dasharray="5 4"'


def tracking_plot(tracking: Tracking) -> str:
    """The plot as an SVG document; a dashed line across it stands where the model has seen no more.

    Raises ValueError if the history has no whole week.
    """
    weeks = tracking.weeks
    if not weeks:
        raise ValueError("the history has no whole week")
    # The day of the cut is one that the model has seen whole.
    cut_week = (tracking.cut // DAY_SECONDS - tracking.start // DAY_SECONDS + 1) / WEEK_DAYS
    panels = (
        (
            "Repeat purchases so far",
            [week.expected_so_far for week in weeks],
            [float(week.actual_so_far) for week in weeks],
        ),
        ("Repeat purchases per week", [week.expected for week in weeks], [float(week.actual) for week in weeks]),
    )
    body = [_legend()]
    for number, (title, expected, actual) in enumerate(panels):
        top = _TOP + number * (PANEL_HEIGHT + _GAP)
        body.append(_panel(title, top, expected, actual, cut_week))
    fitted_until = datetime.datetime.fromtimestamp(tracking.cut, datetime.UTC).date().isoformat()
    below = f"Week since the first purchase; fitted to the purchases up to {fitted_until} (dashed line)"
    body.append(_TEXT.format(x=WIDTH / 2, y=HEIGHT - 10, anchor="middle", text=below))
    return _PAGE.format(width=WIDTH, height=HEIGHT, body="\n".join(body))


def tick_step(most: float) -> float:
    """The step of 1, 2 or 5 times a power of ten that divides 0 to ``most`` into about TICKS parts."""
    rough = most / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))


def _legend() -> str:
    parts = []
    for number, (name, color) in enumerate(_COLORS.items()):
        x = _LEFT + number * 120
        more = ' stroke-width="2"' + (_DASHES if name == "expected" else "")
        parts.append(_LINE.format(x1=x, y1=20, x2=x + 28, y2=20, color=color, more=more))
        parts.append(_TEXT.format(x=x + 36, y=24, anchor="start", text=name))
    return "\n".join(parts)


def _panel(title: str, top: float, expected: Sequence[float], actual: Sequence[float], cut_week: float) -> str:
    weeks = len(expected)
    step = tick_step(max(*expected, *actual, 1.0))
    most = step * math.ceil(max(*expected, *actual, 1.0) / step)
    bottom, right = top + PANEL_HEIGHT, WIDTH - _RIGHT

    def x_of(week: float) -> float:
        return _LEFT + (right - _LEFT) * week / weeks

    def y_of(value: float) -> float:
        return bottom - PANEL_HEIGHT * value / most

    parts = [_TEXT.format(x=_LEFT, y=top - 10, anchor="start", text=title)]
    for number in range(round(most / step) + 1):
        value = number * step
        y = y_of(value)
        parts.append(_LINE.format(x1=_LEFT, x2=right, y1=y, y2=y, color="#e5e7eb", more=""))
        parts.append(_TEXT.format(x=_LEFT - 8, y=y + 4, anchor="end", text=f"{value:,.10g}"))
    week_step = max(1, round(tick_step(weeks)))
    for week in range(0, weeks + 1, week_step):
        parts.append(_TEXT.format(x=x_of(week), y=bottom + 18, anchor="middle", text=week))
    cut = x_of(cut_week)
    parts.append(_LINE.format(x1=cut, x2=cut, y1=top, y2=bottom, color="#6b7280", more=_DASHES))
    for name, values in (("actual", actual), ("expected", expected)):
        points = " ".join(f"{x_of(week):.1f},{y_of(value):.1f}" for week, value in enumerate(values, 1))
        parts.append(_CURVE.format(points=points, color=_COLORS[name], more=_DASHES if name == "expected" else ""))
    return "\n".join(parts)

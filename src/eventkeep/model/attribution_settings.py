"""How an account credits events to messages, as far as it differs from the defaults, and changes of it."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from eventkeep.errors import ConfigurationError
from eventkeep.limits import ATTRIBUTION_WINDOW_SECONDS_MAX, ATTRIBUTION_WINDOWS_MAX
from eventkeep.model.attribution import DEFAULT_WINDOWS, Rule

SETTING: Final = "attribution"
"""The name of the account's setting."""

Starts = Literal["touch", "sent"]
"""When a window starts: with the touch, or with the sending of its message."""


class AttributionSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``windows`` has the metrics that differ from the defaults, in seconds; None if a metric is no touch."""

    windows: dict[str, int | None] = {}
    starts: Starts = "touch"

    def rule(self) -> Rule:
        """The rule that the account credits by."""
        windows = {**DEFAULT_WINDOWS, **self.windows}
        return Rule(
            windows={metric: seconds for metric, seconds in windows.items() if seconds is not None}, starts=self.starts
        )


class AttributionChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of the settings.

    ``windows`` has the window of each metric in seconds, None if it is to be no touch. The windows of ``reset`` go
    back to their defaults, everything does if ``resets_all``.
    """

    windows: dict[str, int | None] = {}
    starts: Starts | None = None
    reset: list[str] = []
    resets_all: bool = False


def changed_settings(settings: AttributionSettings, change: AttributionChange) -> AttributionSettings:
    """The settings after a change. Raises ConfigurationError if it can't be made."""
    if change.resets_all:
        settings = AttributionSettings()
    windows = {metric: seconds for metric, seconds in settings.windows.items() if metric not in change.reset}
    for metric, seconds in change.windows.items():
        if not metric:
            raise ConfigurationError("expected the name of a metric, got an empty one")
        if seconds is not None and not 0 < seconds <= ATTRIBUTION_WINDOW_SECONDS_MAX:
            days = ATTRIBUTION_WINDOW_SECONDS_MAX // 86_400
            raise ConfigurationError(f"{metric}: expected a window of 1 second to {days} days, got {seconds} seconds")
        windows[metric] = seconds
    windows = {metric: seconds for metric, seconds in windows.items() if seconds != DEFAULT_WINDOWS.get(metric)}
    if len(windows) > ATTRIBUTION_WINDOWS_MAX:
        raise ConfigurationError(f"an account has windows of its own for {ATTRIBUTION_WINDOWS_MAX} metrics at the most")
    return AttributionSettings(windows=windows, starts=change.starts or settings.starts)

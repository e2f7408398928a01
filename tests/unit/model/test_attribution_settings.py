"""Settings of attribution: changes, their limits, and what is stored of them."""

from __future__ import annotations

import pytest

from eventkeep.errors import ConfigurationError
from eventkeep.limits import ATTRIBUTION_WINDOW_SECONDS_MAX, ATTRIBUTION_WINDOWS_MAX
from eventkeep.model.account_settings import read_settings, write_settings
from eventkeep.model.attribution import DEFAULT_WINDOWS, Rule
from eventkeep.model.attribution_settings import (
    AttributionChange,
    AttributionSettings,
    changed_settings,
)

HOUR = 3_600


def test_an_account_without_settings_has_the_defaults() -> None:
    assert read_settings(None, AttributionSettings).rule() == Rule(windows=dict(DEFAULT_WINDOWS))
    assert write_settings(AttributionSettings()) is None


def test_changes_are_stored_and_reset() -> None:
    changed = changed_settings(
        AttributionSettings(),
        AttributionChange(windows={"Clicked SMS": HOUR, "Opened Push": None, "Read Letter": 5}, starts="sent"),
    )
    assert read_settings(write_settings(changed), AttributionSettings) == changed
    rule = changed.rule()
    assert (rule.windows["Clicked SMS"], rule.windows["Read Letter"], rule.starts) == (HOUR, 5, "sent")
    assert "Opened Push" not in rule.windows and rule.windows["Opened Email"] == DEFAULT_WINDOWS["Opened Email"]
    one = changed_settings(changed, AttributionChange(reset=["Opened Push"]))
    assert one.rule().windows["Opened Push"] == DEFAULT_WINDOWS["Opened Push"]
    assert one.starts == "sent"
    assert changed_settings(changed, AttributionChange(resets_all=True)) == AttributionSettings()


def test_a_window_that_is_the_default_is_not_stored() -> None:
    same = {"Opened Email": DEFAULT_WINDOWS["Opened Email"], "Read Letter": None}
    assert changed_settings(AttributionSettings(), AttributionChange(windows=same)) == AttributionSettings()


@pytest.mark.parametrize(
    ("windows", "told"),
    [
        ({"Opened Email": 0}, "expected a window of 1 second to 30 days"),
        ({"Opened Email": ATTRIBUTION_WINDOW_SECONDS_MAX + 1}, "expected a window of 1 second to 30 days"),
        ({"": 5}, "expected the name of a metric"),
        ({f"M{number}": 5 for number in range(ATTRIBUTION_WINDOWS_MAX + 1)}, "100 metrics at the most"),
    ],
)
def test_changes_that_can_not_be_made_are_refused(windows: dict[str, int | None], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        changed_settings(AttributionSettings(), AttributionChange(windows=windows))

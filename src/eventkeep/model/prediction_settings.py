"""An account's settings of predictions, and its last fit, as they are stored."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec

from eventkeep.errors import ConfigurationError
from eventkeep.limits import RETURN_METRICS_MAX
from eventkeep.model.predictions.analytics import Fit, Lack
from eventkeep.model.predictions.tracking import Tracking

SETTING: Final = "predictions"
FIT_SETTING: Final = "predictions.fit"
TRACKING_SETTING: Final = "predictions.tracking"
"""The names of the account's settings."""

ORDERS: Final = "Placed Order"
RETURNS: Final = ("Refunded Order", "Cancelled Order")


class PredictionSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The metric of orders, and those of refunds and cancellations."""

    orders: str = ORDERS
    returns: tuple[str, ...] = RETURNS


class LastFit(msgspec.Struct, frozen=True, kw_only=True):
    """``made`` is in Unix seconds. ``fit`` is None if there was not enough to fit; ``lacks`` names the missing data."""

    made: int
    fit: Fit | None = None
    lacks: tuple[Lack, ...] = ()


class PredictionsChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of the metrics; None stays as it is."""

    orders: str | None = None
    returns: tuple[str, ...] | None = None


def changed_settings(settings: PredictionSettings, change: PredictionsChange) -> PredictionSettings:
    """The settings after a change. Raises ConfigurationError if it can't be made."""
    orders = settings.orders if change.orders is None else change.orders
    returns = settings.returns if change.returns is None else change.returns
    if not orders or not all(returns) or orders in returns:
        raise ConfigurationError("expected the name of a metric of orders, and other ones of refunds")
    if len(returns) > RETURN_METRICS_MAX:
        raise ConfigurationError(
            f"an account has {RETURN_METRICS_MAX} metrics of refunds and cancellations at the most"
        )
    return PredictionSettings(orders=orders, returns=returns)


@lru_cache(maxsize=100)
def read_fit(text: str | None) -> LastFit | None:
    """The fit in the text that was stored, None if there was none."""
    return None if text is None else msgspec.json.decode(text, type=LastFit)


def read_tracking(text: str | None) -> Tracking | None:
    """The comparison of a fit with later orders, None if there is none."""
    return None if text is None else msgspec.json.decode(text, type=Tracking)

"""Predictive analytics of profiles that are read: historic values from their orders, predictions by the last fit."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from eventkeep.directory import Directory
from eventkeep.events.store import EventStore
from eventkeep.model.prediction_settings import FIT_SETTING, read_fit
from eventkeep.model.predictions.analytics import (
    Fit,
    Predictions,
    PredictiveAnalytics,
    aligned,
    analytics_of,
    predicted,
)
from eventkeep.model.predictions.orders import Customers, Orders, customers_of, without_returned
from eventkeep.server.orders import TIME_MAX, AccountOrders

ANALYTICS: Final = "predictive_analytics"
"""The attribute of profiles."""


class Analytics:
    """Computes predictive analytics."""

    def __init__(self, directory: Directory, events: EventStore) -> None:
        self._directory, self._orders = directory, AccountOrders(directory, events)

    def of_profiles(self, account: int, profiles: Collection[int]) -> dict[int, PredictiveAnalytics]:
        """The attributes of those profiles that have ordered, by number."""
        metrics = self._orders.metrics(account)
        if not metrics.orders or not profiles:
            return {}
        orders, returns = self._orders.of_profiles(account, profiles, metrics)
        customers = customers_of(without_returned(orders, returns), TIME_MAX)
        last = read_fit(self._directory.account_settings.get(account, FIT_SETTING))
        fit = None if last is None else last.fit
        predictions = None if fit is None else predictions_of(fit, orders, returns, customers)
        return {
            number: analytics_of(customers, predictions, place)
            for place, number in enumerate(customers.number.tolist())
        }


def predictions_of(fit: Fit, orders: Orders, returns: Orders, customers: Customers) -> Predictions:
    """The predictions of a fit for customers, given their history up to its end; NaN for those who had none then."""
    known = customers_of(without_returned(orders.until(fit.end), returns.until(fit.end)), fit.end)
    return aligned(predicted(fit, known), known, customers)

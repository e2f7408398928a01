"""Predictive analytics of an account's customers: historic values, and predictions if there is enough data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from eventkeep.model.predictions.orders import DAY_SECONDS, VALUE_DECIMALS, Customers, Floats
from eventkeep.model.predictions.purchases import PurchaseModel, fitted_purchases
from eventkeep.model.predictions.spend import SpendModel, fitted_spend

HORIZON_DAYS: Final = 365
"""How far ahead orders are predicted, in days, as the service documents it."""
CUSTOMERS_MIN: Final = 500
"""Customers with an order of a value above zero without whom nothing is predicted, as the service documents it."""
HISTORY_DAYS_MIN: Final = 180
"""Days from the first order to the end of the history, the same."""
RECENT_DAYS: Final = 30
"""The last days of the history, in which there has to be an order, the same."""
LOYAL_ORDERS: Final = 3
"""Orders of a customer of whom there have to be some, the same."""
LOYAL_CUSTOMERS_MIN: Final = 2
"""The meaning of "some", for which the service gives no number: more than one."""


class Lack(msgspec.Struct, frozen=True):
    """One thing that an account's orders lack for predictions: its name, how many there are and how many are needed."""

    found: int
    needed: int
    what: str

    def __str__(self) -> str:
        return f"{self.what}: {self.found:,} of at least {self.needed:,}"


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """The models as they were fitted to an account's orders up to ``end`` (Unix seconds); times are in days.

    ``repeats`` counts the purchases after the first ones. ``spend`` is None if the values of the orders fit no model.
    ``days_between_orders`` is the median, over the customers with several orders, of their average days between orders.
    """

    end: int
    customers: int
    repeats: int = 0
    purchases: PurchaseModel
    spend: SpendModel | None
    days_between_orders: float

    def purchases_log_likelihood(self, unit_days: int) -> float:
        """The log likelihood of the purchases, with times in units of so many days, in which it is published."""
        # A rate per another unit of time: each purchase after the first has a density of its own.
        return self.purchases.log_likelihood + self.repeats * math.log(unit_days)


class PredictiveAnalytics(msgspec.Struct, frozen=True, kw_only=True):
    """One customer's attributes, under the names of the API; ``expected_date_of_next_order`` is in Unix seconds."""

    historic_clv: float
    predicted_clv: float | None = None
    total_clv: float | None = None
    historic_number_of_orders: int
    predicted_number_of_orders: float | None = None
    average_days_between_orders: float | None = None
    average_order_value: float
    churn_probability: float | None = None
    expected_date_of_next_order: int | None = None


def lacks(customers: Customers, end: int) -> list[Lack]:
    """The lacks of the orders up to ``end`` (Unix seconds) for predictions; empty if they are enough."""
    days = (end - int(customers.first.min())) // DAY_SECONDS if len(customers) else 0
    found = (
        Lack(int((customers.value > 0).sum()), CUSTOMERS_MIN, "customers with an order of a value above zero"),
        Lack(days, HISTORY_DAYS_MIN, "days since the first order"),
        Lack(
            int((customers.last > end - RECENT_DAYS * DAY_SECONDS).sum()),
            1,
            f"customers with an order in the last {RECENT_DAYS} days",
        ),
        Lack(
            int((customers.orders >= LOYAL_ORDERS).sum()),
            LOYAL_CUSTOMERS_MIN,
            f"customers with {LOYAL_ORDERS} orders or more",
        ),
    )
    return [lack for lack in found if lack.found < lack.needed]


def fitted(customers: Customers, end: int, *, leaves_at_once: bool = True) -> Fit | None:
    """The models that fit the customers best; None if none does. ``leaves_at_once`` is MBG/NBD, else it is BG/NBD.

    Whether there are enough orders is another question: see ``lacks``. Raises ConfigurationError without scipy.
    """
    purchases = fitted_purchases(customers.repeats, customers.recency, customers.age, leaves_at_once=leaves_at_once)
    if purchases is None:
        return None
    return Fit(
        end=end,
        customers=len(customers),
        repeats=int(customers.repeats.sum()),
        purchases=purchases,
        spend=fitted_spend(customers.repeats, customers.repeat_spend),
        days_between_orders=_median(average_days_between_orders(customers)),
    )


def average_days_between_orders(customers: Customers) -> Floats:
    """The time from the first order to the last, in days, divided by the orders after the first; NaN for one order."""
    days = (customers.last - customers.first) / DAY_SECONDS
    return np.where(customers.orders > 1, days / np.maximum(customers.orders - 1, 1), np.nan)


@dataclass(frozen=True, slots=True)
class Predictions:
    """The predictions of a fit, one value per customer (shape [customers]).

    ``orders`` are the orders in the next HORIZON_DAYS days, counting those of one day as one; ``value`` is what they
    are worth (NaN if the fit has no model of spend), ``churn`` the probability that the customer has left, ``next`` the
    time of the next order in Unix seconds.
    """

    orders: Floats
    value: Floats
    churn: Floats
    next: Floats


def predicted(fit: Fit, customers: Customers) -> Predictions:
    """The predictions for customers whose history ends where that of the fit does."""
    history = (customers.repeats, customers.recency, customers.age)
    orders = fit.purchases.expected(HORIZON_DAYS, *history)
    spend = (
        np.full(len(customers), np.nan)
        if fit.spend is None
        else fit.spend.expected(customers.repeats, customers.repeat_spend)
    )
    # The papers have no closed form of the next order's date; the service says only that it is computed as of the
    # latest order. Who has ordered once is given the gap that is usual in the account.
    days = average_days_between_orders(customers)
    gap = np.where(np.isnan(days), fit.days_between_orders, days)
    return Predictions(
        orders=orders,
        value=orders * spend,
        churn=1 - fit.purchases.probability_alive(*history),
        next=customers.last + gap * DAY_SECONDS,
    )


def aligned(predictions: Predictions, known: Customers, wanted: Customers) -> Predictions:
    """The predictions for the customers of ``known``, in the order of ``wanted``; NaN for those that are not known."""
    places = np.searchsorted(known.number, wanted.number)
    places[places == len(known)] = 0
    is_known = known.number[places] == wanted.number if len(known) else np.zeros(len(wanted), np.bool_)

    def column(values: Floats) -> Floats:
        return np.where(is_known, values[places], np.nan) if len(known) else np.full(len(wanted), np.nan)

    return Predictions(
        orders=column(predictions.orders),
        value=column(predictions.value),
        churn=column(predictions.churn),
        next=column(predictions.next),
    )


def analytics_of(customers: Customers, predictions: Predictions | None, place: int) -> PredictiveAnalytics:
    """The attributes of the customer at ``place``; predictions are None if there are none."""
    orders, value = int(customers.orders[place]), float(customers.value[place])
    days = (int(customers.last[place]) - int(customers.first[place])) / DAY_SECONDS
    historic = PredictiveAnalytics(
        historic_clv=value,
        historic_number_of_orders=orders,
        average_days_between_orders=round(days / (orders - 1), VALUE_DECIMALS) if orders > 1 else None,
        average_order_value=round(value / orders, VALUE_DECIMALS),
    )
    if predictions is None:
        return historic
    predicted_value = _number(predictions.value[place])
    next_order = _number(predictions.next[place])
    return msgspec.structs.replace(
        historic,
        predicted_clv=predicted_value,
        total_clv=None if predicted_value is None else round(value + predicted_value, VALUE_DECIMALS),
        predicted_number_of_orders=_number(predictions.orders[place]),
        churn_probability=_number(predictions.churn[place]),
        expected_date_of_next_order=None if next_order is None else int(next_order),
    )


def _number(value: float) -> float | None:
    return round(float(value), VALUE_DECIMALS) if math.isfinite(value) else None


def _median(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")

"""How well a model foretells unseen orders: fitted to the orders up to a day, compared with those after it.

The customers are those who bought by that day; their repeat purchases are counted to the end of the history.
Source of the comparison: Fader, Hardie, Lee (2005), figures 2 and 3, and table 3.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np

from eventkeep.model.predictions.orders import DAY_SECONDS, Customers, Integers, Orders, customers_of
from eventkeep.model.predictions.purchases import PurchaseModel, fitted_purchases

WEEK_DAYS: Final = 7
GROUPS_MAX: Final = 7
"""Customers with as many repeat purchases or more are one group."""


class Week(msgspec.Struct, frozen=True):
    """Repeat purchases in one week, and in all weeks up to it; ``number`` counts from 1, the first purchase's week."""

    number: int
    expected: float
    actual: int
    expected_so_far: float
    actual_so_far: int


class Group(msgspec.Struct, frozen=True):
    """The customers with ``repeats`` repeat purchases before the cut, and their mean number of purchases after it."""

    repeats: int
    customers: int
    expected: float
    actual: float


class Tracking(msgspec.Struct, frozen=True, kw_only=True):
    """Expected and actual purchases of the customers who bought by ``cut``; all times are in Unix seconds.

    ``start`` is the first purchase of all. ``expected`` and ``actual`` count the purchases from the cut to ``end``;
    ``mean_error`` is the mean absolute error per customer, ``naive_error`` that of the guess that everyone goes on at
    the rate of before.
    """

    start: int
    cut: int
    end: int
    customers: int
    model: PurchaseModel
    expected: float
    actual: int
    mean_error: float
    naive_error: float
    groups: list[Group]
    weeks: list[Week]

    @property
    def error(self) -> float:
        """The relative error of the sum of all customers; NaN if nobody bought."""
        return self.expected / self.actual - 1 if self.actual else float("nan")


def tracked(orders: Orders, cut: int, end: int, *, leaves_at_once: bool = True) -> Tracking | None:
    """The comparison of the orders from ``cut`` to ``end`` with those to expect; None if no model fits those before.

    Both times are in Unix seconds, and the days on which they lie belong to the period that ends there.
    """
    before = customers_of(orders, cut)
    model = fitted_purchases(before.repeats, before.recency, before.age, leaves_at_once=leaves_at_once)
    if model is None:
        return None
    after = customers_of(orders.take(np.isin(orders.customer, before.number)), end)
    days = end // DAY_SECONDS - cut // DAY_SECONDS
    actual = after.repeats - before.repeats
    expected = model.expected(days, before.repeats, before.recency, before.age)
    naive = before.repeats / np.maximum(before.age, 1) * days
    return Tracking(
        start=int(before.first.min()),
        cut=cut,
        end=end,
        customers=len(before),
        model=model,
        expected=float(expected.sum()),
        actual=int(actual.sum()),
        mean_error=float(np.abs(expected - actual).mean()),
        naive_error=float(np.abs(naive - actual).mean()),
        groups=_groups(before, expected, actual),
        weeks=_weeks(orders, before, model, end),
    )


def _groups(before: Customers, expected: Any, actual: Any) -> list[Group]:
    group = np.minimum(before.repeats, GROUPS_MAX)
    return [
        Group(number, int(own.sum()), float(expected[own].mean()), float(actual[own].mean()))
        for number in range(GROUPS_MAX + 1)
        if (own := group == number).any()
    ]


def _weeks(orders: Orders, before: Customers, model: PurchaseModel, end: int) -> list[Week]:
    """The whole weeks from the first purchase of all to ``end``."""
    births = before.first // DAY_SECONDS
    start = int(births.min())
    days = end // DAY_SECONDS - start + 1
    born = np.bincount(births - start, minlength=days)
    # expected[d] by the end of day d: of all who were born on day b, the purchases to expect in d - b days.
    expected = np.convolve(born, model.expected_of_new(np.arange(days)))[:days]
    actual = np.cumsum(np.bincount(_repeat_days(orders, before) - start, minlength=days)[:days])
    ends = np.arange(WEEK_DAYS - 1, days, WEEK_DAYS)
    expected_by_week, actual_by_week = expected[ends].tolist(), actual[ends].tolist()
    return [
        Week(number, now - earlier, count - count_before, now, count)
        for number, (earlier, now, count_before, count) in enumerate(
            zip([0.0, *expected_by_week], expected_by_week, [0, *actual_by_week], actual_by_week, strict=False), 1
        )
    ]


def _repeat_days(orders: Orders, customers: Customers) -> Integers:
    """The day of each purchase of the customers that is not their first, a day counted once per customer."""
    place = np.searchsorted(customers.number, orders.customer)
    place[place == len(customers)] = 0
    known = customers.number[place] == orders.customer
    pairs = np.unique(np.stack([place[known], orders.time[known] // DAY_SECONDS], axis=1), axis=0)
    is_repeat = pairs[:, 1] > customers.first[pairs[:, 0]] // DAY_SECONDS
    days: Integers = pairs[is_repeat, 1]
    return days

"""Orders as columns, and their sums per customer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

DAY_SECONDS: Final = 86_400
NO_KEY: Final = 0
"""The key of an order that has no name of its own."""
VALUE_DECIMALS: Final = 6
"""Decimals of a sum of values: more than any currency has, and few enough to drop the errors of binary fractions."""


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders side by side, in any order; all columns have the shape [orders].

    ``customer`` holds numbers, ``time`` Unix seconds, ``value`` amounts (NaN if an order has none), ``key`` a hash of
    the name that an order shares with its refund or cancellation (NO_KEY if it has none).
    """

    customer: Integers
    time: Integers
    value: Floats
    key: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, customer: Any, time: Any, value: Any, key: Any = None) -> Orders:
        """Orders from columns of any integer or float type; without ``key`` no order has a name."""
        numbers = np.asarray(customer, dtype=np.int64)
        keys = np.zeros(len(numbers), np.uint64) if key is None else np.asarray(key, dtype=np.uint64)
        return cls(numbers, np.asarray(time, dtype=np.int64), np.asarray(value, dtype=np.float64), keys)

    def __len__(self) -> int:
        return len(self.customer)

    def take(self, places: Any) -> Orders:
        """The orders at ``places``, which are indexes or flags."""
        return Orders(self.customer[places], self.time[places], self.value[places], self.key[places])

    def until(self, end: int) -> Orders:
        """The orders up to and including ``end``, in Unix seconds."""
        return self.take(self.time <= end)


def without_returned(orders: Orders, returns: Orders) -> Orders:
    """The orders, less refunds and cancellations.

    A return takes its value from the order of the same customer and key; if there is none, from the customer's latest
    order that is not later than the return. A return without a value takes the whole order. An order of which nothing
    is left never was one; an order that never had a value stays. A return without an order changes nothing.
    """
    if not len(returns):
        return orders
    sorted_orders = orders.take(np.lexsort((orders.time, orders.customer)))
    left = np.nan_to_num(sorted_orders.value)
    kept = np.ones(len(left), np.bool_)
    starts = np.searchsorted(sorted_orders.customer, returns.customer, side="left").tolist()
    ends = np.searchsorted(sorted_orders.customer, returns.customer, side="right").tolist()
    # In the order of time, so that two returns of one customer find the same orders wherever they stand.
    for place in np.lexsort((returns.value, returns.key, returns.time)).tolist():
        start, end = starts[place], ends[place]
        key = returns.key[place]
        of_key = np.flatnonzero((sorted_orders.key[start:end] == key) & (key != NO_KEY))
        until = np.searchsorted(sorted_orders.time[start:end], returns.time[place], side="right")
        found = start + int(of_key[0] if len(of_key) else until - 1)
        if found < start:
            continue
        amount = returns.value[place]
        left[found] = 0.0 if np.isnan(amount) else round(left[found] - abs(amount), VALUE_DECIMALS)
        kept[found] = left[found] > 0
    after = Orders(sorted_orders.customer, sorted_orders.time, left, sorted_orders.key)
    return after.take(kept)


@dataclass(frozen=True, slots=True)
class Customers:
    """Customers side by side, by ascending number; all columns have the shape [customers].

    ``orders`` counts all orders and ``value`` is their sum. ``first`` and ``last`` are the times of the first and last
    order, in Unix seconds. The models see days (UTC), and all orders of a customer on one day as one purchase:
    ``repeats`` counts the purchases after the first one, ``recency`` is the time from the first purchase to the last,
    ``age`` that from the first purchase to the end of the history, both in days; ``repeat_spend`` is the mean spend of
    the purchases after the first one, 0 if there are none.
    """

    number: Integers
    orders: Integers
    value: Floats
    first: Integers
    last: Integers
    repeats: Integers
    recency: Floats
    age: Floats
    repeat_spend: Floats

    def __len__(self) -> int:
        return len(self.number)


def customers_of(orders: Orders, end: int) -> Customers:
    """The sums of the orders up to and including ``end`` (Unix seconds), which is also the end of the history."""
    orders = orders.until(end)
    orders = orders.take(np.lexsort((orders.time, orders.customer)))
    number, starts, counts = np.unique(orders.customer, return_index=True, return_counts=True)
    place = np.repeat(np.arange(len(number)), counts)
    value = np.nan_to_num(orders.value)
    day = orders.time // DAY_SECONDS
    first_day, last_day = day[starts], day[starts + counts - 1]
    is_repeat = day > first_day[place]
    # The orders are sorted: a purchase begins where the customer or the day differs from the order before.
    is_purchase = np.ones(len(day), np.bool_)
    is_purchase[1:] = (place[1:] != place[:-1]) | (day[1:] != day[:-1])
    repeats = np.bincount(place[is_purchase & is_repeat], minlength=len(number)).astype(np.int64)
    repeat_value = np.bincount(place[is_repeat], weights=value[is_repeat], minlength=len(number))
    return Customers(
        number=number,
        orders=counts.astype(np.int64),
        value=np.round(np.bincount(place, weights=value, minlength=len(number)), VALUE_DECIMALS),
        first=orders.time[starts],
        last=orders.time[starts + counts - 1],
        repeats=repeats,
        recency=(last_day - first_day).astype(np.float64),
        age=(end // DAY_SECONDS - first_day).astype(np.float64),
        repeat_spend=repeat_value / np.maximum(repeats, 1),
    )

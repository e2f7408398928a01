"""Orders and their sums, compared with plain loops."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.model.predictions.orders import DAY_SECONDS, Orders, customers_of, without_returned

NAN = float("nan")
START = 20_000 * DAY_SECONDS


class Row(NamedTuple):
    customer: int
    time: int
    value: float
    key: int = 0


def columns(rows: list[Row]) -> Orders:
    return Orders.of(*(list(column) for column in zip(*rows, strict=True))) if rows else Orders.of([], [], [])


def rows_of(orders: Orders) -> list[Row]:
    table = zip(orders.customer, orders.time, orders.value, orders.key, strict=True)
    return [Row(int(customer), int(time), float(value), int(key)) for customer, time, value, key in table]


cents = st.integers(0, 50_000).map(lambda number: number / 100)
rows = st.lists(
    st.builds(
        Row, st.integers(1, 4), st.integers(0, 8 * DAY_SECONDS).map(START.__add__), st.just(NAN) | cents, st.just(0)
    ),
    max_size=30,
)


@given(rows)
def test_sums_per_customer_are_those_of_a_loop(given_rows: list[Row]) -> None:
    end = START + 6 * DAY_SECONDS
    customers = customers_of(columns(given_rows), end)
    seen = [row for row in given_rows if row.time <= end]
    assert customers.number.tolist() == sorted({row.customer for row in seen})
    for place, number in enumerate(customers.number.tolist()):
        own = [row for row in seen if row.customer == number]
        spent = {day: 0.0 for day in sorted({row.time // DAY_SECONDS for row in own})}
        for row in own:
            spent[row.time // DAY_SECONDS] += 0 if np.isnan(row.value) else row.value
        first, *repeats = spent
        assert customers.orders[place] == len(own)
        assert customers.value[place] == round(sum(spent.values()), 6)
        assert (customers.first[place], customers.last[place]) == (
            min(row.time for row in own),
            max(row.time for row in own),
        )
        assert customers.repeats[place] == len(repeats)
        assert customers.recency[place] == max(spent) - first
        assert customers.age[place] == end // DAY_SECONDS - first
        mean = sum(spent[day] for day in repeats) / len(repeats) if repeats else 0
        assert customers.repeat_spend[place] == pytest.approx(mean)


def test_ten_cents_thrice_are_thirty_cents() -> None:
    customers = customers_of(columns([Row(1, START, 0.1), Row(1, START, 0.1), Row(1, START, 0.1)]), START)
    assert customers.value.tolist() == [0.3]


@pytest.mark.parametrize(
    ("returned", "left"),
    [
        ([], [10.0, 20.0, 30.0]),
        ([Row(1, START + 5, 4.0, 11)], [6.0, 20.0, 30.0]),
        ([Row(1, START + 5, -4.0, 11)], [6.0, 20.0, 30.0]),
        ([Row(1, START + 5, 4.0, 11), Row(1, START + 6, 6.0, 11)], [20.0, 30.0]),
        ([Row(1, START + 5, NAN, 12)], [10.0, 30.0]),
        # Without a known key: the latest order before it.
        ([Row(1, START + 1, 5.0)], [10.0, 15.0, 30.0]),
        ([Row(1, START + 9, 5.0, 99)], [10.0, 20.0, 25.0]),
        ([Row(1, START - 1, 5.0)], [10.0, 20.0, 30.0]),
        # A refund larger than the payment: no more than the order.
        ([Row(1, START + 9, 500.0, 13)], [10.0, 20.0]),
        ([Row(2, START + 9, 5.0, 11)], [10.0, 20.0, 30.0]),
    ],
)
def test_returns_take_from_the_orders_that_they_belong_to(returned: list[Row], left: list[float]) -> None:
    orders = columns([Row(1, START + 2, 30.0, 13), Row(1, START, 10.0, 11), Row(1, START + 1, 20.0, 12)])
    assert without_returned(orders, columns(returned)).value.tolist() == pytest.approx(
        left if returned else [30, 10, 20]
    )


def test_an_order_without_a_value_stays_an_order() -> None:
    after = without_returned(columns([Row(1, START, NAN), Row(1, START + 1, 0.0)]), columns([Row(9, START, 1.0)]))
    assert after.value.tolist() == [0.0, 0.0]


@given(rows, rows, st.randoms(use_true_random=False))
def test_the_order_in_which_rows_stand_does_not_matter(orders: list[Row], returns: list[Row], chance: object) -> None:
    distinct = list({(row.customer, row.time): row for row in orders}.values())
    one = rows_of(without_returned(columns(distinct), columns(returns)))
    chance.shuffle(distinct)  # type: ignore[attr-defined]
    chance.shuffle(returns)  # type: ignore[attr-defined]
    other = rows_of(without_returned(columns(distinct), columns(returns)))

    def totals(found: list[Row]) -> list[Row]:
        return sorted(row._replace(value=0.0 if np.isnan(row.value) else row.value) for row in found)

    assert totals(one) == totals(other)

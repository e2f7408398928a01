"""The attributes of customers, and the number of orders that predictions need."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from eventkeep.model.predictions.analytics import (
    CUSTOMERS_MIN,
    Fit,
    PredictiveAnalytics,
    analytics_of,
    fitted,
    lacks,
    predicted,
)
from eventkeep.model.predictions.orders import DAY_SECONDS, Orders, customers_of
from tests.unit.model.predictions.cdnow import CALIBRATION_END, END, purchases, sample


@functools.cache
def fit() -> Fit:
    pytest.importorskip("scipy")
    found = fitted(customers_of(sample(), CALIBRATION_END), CALIBRATION_END)
    assert found is not None
    return found


def test_historic_values_need_no_fit() -> None:
    start = 1_700_000_000
    times = [start, start + 189 * DAY_SECONDS, start]
    customers = customers_of(Orders.of([1, 1, 2], times, [40.0, 53.87, 12.5]), start + 200 * DAY_SECONDS)
    assert analytics_of(customers, None, 0) == PredictiveAnalytics(
        historic_clv=93.87, historic_number_of_orders=2, average_days_between_orders=189.0, average_order_value=46.935
    )
    assert analytics_of(customers, None, 1) == PredictiveAnalytics(
        historic_clv=12.5, historic_number_of_orders=1, average_order_value=12.5
    )


def test_historic_values_of_all_customers_are_those_of_the_file() -> None:
    customers = customers_of(purchases(), END)
    found = [analytics_of(customers, None, place) for place in range(len(customers))]
    assert len(found) == 23_570
    assert sum(each.historic_number_of_orders for each in found) == 69_659
    assert round(sum(round(100 * each.historic_clv) for each in found)) == 250_031_563


def test_predictions_are_of_one_piece() -> None:
    customers = customers_of(sample(), CALIBRATION_END)
    predictions = predicted(fit(), customers)
    for place in range(0, len(customers), 97):
        found = analytics_of(customers, predictions, place)
        assert found.predicted_number_of_orders is not None and found.predicted_number_of_orders > 0
        assert found.churn_probability is not None and 0 < found.churn_probability < 1
        assert found.predicted_clv is not None and found.total_clv is not None
        assert found.total_clv == pytest.approx(found.historic_clv + found.predicted_clv)
        assert found.expected_date_of_next_order is not None
        days = found.average_days_between_orders
        gap = fit().days_between_orders if days is None else days
        assert found.expected_date_of_next_order == pytest.approx(customers.last[place] + gap * DAY_SECONDS, abs=1)


def test_a_better_customer_is_worth_more() -> None:
    customers = customers_of(sample(), CALIBRATION_END)
    value = predicted(fit(), customers).value
    by_repeats = [float(value[customers.repeats == number].mean()) for number in range(5)]
    assert by_repeats == sorted(by_repeats)


def test_a_fit_without_spend_predicts_no_value() -> None:
    customers = customers_of(sample(), CALIBRATION_END)
    bare = Fit(
        end=fit().end, customers=fit().customers, purchases=fit().purchases, spend=None, days_between_orders=30.0
    )
    found = analytics_of(customers, predicted(bare, customers), 0)
    assert (found.predicted_clv, found.total_clv) == (None, None)
    assert found.predicted_number_of_orders is not None


def orders_of(customers: int, loyal: int, days: int, value: float = 10.0) -> tuple[Orders, int]:
    """Customers who ordered on the first day, some of them twice more on the last."""
    start = 1_700_000_000
    end = start + days * DAY_SECONDS
    number = np.concatenate([np.arange(customers), np.repeat(np.arange(loyal), 2)])
    time = np.concatenate([np.full(customers, start), np.full(2 * loyal, end)])
    return Orders.of(number, time, np.full(len(number), value)), end


@pytest.mark.parametrize(
    ("customers", "loyal", "days", "value", "lacking"),
    [
        (CUSTOMERS_MIN, 2, 180, 10.0, []),
        (CUSTOMERS_MIN - 1, 2, 180, 10.0, ["customers with an order of a value above zero: 499 of at least 500"]),
        (CUSTOMERS_MIN, 2, 180, 0.0, ["customers with an order of a value above zero: 0 of at least 500"]),
        (CUSTOMERS_MIN, 2, 179, 10.0, ["days since the first order: 179 of at least 180"]),
        (CUSTOMERS_MIN, 1, 180, 10.0, ["customers with 3 orders or more: 1 of at least 2"]),
        (
            CUSTOMERS_MIN,
            0,
            200,
            10.0,
            [
                "customers with an order in the last 30 days: 0 of at least 1",
                "customers with 3 orders or more: 0 of at least 2",
            ],
        ),
    ],
)
def test_documented_minimum_is_required(
    customers: int, loyal: int, days: int, value: float, lacking: list[str]
) -> None:
    orders, end = orders_of(customers, loyal, days, value)
    assert [str(lack) for lack in lacks(customers_of(orders, end), end)] == lacking


def test_without_orders_everything_lacks() -> None:
    nothing = customers_of(Orders.of([], [], []), END)
    assert [lack.found for lack in lacks(nothing, END)] == [0, 0, 0, 0]

"""The models reproduce the published figures for the purchases at CDNOW.

Sources: Fader, Hardie, Lee, Marketing Science 24 (2005), and the authors' spreadsheets; Fader and Hardie, The
Gamma-Gamma Model of Monetary Value (2013); the tests of the packages BTYD, BTYDplus and lifetimes.
"""

from __future__ import annotations

import functools

import numpy as np
import pytest

from eventkeep.model.predictions.orders import Customers, customers_of
from eventkeep.model.predictions.purchases import PurchaseModel, fitted_purchases
from eventkeep.model.predictions.spend import SpendModel, fitted_spend
from eventkeep.model.predictions.tracking import tracked
from tests.unit.model.predictions.cdnow import CALIBRATION_END, END, purchases, sample

pytest.importorskip("scipy")

PUBLISHED = PurchaseModel(r=0.243, alpha=4.414, a=0.793, b=2.426, leaves_at_once=False)
"""BG/NBD with the parameters as they were printed; in weeks."""
WEEK = 7.0


@functools.cache
def calibration() -> Customers:
    return customers_of(sample(), CALIBRATION_END)


@functools.cache
def in_weeks(leaves_at_once: bool) -> PurchaseModel:
    customers = calibration()
    model = fitted_purchases(
        customers.repeats, customers.recency / WEEK, customers.age / WEEK, leaves_at_once=leaves_at_once
    )
    assert model is not None
    return model


@functools.cache
def spend() -> SpendModel:
    model = fitted_spend(calibration().repeats, calibration().repeat_spend)
    assert model is not None
    return model


def test_the_sample_has_the_customers_of_the_paper() -> None:
    assert (len(calibration()), int((calibration().repeats > 0).sum())) == (2_357, 946)


def test_bg_nbd_has_the_parameters_and_the_likelihood_of_the_paper() -> None:
    model = in_weeks(leaves_at_once=False)
    assert (round(model.r, 3), round(model.alpha, 3), round(model.a, 3), round(model.b, 3)) == (
        (0.243, 4.414, 0.793, 2.426)
    )
    assert round(model.log_likelihood, 1) == -9582.4


def test_mbg_nbd_has_the_parameters_that_other_packages_find() -> None:
    model = in_weeks(leaves_at_once=True)
    assert (round(model.r, 3), round(model.alpha, 3), round(model.a, 3), round(model.b, 3)) == (
        (0.525, 6.183, 0.891, 1.614)
    )


def test_gamma_gamma_has_the_parameters_and_the_likelihood_of_the_paper() -> None:
    assert (round(spend().p, 2), round(spend().q, 2), round(spend().v, 2)) == (6.25, 3.74, 15.44)
    assert round(spend().log_likelihood, 4) == -4055.9177


def test_the_expected_purchases_of_one_customer() -> None:
    assert round(float(PUBLISHED.expected(39, 2, 30.43, 38.86)), 3) == 1.226
    assert round(float(in_weeks(leaves_at_once=False).expected(39, 2, 30.43, 38.86)), 3) == 1.226
    assert round(float(PUBLISHED.probability_alive(2, 30.43, 38.86)), 5) == 0.72658


def test_the_expected_purchases_of_anybody() -> None:
    """The printed figure for 78 weeks is 1.8576, from a series that was cut off early; its limit is 1.8580."""
    found = in_weeks(leaves_at_once=False).expected_of_new(np.array([0.1429, 1, 3, 31.8571, 32, 78]))
    assert found.round(4).tolist() == [0.0078, 0.0532, 0.1506, 1.0405, 1.0437, 1.8580]


def test_the_probabilities_of_numbers_of_purchases() -> None:
    assert PUBLISHED.probability_of(0, 39) == pytest.approx(0.5737864, abs=1e-7)
    assert PUBLISHED.probability_of(10, 2) == pytest.approx(1.07869e-07, abs=1e-12)


def test_the_expected_spend_of_the_first_ten_customers() -> None:
    with_ids = [4, 21, 50, 71, 86, 111, 112, 113, 114, 131]
    places = np.searchsorted(calibration().number, with_ids)
    found = spend().expected(calibration().repeats[places], calibration().repeat_spend[places])
    printed = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]
    assert found == pytest.approx(printed, abs=0.01)


def test_later_purchases_of_the_customer_of_the_paper() -> None:
    tracking = tracked(sample(), CALIBRATION_END, END, leaves_at_once=False)
    assert tracking is not None
    actual = [0.237, 0.697, 1.393, 1.560, 2.532, 2.947, 3.862, 6.359]
    expected = [0.225, 0.523, 1.044, 1.520, 2.164, 2.654, 3.504, 6.157]
    assert [round(group.actual, 3) for group in tracking.groups] == actual
    assert [round(group.expected, 3) for group in tracking.groups] == expected


@pytest.mark.parametrize(
    ("end", "bg_nbd", "gamma_gamma"),
    [
        (
            CALIBRATION_END,
            (0.2516, 33.5226, 0.7234, 2.1611, -95_368.44),
            (6.2754, 3.6244, 14.9837, -40_763.48),
        ),
        (END, (0.2671, 41.9054, 0.4835, 2.1116, -173_425.92), (5.0860, 3.9951, 21.2522, -49_496.52)),
    ],
)
def test_all_customers_as_another_program_fitted_them(
    end: int, bg_nbd: tuple[float, ...], gamma_gamma: tuple[float, ...]
) -> None:
    customers = customers_of(purchases(), end)
    model = fitted_purchases(customers.repeats, customers.recency, customers.age, leaves_at_once=False)
    money = fitted_spend(customers.repeats, customers.repeat_spend)
    assert model is not None and money is not None
    # The published likelihood is in weeks: each repeat purchase has a density per week.
    in_weeks = model.log_likelihood + int(customers.repeats.sum()) * np.log(WEEK)
    found = (round(model.r, 4), round(model.alpha, 4), round(model.a, 4), round(model.b, 4), round(float(in_weeks), 2))
    assert found == pytest.approx(bg_nbd, abs=1.01e-4, rel=1e-9)
    assert (money.p, money.q, money.v, money.log_likelihood) == pytest.approx(gamma_gamma, abs=5e-3)


@pytest.mark.parametrize("leaves_at_once", [False, True])
def test_another_unit_of_time_changes_alpha_alone(leaves_at_once: bool) -> None:
    weeks = in_weeks(leaves_at_once)
    customers = calibration()
    days = fitted_purchases(customers.repeats, customers.recency, customers.age, leaves_at_once=leaves_at_once)
    assert days is not None
    assert (days.r, days.a, days.b) == pytest.approx((weeks.r, weeks.a, weeks.b), rel=1e-4)
    assert days.alpha == pytest.approx(WEEK * weeks.alpha, rel=1e-4)


def test_another_unit_of_money_changes_v_alone() -> None:
    cents = fitted_spend(calibration().repeats, calibration().repeat_spend * 100)
    assert cents is not None
    assert (cents.p, cents.q, cents.v) == pytest.approx((spend().p, spend().q, spend().v * 100), rel=1e-4)

"""Properties of the models of purchases that hold for any parameters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from eventkeep.model.predictions.purchases import PurchaseModel, fitted_purchases, hypergeometric
from eventkeep.model.predictions.spend import SpendModel, fitted_spend

scipy_special = pytest.importorskip("scipy.special")

models = st.builds(
    PurchaseModel,
    r=st.floats(0.05, 5),
    alpha=st.floats(1, 100),
    a=st.floats(0.1, 5),
    b=st.floats(0.2, 5),
    leaves_at_once=st.booleans(),
)


@settings(max_examples=50, deadline=None)
@given(models, st.floats(0.1, 20))
def test_probabilities_add_up_to_one_and_their_mean_is_the_expectation(model: PurchaseModel, time: float) -> None:
    # Rates at which hundreds of purchases are nearly impossible.
    model = PurchaseModel(
        r=model.r, alpha=model.alpha + 4 * time, a=model.a, b=model.b, leaves_at_once=model.leaves_at_once
    )
    chances = [model.probability_of(number, time) for number in range(120)]
    assert min(chances) >= -1e-12
    assert sum(chances) == pytest.approx(1, abs=1e-9)
    mean = sum(number * chance for number, chance in enumerate(chances))
    assert mean == pytest.approx(float(model.expected_of_new(time)), rel=1e-6, abs=1e-9)


@settings(deadline=None)
@given(models, st.integers(0, 2_000), st.floats(0, 1), st.floats(0, 1_000))
def test_expectations_are_finite_and_grow_with_time(
    model: PurchaseModel, repeats: int, last: float, age: float
) -> None:
    recency = last * age if repeats else 0.0
    alive = float(model.probability_alive(repeats, recency, age))
    assert 0 <= alive <= 1
    found = model.expected(np.array([0, 1, 30, 365]), repeats, recency, age)
    assert np.isfinite(found).all()
    assert found[0] == pytest.approx(0, abs=1e-9)
    assert (np.diff(found) >= -1e-9 * (1 + found[1:])).all()


@given(st.floats(-3, 5), st.floats(-3, 5), st.floats(0.1, 500), st.floats(0, 0.99))
def test_the_hypergeometric_function_is_that_of_scipy(a: float, b: float, c: float, z: float) -> None:
    # Slightly off the whole numbers, at which scipy's function may be infinite.
    a += 1e-3 * (1 + np.sqrt(2))
    expected = float(scipy_special.hyp2f1(a, b, c, z))
    assume(np.isfinite(expected) and 1e-6 < abs(expected) < 1e12)
    assert float(hypergeometric(a, b, np.array(c), np.array(z))) == pytest.approx(expected, rel=1e-6)


def test_the_hypergeometric_function_has_its_known_values() -> None:
    z = np.array([0.0, 0.3, 0.9, 0.99])
    one = np.ones(4)
    assert hypergeometric(1, 1, 2 * one, z)[1:] == pytest.approx(-np.log1p(-z[1:]) / z[1:], rel=1e-13)
    assert hypergeometric(0.7, 3, 3 * one, z) == pytest.approx((1 - z) ** -0.7, rel=1e-13)


@given(models, st.integers(1, 50), st.floats(0, 1), st.floats(1, 1_000))
def test_longer_silence_makes_it_less_likely_to_be_a_customer(
    model: PurchaseModel, repeats: int, last: float, age: float
) -> None:
    now, later = (float(model.probability_alive(repeats, last * age, moment)) for moment in (age, 2 * age))
    assert later <= now


def test_who_bought_once_is_lost_in_one_model_alone() -> None:
    one = PurchaseModel(r=0.5, alpha=6, a=0.9, b=1.6, leaves_at_once=False)
    other = PurchaseModel(r=0.5, alpha=6, a=0.9, b=1.6, leaves_at_once=True)
    assert float(one.probability_alive(0, 0, 500)) == 1
    assert float(other.probability_alive(0, 0, 500)) < 0.2


def test_the_singular_parameter_is_passed_smoothly() -> None:
    below, at, above = (
        float(PurchaseModel(r=0.5, alpha=6, a=a, b=1.6).expected(39, 3, 20, 30)) for a in (0.9999, 1.0, 1.0001)
    )
    assert below > at > above
    assert at == pytest.approx((below + above) / 2, rel=1e-5)


@pytest.mark.parametrize("leaves_at_once", [False, True])
@pytest.mark.parametrize("customers", [0, 1, 400])
def test_nothing_fits_customers_of_whom_none_came_back(customers: int, leaves_at_once: bool) -> None:
    nothing = np.zeros(customers)
    assert fitted_purchases(nothing, nothing, nothing + 40, leaves_at_once=leaves_at_once) is None
    assert fitted_spend(nothing, nothing) is None


def test_simulated_customers_are_recognised() -> None:
    chance = np.random.default_rng(7)
    true = PurchaseModel(r=0.8, alpha=10, a=0.8, b=2.5)
    count, age = 6_000, 60.0
    repeats, recency = np.zeros(count), np.zeros(count)
    for customer in range(count):
        rate, leaving = chance.gamma(true.r, 1 / true.alpha), chance.beta(true.a, true.b)
        while chance.random() >= leaving:
            bought = recency[customer] + chance.exponential(1 / rate)
            if bought > age:
                break
            repeats[customer], recency[customer] = repeats[customer] + 1, bought
    found = fitted_purchases(repeats, recency, np.full(count, age))
    assert found is not None
    assert found.r == pytest.approx(true.r, rel=0.15)
    assert found.a / (found.a + found.b) == pytest.approx(true.a / (true.a + true.b), rel=0.15)
    assert found.expected_of_new(age) == pytest.approx(repeats.mean(), rel=0.03)


@given(st.integers(0, 100), st.floats(0.01, 1_000))
def test_expected_spend_lies_between_the_own_mean_and_that_of_all(repeats: int, mean: float) -> None:
    model = SpendModel(p=6.25, q=3.74, v=15.44)
    of_all = float(model.expected(0, 0))
    found = float(model.expected(repeats, mean))
    assert min(mean, of_all) - 1e-9 <= found <= max(mean, of_all) + 1e-9


def test_a_mean_that_does_not_exist_is_no_number() -> None:
    assert np.isnan(SpendModel(p=1, q=0.9, v=10).expected(0, 0))

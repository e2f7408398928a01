"""Predictive analytics over HTTP: exact historic values, and predictions by the fit of the account."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from eventkeep.model.predictions.orders import customers_of
from eventkeep.model.predictions.purchases import PurchaseModel
from eventkeep.testing import ServerProcess
from tests.acceptance.program import run
from tests.contract.api import iso
from tests.contract.shop import Shop
from tests.unit.model.predictions.cdnow import CALIBRATION_END, sample

DAY: Final = 86_400
START: Final = 1_718_452_800
EVENTS_AT_ONCE: Final = 1_000
NO_PREDICTIONS: Final = (
    *("predicted_clv", "total_clv", "predicted_number_of_orders", "churn_probability"),
    "expected_date_of_next_order",
)


@pytest.fixture
def shop(server: ServerProcess) -> Iterator[Shop]:
    with Shop(server, "predictions") as opened:
        yield opened


@pytest.fixture(scope="module")
def cdnow(server: ServerProcess) -> Iterator[Shop]:
    """An account with the purchases of every tenth customer at CDNOW, fitted as in the paper."""
    pytest.importorskip("scipy")
    with Shop(server, "cdnow") as opened:
        orders = sample()
        events = [
            (
                "Placed Order",
                {"external_id": str(customer)},
                {"time": iso(time), "unique_id": str(place), "value": value},
            )
            for place, (customer, time, value) in enumerate(
                zip(orders.customer.tolist(), orders.time.tolist(), orders.value.tolist(), strict=True)
            )
        ]
        for start in range(0, len(events), EVENTS_AT_ONCE):
            opened.create_many(events[start : start + EVENTS_AT_ONCE])
        options = "--account", opened.account, "--data", server.data
        fitted = run("predictions", "fit", "--until", "1997-09-30", "--model", "bg-nbd", *options)
        assert (fitted.code, fitted.errors) == (0, "")
        yield opened


def shown(shop: Shop, *options: str | Path) -> str:
    done = run("predictions", "show", "--account", shop.account, "--data", shop.server.data, *options)
    assert (done.code, done.errors) == (0, "")
    return done.output


def analytics(shop: Shop, identifier: str, value: str) -> dict[str, Any]:
    """The attribute of one profile, the same by every route that has it."""
    query = {"additional-fields[profile]": "predictive_analytics"}
    listed = shop.http.get("/api/profiles/", params={"filter": f'equals({identifier},"{value}")', **query}).json()
    (profile,) = listed["data"]
    one = shop.http.get(f"/api/profiles/{profile['id']}/", params=query).json()["data"]
    filter = {"filter": f'equals(profile_id,"{profile["id"]}")'}
    event = shop.events(**filter)[0]["id"]
    of_event = shop.call("get_event_profile", event, query=query).json()["data"]
    found: dict[str, Any] = profile["attributes"]["predictive_analytics"]
    assert one["attributes"]["predictive_analytics"] == of_event["attributes"]["predictive_analytics"] == found
    return found


def test_the_published_figures_come_out(cdnow: Shop) -> None:
    told = dict(
        line.split(maxsplit=1) for line in shown(cdnow).splitlines() if line[:6].strip() in ("r", "alpha", "model")
    )
    assert told == {"model": "BG/NBD", "r": "0.243", "alpha": "4.414 weeks"}
    lines = shown(cdnow).splitlines()
    assert "until           1997-09-30" in lines
    assert "customers       2357" in lines
    assert "a, b            0.793, 2.426" in lines
    assert "log likelihood  -9582.4" in lines
    assert "p, q, v         6.25, 3.74, 15.44" in lines


def test_the_orders_after_the_fit_are_compared_and_drawn(cdnow: Shop, tmp_path: Path) -> None:
    plot = tmp_path / "tracking.svg"
    tracking = json.loads(shown(cdnow, "--json", "--plot", plot))["tracking"]
    assert (tracking["customers"], tracking["actual"]) == (2_357, 1_882)
    assert round(tracking["expected"]) == 1_653
    assert plot.read_text(encoding="utf-8").startswith("<svg ")


def test_a_customer_has_exact_values_and_what_the_models_predict(cdnow: Shop) -> None:
    fit = json.loads(shown(cdnow, "--json"))["fit"]["fit"]
    model = PurchaseModel(**fit["purchases"])
    known = customers_of(sample(), CALIBRATION_END)
    place = int(np.flatnonzero(known.repeats >= 2)[0])
    number = int(known.number[place])
    own = sample().take(sample().customer == number)
    found = analytics(cdnow, "external_id", str(number))
    assert found["historic_number_of_orders"] == len(own)
    assert found["historic_clv"] == pytest.approx(float(own.value.sum()))
    assert found["average_order_value"] == pytest.approx(float(own.value.mean()))
    history = known.repeats[place], known.recency[place], known.age[place]
    assert found["predicted_number_of_orders"] == pytest.approx(float(model.expected(365, *history)), abs=1e-5)
    assert found["churn_probability"] == pytest.approx(1 - float(model.probability_alive(*history)), abs=1e-5)
    assert found["total_clv"] == pytest.approx(found["historic_clv"] + found["predicted_clv"])


def test_without_a_fit_historic_values_are_exact_and_the_others_null(shop: Shop) -> None:
    for place, (day, value) in enumerate([(0, 10.5), (10, 20), (30, 7)]):
        shop.create("Placed Order", time=iso(START + day * DAY), value=value, properties={"OrderId": f"o{place}"})
    shop.create("Viewed Product", time=iso(START), value=99)
    found = analytics(shop, "email", "ada@shop.example")
    assert found["historic_number_of_orders"] == 3
    assert (found["historic_clv"], found["average_order_value"]) == (37.5, 12.5)
    assert found["average_days_between_orders"] == 15
    assert {found[name] for name in NO_PREDICTIONS} == {None}


def test_refunds_and_cancellations_reduce(shop: Shop) -> None:
    for place, value in enumerate([10, 20, 30]):
        shop.create("Placed Order", time=iso(START + place * DAY), value=value, properties={"OrderId": f"o{place}"})
    shop.create("Refunded Order", time=iso(START + 9 * DAY), value=4, properties={"OrderId": "o1"})
    shop.create("Cancelled Order", time=iso(START + 10 * DAY), properties={"OrderId": "o0"})
    found = analytics(shop, "email", "ada@shop.example")
    assert (found["historic_number_of_orders"], found["historic_clv"]) == (2, 46)


def test_a_profile_without_orders_has_nulls(shop: Shop) -> None:
    shop.create("Viewed Product")
    assert set(analytics(shop, "email", "ada@shop.example").values()) == {None}


def test_the_metric_of_orders_is_a_setting(shop: Shop) -> None:
    shop.create("Bestellung", time=iso(START), value=5)
    assert analytics(shop, "email", "ada@shop.example")["historic_clv"] is None
    options = "--account", shop.account, "--data", shop.server.data
    assert run("predictions", "set", "--orders", "Bestellung", "--returns", "", *options).code == 0
    assert analytics(shop, "email", "ada@shop.example")["historic_clv"] == 5


def test_too_few_orders_are_not_fitted(shop: Shop) -> None:
    options = "--account", shop.account, "--data", shop.server.data
    refused = run("predictions", "fit", *options)
    assert refused.code != 0 and "has no orders yet" in refused.errors
    shop.create("Placed Order", time=iso(START), value=5)
    done = run("predictions", "fit", *options)
    assert done.code == 0
    assert done.output.startswith(
        "There is not enough to predict from:\n  customers with an order of a value above zero: 1"
    )
    assert "There is not enough" in shown(shop)

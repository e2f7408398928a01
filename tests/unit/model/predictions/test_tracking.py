"""The comparison of a fit with later purchases, and its plot."""

from __future__ import annotations

import functools
import xml.etree.ElementTree as ET

import msgspec
import numpy as np
import pytest

from eventkeep.model.predictions.orders import DAY_SECONDS, Orders
from eventkeep.model.predictions.plot import HEIGHT, WIDTH, tick_step, tracking_plot
from eventkeep.model.predictions.tracking import Tracking, tracked
from tests.unit.model.predictions.cdnow import CALIBRATION_END, END, sample

pytest.importorskip("scipy")

SVG = "{http://www.w3.org/2000/svg}"


@functools.cache
def tracking() -> Tracking:
    found = tracked(sample(), CALIBRATION_END, END)
    assert found is not None
    return found


def test_the_actual_purchases_are_those_of_the_file() -> None:
    pairs = {
        (int(customer), int(time) // DAY_SECONDS)
        for customer, time in zip(sample().customer, sample().time, strict=True)
    }
    first: dict[int, int] = {}
    for customer, day in sorted(pairs):
        first.setdefault(customer, day)
    repeats = sorted(day for customer, day in pairs if day > first[customer])
    start = min(first.values())
    for week in tracking().weeks:
        end = start + 7 * week.number
        assert week.actual_so_far == sum(day < end for day in repeats)
        assert week.actual == sum(end - 7 <= day < end for day in repeats)
    assert tracking().actual == sum(day > CALIBRATION_END // DAY_SECONDS for day in repeats)


def test_the_expected_purchases_are_the_sum_over_customers() -> None:
    births: dict[int, int] = {}
    for customer, time in zip(sample().customer.tolist(), sample().time.tolist(), strict=True):
        births[customer] = min(births.get(customer, time), time)
    first = np.array(list(births.values())) // DAY_SECONDS
    week = tracking().weeks[29]
    ages = first.min() + 7 * week.number - 1 - first
    assert week.expected_so_far == pytest.approx(float(tracking().model.expected_of_new(np.maximum(ages, 0)).sum()))
    assert week.expected == pytest.approx(week.expected_so_far - tracking().weeks[28].expected_so_far)


def test_the_model_foretells_better_than_the_rate_of_before() -> None:
    assert tracking().mean_error < tracking().naive_error
    assert abs(tracking().error) < 0.2
    assert sum(group.customers for group in tracking().groups) == tracking().customers == 2_357


def test_nothing_is_tracked_if_nobody_came_back() -> None:
    assert tracked(Orders.of([1, 2], [0, 0], [1.0, 1.0]), 100 * DAY_SECONDS, 200 * DAY_SECONDS) is None


def test_the_drawing_is_svg_with_both_curves() -> None:
    root = ET.fromstring(tracking_plot(tracking()))
    assert root.tag == f"{SVG}svg"
    curves = root.findall(f"{SVG}polyline")
    assert [len(curve.attrib["points"].split()) for curve in curves] == [len(tracking().weeks)] * 4
    for curve in curves:
        for point in curve.attrib["points"].split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= WIDTH and 0 <= y <= HEIGHT
    texts = [text.text for text in root.findall(f"{SVG}text")]
    assert {"expected", "actual", "Repeat purchases so far", "Repeat purchases per week"} <= set(texts)


def test_a_history_without_a_week_can_not_be_drawn() -> None:
    with pytest.raises(ValueError, match="no whole week"):
        tracking_plot(msgspec.structs.replace(tracking(), weeks=[]))


@pytest.mark.parametrize(("most", "step"), [(1, 0.2), (5, 1), (7, 2), (78, 20), (4_339, 1_000), (0.03, 0.01)])
def test_ticks_are_round(most: float, step: float) -> None:
    assert tick_step(most) == pytest.approx(step)

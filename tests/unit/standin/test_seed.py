"""Seed files: three formats, relative times, generated customers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from eventkeep.errors import ConfigurationError
from eventkeep.standin.seed import FunnelStep, Generate, SeedAccount, SeedEvent, events_of, generated, parse_seed

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TOML = b"""
[[accounts]]
name = "shop"
keys = [{ key = "pk_0123456789abcdefghij" }]
events = [{ metric = "Placed Order", profile = { email = "ada@shop.example" }, time = "-2d", value = 3.5 }]
[accounts.generate]
customers = 3
funnel = [{ metric = "Viewed Product", per_customer = 4 }]
"""
JSON = (
    b'{"accounts": [{"name": "shop", "keys": [{"key": "pk_0123456789abcdefghij"}], "events": [{"metric":'
    b' "Placed Order", "profile": {"email": "ada@shop.example"}, "time": "-2d", "value": 3.5}],'
    b' "generate": {"customers": 3, "funnel": [{"metric": "Viewed Product", "per_customer": 4}]}}]}'
)


def test_toml_and_json_mean_the_same() -> None:
    assert parse_seed(TOML, "seed.toml") == parse_seed(JSON, "seed.json")


def test_yaml_means_the_same() -> None:
    pytest.importorskip("yaml")
    assert parse_seed(JSON, "seed.yaml") == parse_seed(JSON, "seed.json")


@pytest.mark.parametrize(
    ("content", "name", "named"),
    [
        (b"accounts = 3", "seed.toml", "accounts"),
        (b'{"accounts": [{"name": "a", "colour": 1}]}', "seed.json", "colour"),
        (b'{"accounts": [{"keys": [{"key": "secret"}]}]}', "seed.json", "key"),
        (b'{"accounts": []}', "seed.json", "accounts"),
        (b"{}", "seed.ini", "expected a file"),
        (b"\xff", "seed.json", "seed.json"),
    ],
)
def test_faults_are_named(content: bytes, name: str, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        parse_seed(content, name)


def test_relative_times_count_from_the_clock() -> None:
    account = parse_seed(TOML, "seed.toml").accounts[0]
    first = next(iter(events_of(account, NOW)))
    assert (first.time, first.unique_id) == ("2026-05-30T12:00:00+00:00", "seed-shop-0")


def test_a_wrong_time_is_named() -> None:
    account = SeedAccount(events=(SeedEvent("A", {"email": "a@shop.example"}, time="soon"),))
    with pytest.raises(ConfigurationError, match=r"accounts\.default\.events\.0\.time.*'soon'"):
        list(events_of(account, NOW))


def test_generated_events_are_the_same_each_time_and_end_at_the_clock() -> None:
    funnel = (FunnelStep("Viewed Product", per_customer=5), FunnelStep("Placed Order", share=0.4, value=(5, 50)))
    plan = Generate(customers=200, funnel=funnel, days=30, seed=7)
    first, second = list(generated(plan, NOW)), list(generated(plan, NOW))
    assert first == second
    assert len({event.unique_id for event in first}) == len(first)
    assert max(event.time for event in first) <= NOW.isoformat()
    buyers = {event.profile["email"] for event in first if event.metric == "Placed Order"}
    assert 50 < len(buyers) < 110
    assert all(5 <= (event.value or 0) <= 50 for event in first if event.metric == "Placed Order")


def test_more_customers_do_not_change_the_first_ones() -> None:
    few, many = (
        list(generated(Generate(customers=count, funnel=(FunnelStep("A", per_customer=3),)), NOW)) for count in (5, 50)
    )
    assert many[: len(few)] == few

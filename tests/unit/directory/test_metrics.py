"""Metrics: one per account, name and service, made on first use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from eventkeep.directory import Directory, metrics
from eventkeep.model.metric import Metric
from tests.unit.directory.held import HeldClock

NOW_US = 1_700_000_000_000_000


def resolve(directory: Directory, *names: tuple[int, str, str], now_us: int = NOW_US) -> list[Metric]:
    with directory.transaction() as transaction:
        resolved = directory.metrics.resolve(names, now_us, transaction)
    assert not resolved.refused
    return [resolved.found[name] for name in names]


def test_metric_is_made_on_first_use_and_found_after(directory: Directory) -> None:
    (made,) = resolve(directory, (1, "Placed Order", "api"))
    assert re.fullmatch(r"[0-9A-Za-z]{6}", made.id)
    assert (made.account, made.name, made.service) == (1, "Placed Order", "api")
    assert (made.has_value, made.created, made.updated) == (False, NOW_US, NOW_US)
    assert resolve(directory, (1, "Placed Order", "api"), now_us=NOW_US + 1) == [made]


def test_metrics_are_the_same_after_reopening(folder: Path) -> None:
    names = [(1, f"Metric {number}", "api") for number in range(1_000)]
    with Directory.open(folder) as directory:
        made = resolve(directory, *names)
    with Directory.open(folder) as directory:
        assert resolve(directory, *names) == made
        assert directory.metrics.by_numbers(1, [each.number for each in made]) == {each.number: each for each in made}


def test_service_and_account_make_another_metric(directory: Directory) -> None:
    shop = directory.accounts.create("shop").number
    made = resolve(directory, (1, "A", "api"), (1, "A", "shopify"), (1, "a", "api"), (shop, "A", "api"))
    assert len({each.number for each in made}) == 4
    assert made[0].integration_id == made[2].integration_id == made[3].integration_id != made[1].integration_id


def test_integration_id_of_a_service_never_changes() -> None:
    assert metrics.integration_id("api") == "fWymax"
    assert len({metrics.integration_id(f"service {number}") for number in range(1_000)}) == 1_000


def test_metrics_of_a_failed_transaction_do_not_exist(directory: Directory) -> None:
    with pytest.raises(RuntimeError), directory.transaction() as transaction:
        gone = directory.metrics.resolve([(1, "Gone", "api")], NOW_US, transaction).found[1, "Gone", "api"]
        raise RuntimeError
    assert directory.metrics.list(1) == []
    assert directory.metrics.by_numbers(1, [gone.number]) == {}
    (made,) = resolve(directory, (1, "Gone", "api"))
    assert directory.metrics.list(1) == [made]


def test_metric_made_in_a_transaction_is_found_again_in_it(directory: Directory) -> None:
    with directory.transaction() as transaction:
        first = directory.metrics.resolve([(1, "A", "api")], NOW_US, transaction).found
        assert directory.metrics.resolve([(1, "A", "api")], NOW_US, transaction).found == first


def test_first_value_is_noted_once(directory: Directory, folder: Path) -> None:
    plain, valued = resolve(directory, (1, "Viewed", "api"), (1, "Ordered", "api"))
    for later in (NOW_US + 1, NOW_US + 2):
        with directory.transaction() as transaction:
            (current,) = directory.metrics.resolve([(1, "Ordered", "api")], later, transaction).found.values()
            directory.metrics.mark_has_value([current], later, transaction)
    found = directory.metrics.by_numbers(1, [plain.number, valued.number])
    assert (found[plain.number].has_value, found[plain.number].updated) == (False, NOW_US)
    assert (found[valued.number].has_value, found[valued.number].updated) == (True, NOW_US + 1)
    with Directory.open(folder) as other:
        assert other.metrics.by_numbers(1, list(found)) == found


def test_first_value_of_a_failed_transaction_is_not_noted(directory: Directory) -> None:
    (made,) = resolve(directory, (1, "A", "api"))
    with pytest.raises(RuntimeError), directory.transaction() as transaction:
        directory.metrics.mark_has_value([made], NOW_US + 1, transaction)
        raise RuntimeError
    assert directory.metrics.by_numbers(1, [made.number]) == {made.number: made}
    assert resolve(directory, (1, "A", "api")) == [made]


def test_metrics_over_the_limit_are_refused_by_name(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "METRICS_PER_ACCOUNT_MAX", 3)
    shop = directory.accounts.create("shop").number
    resolve(directory, (1, "A", "api"), (1, "B", "api"))
    wanted = [(1, "A", "api"), (1, "C", "api"), (1, "D", "api"), (shop, "A", "api")]
    with directory.transaction() as transaction:
        resolved = directory.metrics.resolve(wanted, NOW_US, transaction)
    assert resolved.refused == {(1, "D", "api")}
    assert set(resolved.found) == {(1, "A", "api"), (1, "C", "api"), (shop, "A", "api")}
    assert [each.name for each in directory.metrics.list(1)] == ["A", "B", "C"]


def test_metrics_of_another_account_are_never_given(directory: Directory) -> None:
    shop = directory.accounts.create("shop").number
    (mine,) = resolve(directory, (1, "A", "api"))
    assert directory.metrics.by_numbers(shop, [mine.number]) == {}
    assert directory.metrics.find_id(shop, mine.id) is None
    assert directory.metrics.list(shop) == []
    assert directory.metrics.find_id(1, mine.id) == mine
    assert directory.metrics.count(shop) == 0


def test_metrics_are_listed_page_by_page(directory: Directory, clock: HeldClock) -> None:
    made = resolve(directory, *[(1, f"Metric {number}", "api") for number in range(25)])
    pages, after = [], 0
    while page := directory.metrics.list(1, after, 10):
        pages.append(page)
        after = page[-1].number
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [each for page in pages for each in page] == made
    assert directory.metrics.count(1) == 25

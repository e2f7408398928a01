"""Metrics: one per account, name and service, made on first use."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from eventkeep.directory import Directory, Pending, metrics
from eventkeep.directory.metrics import metric_changes
from eventkeep.model.metric import Metric
from tests.unit.directory.held import HeldClock, create_account, keep, open_directory

NOW_US = 1_700_000_000_000_000


def resolve(directory: Directory, *names: tuple[int, str, str], now_us: int = NOW_US) -> list[Metric]:
    pending = Pending()
    resolved = directory.metrics.resolve(names, now_us, pending)
    assert not resolved.refused
    keep(directory, metric_changes(pending), pending)
    return [resolved.found[name] for name in names]


def test_metric_is_made_on_first_use_and_found_after(directory: Directory) -> None:
    (made,) = resolve(directory, (1, "Placed Order", "api"))
    assert re.fullmatch(r"[0-9A-Za-z]{6}", made.id)
    assert (made.account, made.name, made.service) == (1, "Placed Order", "api")
    assert (made.has_value, made.created, made.updated) == (False, NOW_US, NOW_US)
    assert resolve(directory, (1, "Placed Order", "api"), now_us=NOW_US + 1) == [made]


def test_metrics_are_the_same_after_reopening(folder: Path) -> None:
    names = [(1, f"Metric {number}", "api") for number in range(1_000)]
    with open_directory(folder) as directory:
        made = resolve(directory, *names)
    with open_directory(folder) as directory:
        assert resolve(directory, *names) == made
        assert directory.metrics.by_numbers(1, [each.number for each in made]) == {each.number: each for each in made}


def test_service_and_account_make_another_metric(directory: Directory) -> None:
    shop = create_account(directory, "shop").number
    made = resolve(directory, (1, "A", "api"), (1, "A", "shopify"), (1, "a", "api"), (shop, "A", "api"))
    assert len({(each.account, each.number) for each in made}) == 4
    assert made[0].integration_id == made[2].integration_id == made[3].integration_id != made[1].integration_id


def test_integration_id_of_a_service_never_changes() -> None:
    assert metrics.integration_id("api") == "fWymax"
    assert len({metrics.integration_id(f"service {number}") for number in range(1_000)}) == 1_000


def test_metrics_of_a_commit_that_was_not_kept_do_not_exist(directory: Directory) -> None:
    gone = directory.metrics.resolve([(1, "Gone", "api")], NOW_US, Pending()).found[1, "Gone", "api"]
    assert directory.metrics.list(1) == []
    assert directory.metrics.by_numbers(1, [gone.number]) == {}
    (made,) = resolve(directory, (1, "Gone", "api"))
    assert directory.metrics.list(1) == [made]


def test_metric_of_a_pending_commit_is_found_again(directory: Directory) -> None:
    pending = Pending()
    first = directory.metrics.resolve([(1, "A", "api")], NOW_US, pending).found
    assert directory.metrics.resolve([(1, "A", "api")], NOW_US, pending).found == first
    later = Pending(pending)
    assert directory.metrics.resolve([(1, "A", "api")], NOW_US, later).found == first
    assert later.metrics == {}


def test_first_value_is_noted_once(directory: Directory) -> None:
    plain, valued = resolve(directory, (1, "Viewed", "api"), (1, "Ordered", "api"))
    for later in (NOW_US + 1, NOW_US + 2):
        pending = Pending()
        (current,) = directory.metrics.resolve([(1, "Ordered", "api")], later, pending).found.values()
        directory.metrics.mark_has_value([current], later, pending)
        keep(directory, metric_changes(pending), pending)
    found = directory.metrics.by_numbers(1, [plain.number, valued.number])
    assert (found[plain.number].has_value, found[plain.number].updated) == (False, NOW_US)
    assert (found[valued.number].has_value, found[valued.number].updated) == (True, NOW_US + 1)
    assert [each.has_value for each in directory.metrics.list(1)] == [False, True]


def test_first_value_of_a_commit_that_was_not_kept_is_not_noted(directory: Directory) -> None:
    (made,) = resolve(directory, (1, "A", "api"))
    directory.metrics.mark_has_value([made], NOW_US + 1, Pending())
    assert directory.metrics.by_numbers(1, [made.number]) == {made.number: made}
    assert resolve(directory, (1, "A", "api")) == [made]


def test_metrics_over_the_limit_are_refused_by_name(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "METRICS_PER_ACCOUNT_MAX", 3)
    shop = create_account(directory, "shop").number
    resolve(directory, (1, "A", "api"), (1, "B", "api"))
    wanted = [(1, "A", "api"), (1, "C", "api"), (1, "D", "api"), (shop, "A", "api")]
    pending = Pending()
    resolved = directory.metrics.resolve(wanted, NOW_US, pending)
    keep(directory, metric_changes(pending), pending)
    assert resolved.refused == {(1, "D", "api")}
    assert set(resolved.found) == {(1, "A", "api"), (1, "C", "api"), (shop, "A", "api")}
    assert [each.name for each in directory.metrics.list(1)] == ["A", "B", "C"]


def test_metrics_of_another_account_are_never_given(directory: Directory) -> None:
    shop = create_account(directory, "shop").number
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

from __future__ import annotations

import datetime

import pytest

from eventkeep.errors import Gone, InvalidRequest, NotFound
from eventkeep.protocol.operations import OPERATIONS
from eventkeep.protocol.revisions import REVISIONS, Revision, resolve_revision

TODAY = datetime.date(2026, 11, 23)
BY_DATE = {revision.date: revision for revision in REVISIONS}


def test_revisions_stand_in_the_order_of_their_dates() -> None:
    dates = [revision.date for revision in REVISIONS]
    assert dates == sorted(set(dates))
    assert (dates[0], dates[-1], len(dates)) == ("2023-07-15", "2026-10-15", 18)


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: revision.date)
def test_every_revision_resolves_to_itself(revision: Revision) -> None:
    assert resolve_revision(revision.date, "2023-07-15", TODAY) is revision
    assert resolve_revision(f" {revision.date} ", "2023-07-15", TODAY) is revision


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "2024-02-15"),
        ("2023-07-16", "2023-07-15"),
        ("2024-06-14", "2024-05-15"),
        ("2024-06-16", "2024-06-15"),
        ("2026-10-14", "2026-07-15"),
        ("2026-11-23", "2026-10-15"),
        ("2026-07-15.pre", "2026-07-15"),
        ("2024-06-14.pre", "2024-05-15"),
        ("2023-07-14", "2023-07-15"),
        ("2021-01-01.x", "2023-07-15"),
    ],
)
def test_a_date_picks_the_newest_revision_not_after_it(header: str | None, expected: str) -> None:
    assert resolve_revision(header, "2024-02-15", TODAY).date == expected


@pytest.mark.parametrize(
    "header",
    [
        "",
        "yesterday",
        "2024-6-15",
        "2024-02-30",
        "20240615",
        "2024-06-15.",
        "2024-06-15.a.b",
        "2024-06-15pre",
        "\u0662024-06-15",
    ],
)
def test_invalid_dates(header: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        resolve_revision(header, "2023-07-15", TODAY)
    assert refused.value.faults[0].parameter == "revision"
    assert "expected a revision like 2026-10-15" in refused.value.faults[0].detail


@pytest.mark.parametrize("header", ["2026-11-24", "9999-12-31"])
def test_the_future_is_not_found(header: str) -> None:
    with pytest.raises(NotFound, match="Unable to specify a future revision date"):
        resolve_revision(header, "2023-07-15", TODAY)


def test_a_known_revision_may_lie_in_the_future_too() -> None:
    with pytest.raises(NotFound, match="future"):
        resolve_revision("2026-07-15", "2023-07-15", datetime.date(2026, 7, 14))


def test_before_the_first_revision_is_gone_for_those_who_opt_out() -> None:
    with pytest.raises(Gone, match="the oldest one here is 2023-07-15"):
        resolve_revision("2023-07-14", "2023-07-15", TODAY, falls_forward=False)
    assert resolve_revision("2023-07-16", "2023-07-15", TODAY, falls_forward=False).date == "2023-07-15"


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: revision.date)
def test_bulk_creates_exist_from_2024_05_15_on(revision: Revision) -> None:
    others = {name for name, operation in OPERATIONS.items() if operation.since == "2023-07-15"}
    assert len(others) > 10
    assert {revision.operation(name).name for name in others} == others
    if revision.date >= "2024-05-15":
        assert revision.operation("bulk_create_events").path == "/api/event-bulk-create-jobs/"
    else:
        with pytest.raises(NotFound, match="it does from 2024-05-15 on"):
            revision.operation("bulk_create_events")


@pytest.mark.parametrize(
    ("date", "name", "before", "after"),
    [
        ("2024-02-15", "has_nulls", False, True),
        ("2024-07-15", "related_is_collection", False, True),
        ("2024-10-15", "related_is_collection", True, False),
        ("2024-10-15", "media_type", "application/json", "application/vnd.api+json"),
        ("2026-01-15", "has_page_size", False, True),
        ("2023-12-15", "lists_have_data", True, False),
        ("2024-07-15", "has_flow_triggers", False, True),
        ("2025-04-15", "properties_max", 300, 400),
        ("2026-07-15", "event_year_min", 2000, 1990),
        ("2026-10-15", "create_event_meta", ("attributes",), ("profile",)),
    ],
)
def test_changes_by_revision(date: str, name: str, before: object, after: object) -> None:
    place = [revision.date for revision in REVISIONS].index(date)
    assert (getattr(REVISIONS[place - 1], name), getattr(REVISIONS[place], name)) == (before, after)


@pytest.mark.parametrize(
    ("date", "name", "field"),
    [
        ("2023-09-15", "profile_fields", "location.ip"),
        ("2024-05-15", "profile_fields", "locale"),
        ("2025-04-15", "profile_fields", "anonymous_id"),
        ("2023-09-15", "create_profile_attributes", "_kx"),
        ("2024-07-15", "create_profile_attributes", "locale"),
        ("2024-02-15", "create_event_attributes", "value_currency"),
        ("2026-04-15", "create_event_attributes", "backfill"),
        ("2024-02-15", "includes", "attributions"),
        ("2026-04-15", "filters", "metric"),
        ("2023-10-15", "additional_fields", "subscriptions"),
    ],
)
def test_additions_by_revision(date: str, name: str, field: str) -> None:
    assert next(revision.date for revision in REVISIONS if field in getattr(revision, name)) == date
    assert field in getattr(BY_DATE["2026-07-15"], name)


def test_the_next_revision_is_one_call() -> None:
    newest = REVISIONS[-1]
    following = newest.followed_by("2027-01-15", has_page_size=False)
    assert (following.date, following.has_page_size) == ("2027-01-15", False)
    assert following.profile_fields == newest.profile_fields

"""The journal of requests: bounded, filtered, without keys; and explanations of near misses."""

from __future__ import annotations

from typing import Any

from eventkeep.limits import JOURNAL_BODY_BYTES_MAX, JOURNAL_ENTRIES_MAX
from eventkeep.standin.journal import Journal, kept_body, kept_headers, near_miss

KEY = "pk_0123456789abcdefghijklmnop"


def entry(**changes: Any) -> dict[str, Any]:
    values = {"time": 1.0, "operation": "create_event", "method": "POST", "path": "/api/events/"}
    return {**values, "headers": {}, "body": "", "status": 202, **changes}


def test_no_key_is_kept() -> None:
    headers = kept_headers({"Authorization": f"Klaviyo-API-Key {KEY}", "Cookie": "session=1", "revision": "2024-06-15"})
    assert headers == {"Authorization": "Klaviyo-API-Key pk_0123***", "Cookie": "***", "revision": "2024-06-15"}
    assert KEY not in kept_body(f'{{"key": "{KEY}"}}'.encode())


def test_bodies_are_cut() -> None:
    assert len(kept_body(b"x" * (JOURNAL_BODY_BYTES_MAX + 5))) == JOURNAL_BODY_BYTES_MAX


def test_the_newest_entries_stay() -> None:
    journal = Journal()
    for _ in range(JOURNAL_ENTRIES_MAX + 3):
        journal.add(**entry())
    listed = journal.listed()
    assert (len(listed), listed[0].number) == (JOURNAL_ENTRIES_MAX, 4)
    journal.clear()
    assert journal.listed() == []


def test_entries_are_filtered() -> None:
    journal = Journal()
    journal.add(**entry())
    journal.add(**entry(operation="get_event", status=404))
    assert [each.number for each in journal.listed(operation="get_event")] == [2]
    assert [each.number for each in journal.listed(status=202)] == [1]
    assert [each.number for each in journal.listed(after=1)] == [2]


def test_the_closest_event_is_explained() -> None:
    events: list[dict[str, Any]] = [
        {"metric": "Viewed Product", "value": None},
        {"metric": "Placed Order", "value": 41.0},
        {"metric": "Other", "value": 1.0},
    ]
    miss = near_miss({"metric": "Placed Order", "value": 42.5}, events)
    assert miss.closest == events[1]
    assert str(miss) == "the closest event differs: value is 41.0, not 42.5"
    assert str(near_miss({"metric": "A"}, [])) == "no event was received"

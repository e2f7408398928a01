from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.errors import RowRefused
from eventkeep.importer.mapping import MappedRow
from eventkeep.importer.packing import BulkRequest, pack
from eventkeep.limits import BODY_BYTES_MAX, BULK_EVENTS_MAX


def mapped(number: int, identifier: str, first_name: str = "", padding: int = 0) -> MappedRow:
    profile = {"external_id": identifier, "first_name": first_name}
    return MappedRow(
        number,
        msgspec.json.encode(identifier),
        msgspec.json.encode({"type": "profile", "attributes": profile}),
        msgspec.json.encode({"type": "event", "attributes": {"unique_id": str(number), "padding": "x" * padding}}),
    )


def groups(request: BulkRequest) -> list[tuple[dict[str, Any], list[int]]]:
    """The profiles of a request's body, each with the row numbers of its events."""
    document = msgspec.json.decode(request.body)
    return [
        (
            item["attributes"]["profile"]["data"]["attributes"],
            [int(event["attributes"]["unique_id"]) for event in item["attributes"]["events"]["data"]],
        )
        for item in document["data"]["attributes"]["events-bulk-create"]["data"]
    ]


def test_events_of_one_profile_stand_together() -> None:
    (request,) = pack([mapped(1, "a"), mapped(2, "b"), mapped(3, "a")])
    assert [(profile["external_id"], rows) for profile, rows in groups(request)] == [("a", [1, 3]), ("b", [2])]
    assert request.rows == [[1, 3], [2]]


def test_profile_that_changes_is_written_again_in_the_order_of_the_rows() -> None:
    (request,) = pack([mapped(1, "a", "x"), mapped(2, "a", "y"), mapped(3, "a", "x")])
    assert [profile["first_name"] for profile, _ in groups(request)] == ["x", "y", "x"]


def test_requests_are_filled_to_the_limit_of_events() -> None:
    requests = list(pack(mapped(number, "a") for number in range(2 * BULK_EVENTS_MAX + 1)))
    assert [request.event_count for request in requests] == [BULK_EVENTS_MAX, BULK_EVENTS_MAX, 1]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 900_000)), max_size=20))
def test_requests_are_never_larger_than_allowed_and_hold_every_row_once(rows: list[tuple[str, int]]) -> None:
    requests = list(pack(mapped(number, name, padding=padding) for number, (name, padding) in enumerate(rows)))
    assert all(len(request.body) <= BODY_BYTES_MAX for request in requests)
    found = [number for request in requests for _, numbers in groups(request) for number in numbers]
    assert sorted(found) == list(range(len(rows)))
    # As full as possible: two neighbours would not have fitted into one request.
    for first, second in itertools.pairwise(requests):
        assert len(first.body) + len(second.body) > BODY_BYTES_MAX - 1_000_000


def test_row_that_no_request_can_hold_is_refused() -> None:
    with pytest.raises(RowRefused, match="row 2: the event is larger"):
        list(pack([mapped(1, "a"), mapped(2, "a", padding=BODY_BYTES_MAX)]))

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventkeep.client.drafts import BatchedEvent
from eventkeep.client.packing import Packing, packed, single_event_bytes
from eventkeep.limits import BODY_BYTES_MAX, BULK_EVENTS_MAX
from eventkeep.protocol.creates.documents import BulkCreate
from eventkeep.protocol.creates.parser import parse_bulk_create
from eventkeep.protocol.revisions import REVISIONS
from tests.submitted import unique_ids
from tests.unit.client.made_events import made_event

ADA, GRACE = {"email": "ada@shop.example"}, {"external_id": "grace"}
DATA = "/data/attributes/events-bulk-create/data"


def contents(packing: Packing[BatchedEvent]) -> list[tuple[dict[str, Any], list[str]]]:
    """Each item of the request: its profile's attributes, and its events by their unique ids."""
    job = msgspec.json.decode(packing.body(), type=BulkCreate)
    document = msgspec.json.decode(packing.body())
    items = document["data"]["attributes"]["events-bulk-create"]["data"]
    assert len(job.data.attributes.items.data) == len(items)
    return [
        (
            item["attributes"]["profile"]["data"]["attributes"],
            [event["attributes"]["unique_id"] for event in item["attributes"]["events"]["data"]],
        )
        for item in items
    ]


def test_events_are_grouped_by_profile() -> None:
    packing = packed([made_event(1, ADA), made_event(2, GRACE), made_event(3, ADA)])
    assert contents(packing) == [(ADA, ["1", "3"]), (GRACE, ["2"])]


def test_changes_of_a_profile_keep_their_order() -> None:
    first, second = ADA | {"title": "Countess"}, ADA | {"title": "Lady"}
    packing = packed([made_event(1, first), made_event(2, second), made_event(3, first)])
    assert contents(packing) == [(first, ["1"]), (second, ["2"]), (first, ["3"])]


def test_request_is_full_at_its_number_of_events() -> None:
    packing: Packing[BatchedEvent] = Packing()
    taken = [packing.add(made_event(number)) for number in range(BULK_EVENTS_MAX + 1)]
    assert taken == [True] * BULK_EVENTS_MAX + [False]
    assert len(packing) == len(packing.events()) == BULK_EVENTS_MAX


def test_request_is_full_at_its_number_of_bytes() -> None:
    packing: Packing[BatchedEvent] = Packing()
    number = 0
    while packing.add(made_event(number, {"external_id": f"c{number % 7}"}, text="x" * 60_000)):
        number += 1
    assert len(packing) == number < BULK_EVENTS_MAX
    assert BODY_BYTES_MAX - 70_000 < len(packing.body()) <= BODY_BYTES_MAX


def test_size_of_a_single_event_is_exact_enough() -> None:
    event = made_event(1, text="ü" * 100)
    assert 0 <= single_event_bytes(event) - len(packed([event]).body()) <= 2


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=40))
def test_every_event_is_in_the_request_once_and_the_server_reads_it(choices: list[tuple[int, int]]) -> None:
    events = [
        made_event(number, {"external_id": f"c{who}", "title": f"t{title}"})
        for number, (who, title) in enumerate(choices)
    ]
    packing = packed(events)
    assert packing.events() == events
    submission = parse_bulk_create(packing.body(), REVISIONS[-1], 1_718_452_800)
    assert sorted(unique_ids(submission), key=int) == [event.unique_id for event in events]


@pytest.mark.parametrize(
    ("pointer", "unique_ids"),
    [
        (f"{DATA}/0/attributes/events/data/1/attributes/time", ["3"]),
        (f"{DATA}/0/attributes/profile/data/attributes/email", ["1", "3"]),
        (f"{DATA}/1/attributes/events/data/0", ["2"]),
        (f"{DATA}/1/attributes/events/data/5", []),
        (f"{DATA}/2/attributes/events/data/0", []),
        ("/data/attributes", []),
        ("", []),
    ],
)
def test_pointer_names_the_events_that_it_is_about(pointer: str, unique_ids: list[str]) -> None:
    packing = packed([made_event(1, ADA), made_event(2, GRACE), made_event(3, ADA)])
    assert [event.unique_id for event in packing.events_at(pointer)] == unique_ids

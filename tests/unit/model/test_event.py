from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.model.event import PUBLIC_ID_CHARACTERS, event_uuid, parse_public_id, public_id

TIMES = st.integers(0, 2**32 - 1)
IDS = st.integers(0, 2**64 - 1)
PLACES = st.tuples(TIMES, IDS)


@given(PLACES)
def test_a_public_id_leads_back_to_time_and_id(place: tuple[int, int]) -> None:
    text = public_id(*place)
    assert len(text) == PUBLIC_ID_CHARACTERS
    assert text.isalnum()
    assert parse_public_id(text) == place


@given(PLACES, PLACES)
def test_public_ids_sort_as_events_do(one: tuple[int, int], other: tuple[int, int]) -> None:
    assert (public_id(*one) < public_id(*other)) == (one < other)


@given(st.text(max_size=20))
def test_invalid_public_ids_are_detected(text: str) -> None:
    found = parse_public_id(text)
    assert found is None or public_id(*found) == text


@pytest.mark.parametrize(
    "text", ["", "NOPE01", "z" * 17, "0" * 16, "0" * 18, "0" * 16 + "-", "0" * 16 + "é", "0" * 17 + "\n"]
)
def test_malformed_ids_are_none(text: str) -> None:
    assert parse_public_id(text) is None


@given(TIMES, IDS)
def test_uuids_are_of_version_1_and_hold_the_events_second(time: int, id: int) -> None:
    made = uuid.UUID(event_uuid(time, id))
    assert (made.version, made.clock_seq, made.node) == (1, 1, id >> 16)
    assert made.time == time * 10_000_000 + 0x01B21DD213814000


def test_a_uuid_is_as_the_live_service_made_it() -> None:
    assert event_uuid(1_788_529_135, 0xEB4883AA7288 << 16) == "f9204180-a865-11f1-8001-eb4883aa7288"

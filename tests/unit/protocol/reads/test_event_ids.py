from __future__ import annotations

import pytest

from eventkeep.errors import InvalidRequest
from eventkeep.limits import ECHO_CHARACTERS_MAX
from eventkeep.model.event import public_id
from eventkeep.protocol.reads.event_ids import event_not_found, parse_event_id


def test_an_event_id_is_its_time_and_id() -> None:
    assert parse_event_id(public_id(5, 7)) == (5, 7)


@pytest.mark.parametrize("text", ["NOPE01", "", "x" * 1000])
def test_a_malformed_id_is_refused_in_the_services_words(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_event_id(text)
    (fault,) = refused.value.faults
    assert (fault.detail, fault.pointer) == (f"Invalid Event ID: {text[:ECHO_CHARACTERS_MAX]!r}", "/data/id")


def test_an_unknown_id_is_named() -> None:
    assert str(event_not_found("0" * 17)) == f"Event with id {'0' * 17} does not exist."

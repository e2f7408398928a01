from __future__ import annotations

import pytest

from eventkeep.client.errors import (
    AuthenticationError,
    ClientError,
    ConnectionFailedError,
    ErrorObject,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    ThrottledError,
    UnexpectedResponseError,
)
from eventkeep.client.packing import packed
from eventkeep.client.rejections import FailureKind, failure_kind, rejection
from tests.unit.client.made_events import made_event

DATA = "/data/attributes/events-bulk-create/data"


def refusal(*pointers: str, status: int = 400) -> InvalidRequestError:
    return InvalidRequestError("refused", status, [ErrorObject(pointer=pointer) for pointer in pointers])


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConnectionFailedError("cut", 3), "temporary"),
        (ThrottledError("slow down", 429), "temporary"),
        (ServerError("down", 503), "temporary"),
        (ServerError("broken", 500), "temporary"),
        (AuthenticationError("who", 401), "permanent"),
        (PermissionDeniedError("scope", 403), "permanent"),
        (NotFoundError("no such path", 404), "permanent"),
        (UnexpectedResponseError("elsewhere", 302), "permanent"),
        (refusal(status=405), "permanent"),
        (refusal(status=415), "permanent"),
        (InvalidRequestError("revision", 400, [ErrorObject(parameter="revision")]), "permanent"),
        (refusal(), "events"),
        (refusal(status=413), "events"),
    ],
)
def test_failures_differ_from_refused_events(error: ClientError, kind: FailureKind) -> None:
    assert failure_kind(error) == kind


def test_events_that_are_named_are_refused_and_the_others_sent_again() -> None:
    events = [made_event(number) for number in range(1, 6)]
    pointers = [f"{DATA}/0/attributes/events/data/{place}/attributes/time" for place in (3, 1, 3)]
    found = rejection(refusal(*pointers), packed(events))
    assert found.refused == [events[1], events[3]]
    assert found.again == [[events[0], events[2], events[4]]]


def test_profile_that_is_named_takes_its_events_with_it() -> None:
    ada, grace = {"email": "not an address"}, {"external_id": "grace"}
    events = [made_event(1, ada), made_event(2, grace), made_event(3, ada)]
    found = rejection(refusal(f"{DATA}/0/attributes/profile/data/attributes/email"), packed(events))
    assert (found.refused, found.again) == ([events[0], events[2]], [[events[1]]])


def test_request_in_which_nothing_is_named_is_sent_in_halves() -> None:
    events = [made_event(number) for number in range(1, 6)]
    assert rejection(refusal("/data/"), packed(events)).again == [events[:2], events[2:]]


def test_halves_end_at_the_event_that_can_not_be_sent() -> None:
    waiting, refused, sent = [[made_event(number) for number in range(1, 14)]], [], []
    while waiting:
        packing = packed(waiting.pop())
        if any(event.number == 7 for event in packing.events()):
            found = rejection(refusal(status=413), packing)
            refused += found.refused
            waiting += found.again
        else:
            sent += packing.events()
    assert [event.number for event in refused] == [7]
    assert sorted(event.number for event in sent) == [*range(1, 7), *range(8, 14)]

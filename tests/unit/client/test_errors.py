from __future__ import annotations

import copy
import pickle

import pytest

from eventkeep import errors as all_errors
from eventkeep.client import errors
from eventkeep.client.errors import ClientError, ErrorObject, EventsRefusedError, InvalidRequestError
from eventkeep.errors import EventkeepError
from tests.unit.client.made_events import made_event

OBJECT = ErrorObject(status=400, code="invalid", detail="wrong", pointer="/data")
MADE: list[EventkeepError] = [
    InvalidRequestError("wrong", 400, [OBJECT], "req-1", 2.5),
    errors.ConnectionFailedError("no response", 3),
    EventsRefusedError(1, [(made_event(1), ClientError("gone"))]),
    errors.ArgumentError("value: wrong"),
    all_errors.RowRefused(7, "wrong"),
    all_errors.Throttled("too many", 3),
    all_errors.MethodNotAllowed("not here", ["GET"]),
]


@pytest.mark.parametrize("error", MADE, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("copied", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy])
def test_errors_can_be_pickled_and_copied(error: EventkeepError, copied: object) -> None:
    assert callable(copied)
    found = copied(error)
    assert type(found) is type(error)
    assert str(found) == str(error)
    given, came = dict(vars(error)), dict(vars(found))
    assert str(given) == str(came)

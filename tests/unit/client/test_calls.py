from __future__ import annotations

from typing import Any

import pytest

from eventkeep.client.calls import create_call, get_event_call, get_event_metric_call, get_events_call
from eventkeep.client.errors import ArgumentError
from eventkeep.limits import BODY_BYTES_MAX
from eventkeep.protocol.filters import Filter


def target(**given: Any) -> str:
    """The target of a call of get_events with these arguments."""
    names = ("fields_event", "fields_metric", "fields_profile", "filter", "include", "page_cursor", "page_size", "sort")
    return get_events_call(**{**dict.fromkeys(names), **given}).target


@pytest.mark.parametrize(
    ("given", "query"),
    [
        ({}, ""),
        ({"fields_event": ["datetime", "uuid"]}, "?fields%5Bevent%5D=datetime%2Cuuid"),
        ({"fields_metric": "name,created"}, "?fields%5Bmetric%5D=name%2Ccreated"),
        ({"include": (name for name in ("metric", "profile"))}, "?include=metric%2Cprofile"),
        ({"filter": Filter.equals("metric_id", "a&b")}, "?filter=equals%28metric_id%2C%22a%26b%22%29"),
        ({"filter": "has(profile)"}, "?filter=has%28profile%29"),
        ({"page_cursor": "abc=="}, "?page%5Bcursor%5D=abc%3D%3D"),
        ({"page_cursor": "https://x.example/api/events/?sort=datetime&page%5Bcursor%5D=b"}, "?page%5Bcursor%5D=b"),
        ({"page_size": 7, "sort": "-datetime"}, "?page%5Bsize%5D=7&sort=-datetime"),
    ],
)
def test_arguments_become_a_query(given: dict[str, Any], query: str) -> None:
    assert target(**given) == f"/api/events/{query}"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fields_event": 3}, "fields_event: expected a list of names, got int"),
        ({"include": ["metric", 3]}, r"include: expected a list of names, got \['metric', 3\]"),
        ({"filter": 3}, "filter: expected a Filter or text, got int"),
        ({"page_cursor": 3}, "page_cursor: expected text, got int"),
        ({"page_size": "7"}, "page_size: expected a number, got str"),
        ({"sort": ["datetime"]}, "sort: expected text, got list"),
    ],
)
def test_argument_of_another_kind_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        target(**given)


@pytest.mark.parametrize("event_id", [None, 3, "", ".", "..", "a/metric", "/"])
def test_id_is_text_that_names_no_other_path(event_id: Any) -> None:
    with pytest.raises(ArgumentError, match="get_event_metric: expected the id of an event, got"):
        get_event_metric_call(event_id, fields_metric=None)


def test_id_is_encoded() -> None:
    call = get_event_call("a?b #%", fields_event=None, fields_metric=None, fields_profile=None, include=None)
    assert call.target == "/api/events/a%3Fb%20%23%25/"


def test_body_that_no_server_takes_is_refused_before() -> None:
    assert create_call("create_event", b"x" * BODY_BYTES_MAX).statuses == (202,)
    with pytest.raises(ArgumentError, match="expected a body of at most 5,000,000 bytes, got 5,000,001"):
        create_call("create_event", b"x" * (BODY_BYTES_MAX + 1))

"""Which recording a request means, and which is nearest."""

from __future__ import annotations

from eventkeep.cassettes.cassette import Exchange
from eventkeep.cassettes.matching import Tape, asked


def exchange(
    method: str = "GET", path: str = "/api/events/", query: str = "", body: str = "", status: int = 200
) -> Exchange:
    return Exchange(method, path, query, {}, body, status, {}, "")


def test_slashes_order_and_layout_do_not_count() -> None:
    tape = Tape([exchange("POST", "/api/events/", "b=2&a=1", '{"x": 1, "y": [1]}')])
    assert tape.find(asked("post", "/api/events", "a=1&b=2", '{"y":[1],"x":1}')) is not None
    assert tape.find(asked("post", "/api/events", "a=1&b=2", '{"y":[2],"x":1}')) is None


def test_equal_requests_get_their_responses_in_turn_and_the_last_again() -> None:
    tape = Tape([exchange(status=200), exchange(status=429), exchange("DELETE")])
    request = asked("GET", "/api/events/", "", "")
    assert [found.status for _ in range(4) if (found := tape.find(request))] == [200, 429, 429, 429]
    assert [each.method for each in tape.unused()] == ["DELETE"]


def test_the_nearest_is_explained() -> None:
    tape = Tape([exchange(query="sort=datetime"), exchange("POST", body='{"a": {"b": 1}}')])
    nearest = tape.nearest(asked("POST", "/api/events/", "", '{"a": {"b": 2, "c": 3}}'))
    assert nearest is not None and nearest[0].method == "POST"
    assert nearest[1] == ["/a/b differs", "/a/c is requested only"]
    assert Tape([]).nearest(asked("GET", "/", "", "")) is None


def test_values_that_were_replaced_are_not_compared() -> None:
    recorded = exchange(
        "POST", query='filter=equals(email,"person-1@example.com")', body='{"email": "person-1@example.com"}'
    )
    tape = Tape([recorded], ("email",))
    query = 'filter=equals(email,"ada@shop.example")'
    assert tape.find(asked("POST", "/api/events/", query, '{"email": "ada@shop.example"}', ("email",))) is not None
    assert tape.find(asked("POST", "/api/events/", query, '{"mail": "ada@shop.example"}', ("email",))) is None

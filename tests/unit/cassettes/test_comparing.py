"""Differences between a recorded response and another one."""

from __future__ import annotations

import pytest

from eventkeep.cassettes.cassette import Exchange
from eventkeep.cassettes.comparing import response_differences


def recorded(body: str, status: int = 200) -> Exchange:
    return Exchange("GET", "/", "", {}, "", status, {"content-type": "application/json"}, body)


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ('{"a": 1}', '{"a": 2}', []),
        ('{"a": 1}', '{"a": "2"}', ["body /a: string, recorded number"]),
        ('{"a": null}', '{"a": "2"}', []),
        ('{"a": 1}', "{}", ["body /a: absent, recorded number"]),
        ("{}", '{"a": 1}', ["body /a: number, recorded absent"]),
        ('[{"a": 1}, {"a": "x"}]', '[{"a": "x"}]', []),
        ('{"properties": {"x": 1}}', '{"properties": {"y": []}}', []),
        ("", "", []),
        ("", "{}", ["body /: object, recorded absent"]),
    ],
)
def test_shapes_are_compared_not_values(before: str, now: str, expected: list[str]) -> None:
    assert response_differences(recorded(before), 200, {"content-type": "application/json"}, now) == expected


def test_status_and_headers_are_compared() -> None:
    found = response_differences(recorded(""), 404, {"allow": "GET"}, "")
    assert found == [
        "status 404, recorded 200",
        "header allow: GET, recorded absent",
        "header content-type: absent, recorded application/json",
    ]

"""Rows of an export: those that are recognised, and those that are refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from eventkeep.errors import RowRefused
from eventkeep.importer.exported import exported_row, is_export
from eventkeep.importer.templates import Row
from eventkeep.protocol.rows.columns import COLUMNS, SERVER_COLUMNS

ROW = {"time": "2024-03-01T10:00:00Z", "metric": "A", "unique_id": "1", "profile_email": "ada@shop.example"}


@pytest.mark.parametrize(
    ("columns", "recognised"),
    [
        (COLUMNS, True),
        ((*SERVER_COLUMNS, *COLUMNS), True),
        (tuple(ROW), True),
        (("time", "metric", "unique_id"), False),
        (("time", "metric", "profile_email"), False),
        ((*ROW, "colour"), False),
        ((), False),
    ],
)
def test_export_is_recognised_by_its_columns(columns: tuple[str, ...], recognised: bool) -> None:
    assert is_export(columns) is recognised


def test_least_row_is_an_event() -> None:
    event = msgspec.json.decode(exported_row(Row(7, ROW)).event)
    assert event["attributes"] == {
        "metric": {"data": {"type": "metric", "attributes": {"name": "A"}}},
        "properties": {},
        "time": "2024-03-01T10:00:00Z",
        "unique_id": "1",
    }


def test_empty_text_is_a_value_except_in_csv() -> None:
    row = Row(1, {**ROW, "profile_first_name": "", "value_currency": None})
    assert msgspec.json.decode(exported_row(row).profile)["attributes"]["first_name"] == ""
    assert b"first_name" not in exported_row(row, empty_is_none=True).profile


def test_objects_may_be_text_or_objects() -> None:
    of_text = exported_row(Row(1, {**ROW, "properties": '{"a": 1.50}'}))
    of_object = exported_row(Row(1, {**ROW, "properties": {"a": 1.5}}))
    assert b'{"a": 1.50}' in of_text.event
    assert b'{"a":1.5}' in of_object.event


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"colour": "red"}, "row 3: there is no column 'colour' in an export"),
        ({"time": None}, "row 3: time: expected one, got none"),
        ({"unique_id": ""}, "row 3: unique_id: expected one, got none"),
        ({"profile_email": None}, "no identifier of the profile"),
        ({"metric": 5}, "metric: expected text, got 5"),
        ({"value": "much"}, "value: .*, got 'much'"),
        ({"value": True}, "value: expected a number, got True"),
        ({"properties": "[1]"}, r"properties: .*, got '\[1\]'"),
        ({"properties": "{"}, "properties: .*, got '{'"),
        ({"profile_location": [1]}, r"profile_location: .*, got \[1\]"),
        ({"profile_properties": msgspec.Raw(b"5")}, "profile_properties: .*, got '5'"),
        ({"profile_title": msgspec.Raw(b"5")}, "profile_title: expected text, got '5'"),
    ],
)
def test_faults_are_named(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(RowRefused, match=told):
        exported_row(Row(3, {**ROW, **changes}))

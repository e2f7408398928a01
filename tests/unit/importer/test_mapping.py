from __future__ import annotations

from typing import Any

import msgspec
import pytest

from eventkeep.errors import ConfigurationError, RowRefused
from eventkeep.importer.mapping import RowMapping, parse_map_options, parse_mapping
from eventkeep.importer.templates import Row
from tests.source_tree import PROJECT

MINIMAL = 'metric = "Placed Order"\nprofile.email = "{email}"\n'


def read_mapping(document: str) -> RowMapping:
    return RowMapping(*parse_mapping(document))


def event(mapping: RowMapping, values: dict[str, Any], number: int = 1) -> tuple[dict[str, Any], dict[str, Any]]:
    """The attributes of the profile and of the event that a row becomes."""
    row = mapping.apply(Row(number, values))
    return msgspec.json.decode(row.profile)["attributes"], msgspec.json.decode(row.event)["attributes"]


def test_row_of_the_example_becomes_an_order() -> None:
    mapping = read_mapping((PROJECT / "examples" / "cdnow-mapping.toml").read_text(encoding="utf-8"))
    row = {"customer_id": "00001", "date": "19970101", "cds": "1", "dollars": "11.77"}
    profile, order = event(mapping, row, 42)
    assert profile == {"external_id": "cdnow-00001"}
    assert order == {
        "metric": {"data": {"type": "metric", "attributes": {"name": "Placed Order"}}},
        "properties": {"cds": 1},
        "time": "2023-01-01T00:00:00+00:00",
        "unique_id": "cdnow-42",
        "value": 11.77,
        "value_currency": "USD",
    }


def test_every_part_of_a_profile_can_be_mapped() -> None:
    mapping = read_mapping(
        MINIMAL
        + """
        service = "shop"
        profile.first_name = "{name}"
        profile.location.city = "{city}"
        profile.location.latitude = { column = "lat", type = "number" }
        profile.properties.plan = "{plan}"
        profile.properties.vip = true
        """
    )
    profile, found = event(
        mapping, {"email": "ada@shop.example", "name": "Ada", "city": "Paris", "lat": "48.8", "plan": ""}
    )
    assert profile == {
        "email": "ada@shop.example",
        "first_name": "Ada",
        "location": {"city": "Paris", "latitude": 48.8},
        "properties": {"vip": True},
    }
    assert found["metric"]["data"]["attributes"] == {"name": "Placed Order", "service": "shop"}


def test_fields_without_a_value_are_left_out() -> None:
    mapping = read_mapping(MINIMAL + 'value = "{total}"\ntime = "{when}"\nproperties.coupon = "{coupon}"')
    _, found = event(mapping, {"email": "ada@shop.example", "total": "", "coupon": None})
    assert found.keys() == {"metric", "properties", "unique_id"}
    assert found["properties"] == {}


def test_other_columns_become_properties_on_request() -> None:
    mapping = read_mapping("rest_as_properties = true\n" + MINIMAL)
    _, found = event(mapping, {"email": "ada@shop.example", "sku": "D4", "empty": "", "sizes": [1, 2]})
    assert found["properties"] == {"sku": "D4", "sizes": [1, 2]}


def test_default_unique_id_is_the_same_for_the_same_row_and_another_for_every_other() -> None:
    mapping = read_mapping(MINIMAL)
    ids = [
        event(mapping, {"email": email}, number)[1]["unique_id"]
        for email, number in [("a@b.example", 1), ("a@b.example", 1), ("a@b.example", 2), ("c@b.example", 1)]
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_profile_key_holds_the_identifiers_alone() -> None:
    mapping = read_mapping(MINIMAL + 'profile.first_name = "{name}"')
    ada, lovelace = (mapping.apply(Row(1, {"email": "a@b.example", "name": name})) for name in ("Ada", "Lovelace"))
    assert ada.identity == lovelace.identity
    assert ada.profile != lovelace.profile


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"email": ""}, "row 9: no identifier of the profile"),
        ({"email": "a@b.example", "total": "ten"}, "row 9: value: expected a number, got 'ten'"),
        ({"email": "a@b.example", "when": "soon"}, "row 9: time: expected a time"),
        ({"email": "a@b.example", "items": "x"}, "row 9: properties.items: expected an integer"),
    ],
)
def test_bad_rows_are_named_with_their_field(values: dict[str, Any], message: str) -> None:
    mapping = read_mapping(
        MINIMAL + 'value = "{total}"\ntime = "{when}"\nproperties.items = { column = "items", type = "integer" }'
    )
    with pytest.raises(RowRefused, match=message) as refused:
        mapping.apply(Row(9, values))
    assert refused.value.row == 9


def test_row_without_metric_is_refused() -> None:
    with pytest.raises(RowRefused, match="no metric"):
        read_mapping('metric = "{kind}"\nprofile.email = "{email}"').apply(Row(1, {"email": "a@b.example", "kind": ""}))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ('profile.email = "{email}"', "no metric"),
        ('metric = "x"', "no identifier"),
        (MINIMAL + 'amount = "{total}"', "no field 'amount'"),
        (MINIMAL + 'profile.mail = "{total}"', "no field 'profile.mail'"),
        (MINIMAL + 'profile.location.town = "{total}"', "no field 'profile.location.town'"),
        (MINIMAL + 'value = { col = "total" }', "mapping of value: .*col"),
        (MINIMAL + 'value = { column = "total", type = "money" }', "mapping of value: type"),
        (MINIMAL + "value = 2024-01-01", "mapping of value: expected a template"),
        (MINIMAL + "value = ", "no TOML"),
        ("rest_as_properties = 1\n" + MINIMAL, "expected true or false"),
    ],
)
def test_mappings_that_fit_no_row_are_refused(document: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        read_mapping(document)


def test_column_that_the_file_has_not_is_named_with_those_it_has() -> None:
    with pytest.raises(ConfigurationError, match="'email', which the file has not; it has mail, total"):
        read_mapping(MINIMAL).check_columns(["mail", "total"])


def test_map_options_say_the_same_as_a_document() -> None:
    sources = parse_map_options(
        ["metric=Placed Order", "profile.email={email}", "properties.items:integer={items}", "properties.link=a=b"]
    )
    _, found = event(RowMapping(sources), {"email": "a@b.example", "items": "2"})
    assert found["properties"] == {"items": 2, "link": "a=b"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["metric"], "expected FIELD=TEMPLATE"),
        (["=x"], "expected FIELD=TEMPLATE"),
        (["metric="], "expected FIELD=TEMPLATE"),
        (["metric=a", "metric=b"], "given twice"),
        (["amount={x}"], "no field 'amount'"),
    ],
)
def test_map_options_that_say_nothing_are_refused(options: list[str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse_map_options(options)

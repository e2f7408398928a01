from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.errors import ConfigurationError
from eventkeep.importer.templates import MISSING, Row, Source, compile_source

ROW = Row(
    7,
    {
        "id": "12",
        "empty": "",
        "null": None,
        "price": "9.50",
        "flag": "Yes",
        "list": '["a"]',
        "row": "a column",
        "count": 3,
        "a.b": "dotted",
        "customer": {"email": "ada@shop.example", "address": {"city": "Paris"}},
    },
)


def value(source: Source, default_kind: str | None = None) -> Any:
    return compile_source(source, default_kind)(ROW)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("constant", "constant"),
        ("{id}", "12"),
        ("shop-{id}", "shop-12"),
        ("{id}-{row}", "12-7"),
        ("{{id}}", "{id}"),
        ("{{{id}}}", "{12}"),
        ("{empty}", MISSING),
        ("{null}", MISSING),
        ("{absent}", MISSING),
        ("shop-{empty}", MISSING),
        ("{customer.email}", "ada@shop.example"),
        ("{customer.address.city}", "Paris"),
        ("{customer.address.street}", MISSING),
        ("{a.b}", "dotted"),
        ("{count}", 3),
        ("n{count}", "n3"),
    ],
)
def test_template_stands_for_the_rows_values(template: str, expected: Any) -> None:
    assert value(Source(template=template)) == expected


def test_column_reads_a_column_that_has_the_name_of_a_placeholder() -> None:
    assert value(Source(column="row")) == "a column"
    assert value(Source(template="{row}")) == "7"


def test_digest_depends_on_the_content_alone() -> None:
    assert Row(1, {"a": "1"}).digest() == Row(2, {"a": "1"}).digest()
    assert Row(1, {"a": "1"}).digest() != Row(1, {"a": "2"}).digest()


@pytest.mark.parametrize(
    ("kind", "template", "expected"),
    [
        ("text", "{count}", "3"),
        ("integer", "{id}", 12),
        ("integer", "{count}", 3),
        ("number", "{price}", 9.5),
        ("number", "{id}", 12),
        ("number", "{count}", 3),
        ("boolean", "{flag}", True),
        ("boolean", "{count}", ValueError),
        ("json", "{list}", ["a"]),
        ("json", "{price}", 9.5),
        ("integer", "{price}", ValueError),
        ("number", "{flag}", ValueError),
        ("number", "NaN", ValueError),
        ("number", "1_000", ValueError),
        ("json", "{flag}", ValueError),
    ],
)
def test_types_convert_or_refuse(kind: str, template: str, expected: Any) -> None:
    source = Source(template=template, type=kind)
    if expected is ValueError:
        with pytest.raises(ValueError, match="expected"):
            value(source)
    else:
        found = value(source)
        assert found == expected
        assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("text", "source", "expected"),
    [
        ("2024-06-15T12:00:00Z", Source(column="t"), "2024-06-15T12:00:00+00:00"),
        ("2024-06-15 12:00:00+02:00", Source(column="t"), "2024-06-15T12:00:00+02:00"),
        ("2024-06-15", Source(column="t"), "2024-06-15T00:00:00+00:00"),
        ("1718452800", Source(column="t", format="unix"), "2024-06-15T12:00:00+00:00"),
        (1718452800, Source(column="t", format="unix"), "2024-06-15T12:00:00+00:00"),
        ("1718452800000", Source(column="t", format="unix_ms"), "2024-06-15T12:00:00+00:00"),
        ("19970101", Source(column="t", format="%Y%m%d", shift_years=26), "2023-01-01T00:00:00+00:00"),
        ("19960229", Source(column="t", format="%Y%m%d", shift_years=26), "2022-02-28T00:00:00+00:00"),
        ("2024-06-15", Source(column="t", timezone="Europe/Paris"), "2024-06-15T00:00:00+02:00"),
        ("yesterday", Source(column="t"), None),
        ("20241340", Source(column="t", format="%Y%m%d"), None),
        ("1e300", Source(column="t", format="unix"), None),
        ("9999-01-01", Source(column="t", shift_years=1), None),
        (True, Source(column="t", format="unix"), None),
    ],
)
def test_times_of_every_format(text: Any, source: Source, expected: str | None) -> None:
    read = compile_source(source, "time")
    if expected is None:
        with pytest.raises(ValueError, match=r"expected|can't be shifted"):
            read(Row(1, {"t": text}))
    else:
        assert read(Row(1, {"t": text})) == expected


def test_default_replaces_missing_values() -> None:
    assert value(Source(column="empty", default="EUR"), "text") == "EUR"
    assert value(Source(column="id", default="EUR"), "text") == "12"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (Source(), "got none"),
        (Source(template="x", column="y"), "template and column"),
        (Source(template="{"), "brace"),
        (Source(template="{}"), "empty"),
        (Source(template="{date:%Y}"), "without ':'"),
        (Source(template="x", type="float"), "got 'float'"),
        (Source(template="x", type="time", timezone="Mars/Base"), "time zone"),
    ],
)
def test_sources_that_fit_no_row_are_refused(source: Source, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        compile_source(source, None)


@given(st.text())
def test_doubled_braces_make_any_text_a_constant(text: str) -> None:
    template = text.replace("{", "{{").replace("}", "}}")
    assert value(Source(template=template)) == text

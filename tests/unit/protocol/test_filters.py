from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.errors import InvalidRequest
from eventkeep.limits import FILTER_CHARACTERS_MAX, FILTER_CONDITIONS_MAX, FILTER_NESTING_MAX
from eventkeep.protocol.filters import INTEGER_MAX, Condition, Filter, Scalar, Value, parse_filter

NOON = datetime.datetime(2024, 6, 15, 12, tzinfo=datetime.UTC)

MOMENTS = st.datetimes(
    min_value=datetime.datetime(2, 1, 1),
    max_value=datetime.datetime(9998, 12, 31),
    timezones=st.sampled_from([datetime.UTC, datetime.timezone(datetime.timedelta(hours=-9, minutes=-30))]),
)
SCALARS = st.one_of(
    st.text(max_size=20),
    st.text(alphabet="\\\"'(),[] ", max_size=8),
    st.integers(-INTEGER_MAX, INTEGER_MAX),
    st.floats(-1e12, 1e12).map(lambda number: round(number, 6)),
    st.booleans(),
    st.none(),
    MOMENTS,
)
FIELDS = st.from_regex(r"[A-Za-z_$][A-Za-z0-9_$.-]{0,15}", fullmatch=True)
OPERATORS = st.from_regex(r"[a-z][a-z-]{0,15}", fullmatch=True).filter(lambda name: name not in ("and", "has"))
CONDITIONS = st.one_of(
    st.builds(Condition, st.just("has"), FIELDS),
    st.builds(Condition, OPERATORS, FIELDS, SCALARS | st.lists(SCALARS, max_size=4).map(tuple)),
)
FILTERS = st.lists(CONDITIONS, min_size=1, max_size=5).map(lambda conditions: Filter(tuple(conditions)))


def only(text: str) -> Condition:
    (condition,) = parse_filter(text).conditions
    return condition


def refusal(text: str) -> str:
    with pytest.raises(InvalidRequest) as refused:
        parse_filter(text)
    (fault,) = refused.value.faults
    assert fault.parameter == "filter"
    return fault.detail


def kinds(value: Value | Any) -> Any:
    """The types too: True equals 1 in Python, and the two differ in a filter."""
    return [kinds(each) for each in value] if isinstance(value, tuple) else (type(value), value)


@given(FILTERS)
def test_printing_and_parsing_are_inverse(built: Filter) -> None:
    parsed = parse_filter(str(built))
    assert parsed == built
    assert [kinds(each.value) for each in parsed.conditions] == [kinds(each.value) for each in built.conditions]


@given(FILTERS)
def test_a_printed_filter_may_stand_in_and(built: Filter) -> None:
    assert parse_filter(f"and({built})") == built


@given(st.text(alphabet="andhsequl-(),[]\"'\\ 0123456789T:Z.+", max_size=60))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        parsed = parse_filter(text)
    except InvalidRequest as exc:
        assert exc.faults[0].detail.startswith("Invalid filter provided: ")
    else:
        assert parse_filter(str(parsed)) == parsed


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"SkDfHe"', "SkDfHe"),
        ("'SkDfHe'", "SkDfHe"),
        ('""', ""),
        (r'"say \"hi\""', 'say "hi"'),
        (r"'it\'s'", "it's"),
        (r'"it\'s"', r"it\'s"),
        (r'"C:\dir"', r"C:\dir"),
        (r'"ends with \\"', "ends with \\"),
        ('"a,b)(c]["', "a,b)(c]["),
        ("0", 0),
        ("-12", -12),
        (str(INTEGER_MAX), INTEGER_MAX),
        ("true", True),
        ("false", False),
        ("null", None),
        ("[]", ()),
        ('["a", 1, null]', ("a", 1, None)),
        ("2024-06-15T12:00:00Z", NOON),
        ("2024-06-15t12:00z", NOON),
        ("2024-06-15T12:00:00", NOON),
        ("2024-06-15 12:00:00", NOON),
        ("2024-06-15T12:00:00+00:00", NOON),
        ("2024-06-15T12:00:00 00:00", NOON),
        ("2024-06-15T14:30:00+0230", NOON),
        ("2024-06-15T05:00:00-07:00", NOON),
        ("2024-06-15T12:00:00.25Z", NOON.replace(microsecond=250_000)),
        ("2024-06-15T12:00:00.1234567Z", NOON.replace(microsecond=123_456)),
        ("2024-06-15", NOON.replace(hour=0)),
    ],
)
def test_values(text: str, value: Value) -> None:
    parsed = only(f"equals(field,{text})").value
    assert kinds(parsed) == kinds(value)


@pytest.mark.parametrize(
    "text",
    [
        "equals(a,1),has(profile)",
        "and(equals(a,1),has(profile))",
        " and ( equals ( a , 1 ) , has ( profile ) ) ",
        "and(equals(a,1)),has(profile)",
        "and(and(equals(a,1),and(has(profile))))",
    ],
)
def test_conditions_are_joined_by_commas_and_by_and(text: str) -> None:
    assert parse_filter(text) == Filter.equals("a", 1) & Filter.has("profile")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected an operator such as equals or and at position 1, got the end."),
        ("name", 'expected "(" at position 5, got the end.'),
        ("equals", 'expected "(" at position 7, got the end.'),
        ("equals(metric_id", 'expected "," at position 17, got the end.'),
        ("equals(metric_id,", "expected a value (a string in quotes, "),
        ('equals(metric_id,"a"', 'expected ")" at position 21, got the end.'),
        ('equals(metric_id,"a', 'expected the string that begins at position 18 to end with ".'),
        (r'equals(metric_id,"a\"', 'expected the string that begins at position 18 to end with ".'),
        ('equals(metric_id,"a")x', "expected \",\" or the end at position 22, got 'x'."),
        ('equals(metric_id,"a"),', "expected an operator such as equals or and at position 23, got the end."),
        ("equals(metric_id,a)", "at position 18, got 'a)'."),
        ("equals(a,1.5.2)", "at position 10, got '1.5.2)'."),
        ("equals(a,1.)", "at position 10, got '1.)'."),
        ("equals(a,99999999999999999999)", "at position 10, got '99999999999999999999)'."),
        ("equals(a,9223372036854775808)", "at position 10, got '9223372036854775808)'."),
        ("equals(a,[1,[2]])", "at position 13, got '[2]])'."),
        ("equals(a,[1", 'expected "," or "]" at position 12, got the end.'),
        ("equals(1,1)", "expected a field at position 8, got '1,1)'."),
        ("has(profile,1)", "expected \")\" at position 12, got ',1)'."),
        ("and()", "expected an operator such as equals or and at position 5, got ')'."),
        ("and(has(profile)", 'expected "," or ")" at position 17, got the end.'),
        ("Equals(a,1)", "expected an operator such as equals or and at position 1, got 'Equals(a,1)'."),
        ("greater-than(datetime,2024-02-30)", "expected a datetime at position 23, got '2024-02-30': "),
        ("greater-than(datetime,0001-01-01T00:00:00+01:00)", "expected a datetime at position 23"),
        ("greater-than(datetime,2024-06-15T25)", "at position 23, got '2024-06-15T25)'."),
    ],
)
def test_errors_name_the_position_and_the_expectation(text: str, expected: str) -> None:
    detail = refusal(text)
    assert detail.startswith("Invalid filter provided: ")
    assert expected in detail


def test_sizes_are_bounded() -> None:
    condition = "has(profile)"
    most = ",".join([condition] * FILTER_CONDITIONS_MAX)
    assert len(parse_filter(most).conditions) == FILTER_CONDITIONS_MAX
    assert f"at most {FILTER_CONDITIONS_MAX} conditions" in refusal(f"{most},{condition}")
    deepest = "and(" * FILTER_NESTING_MAX + condition + ")" * FILTER_NESTING_MAX
    assert parse_filter(deepest) == Filter.has("profile")
    assert f"at most {FILTER_NESTING_MAX} levels" in refusal(f"and({deepest})")
    assert f"at most {FILTER_CHARACTERS_MAX} characters" in refusal(" " * (FILTER_CHARACTERS_MAX + 1))


def test_filters_are_joined_with_filters_alone() -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        _ = Filter.has("profile") & "has(metric)"  # type: ignore[operator]


def test_filters_are_built_from_python_values() -> None:
    built = (
        Filter.equals("metric_id", 'a"b')
        & Filter.greater_than("datetime", NOON)
        & Filter.greater_or_equal("datetime", datetime.datetime(2024, 1, 1))
        & Filter.less_than("timestamp", 5)
        & Filter.less_or_equal("timestamp", 6)
        & Filter.where("any", "id", ("a", "b"))
        & Filter.has("profile")
    )
    assert str(built) == (
        r'equals(metric_id,"a\"b"),greater-than(datetime,2024-06-15T12:00:00Z),'
        "greater-or-equal(datetime,2024-01-01T00:00:00Z),less-than(timestamp,5),less-or-equal(timestamp,6),"
        'any(id,["a","b"]),has(profile)'
    )


@pytest.mark.parametrize("value", [float("nan"), 1e30, INTEGER_MAX + 1, b"a", (("a",),), {"a": 1}])
def test_values_without_a_place_in_the_language_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        Filter.equals("a", value)


@pytest.mark.parametrize(
    ("operator", "field", "value"),
    [("and", "a", 1), ("Equals", "a", 1), ("equals", "a b", 1), ("equals", "", 1), ("has", "a", 1)],
)
def test_conditions_that_could_not_be_parsed_are_not_built(operator: str, field: str, value: Scalar) -> None:
    with pytest.raises(ValueError, match="expected"):
        Condition(operator, field, value)


def test_a_filter_has_a_condition_and_a_comparison_a_value() -> None:
    with pytest.raises(ValueError, match="one condition or more"):
        Filter(())
    with pytest.raises(ValueError, match="a value"):
        Condition("equals", "a")

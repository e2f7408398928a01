from __future__ import annotations

from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.errors import InvalidRequest
from eventkeep.limits import FAULTS_MAX, PAGE_EVENTS_DEFAULT, QUERY_BYTES_MAX
from eventkeep.protocol.cursors import Cursor, print_cursor
from eventkeep.protocol.filters import Filter
from eventkeep.protocol.operations import OPERATIONS
from eventkeep.protocol.queries import documented_parameters
from eventkeep.protocol.reads.query import ReadQuery, Sort, parse_read_query
from eventkeep.protocol.revisions import REVISIONS

SECRET = b"a secret of the tests"
BY_DATE = {revision.date: revision for revision in REVISIONS}
SEED = "2024-06-15"
NEWEST = "2026-07-15"


def read(query_string: str | bytes, operation: str = "get_events", revision: str = SEED) -> ReadQuery:
    raw = query_string.encode() if isinstance(query_string, str) else query_string
    return parse_read_query(raw, OPERATIONS[operation], BY_DATE[revision], SECRET)


def faults(query_string: str | bytes, operation: str = "get_events", revision: str = SEED) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequest) as refused:
        read(query_string, operation, revision)
    return [(fault.parameter or "", fault.detail) for fault in refused.value.faults]


def test_nothing_asked_for_is_the_default() -> None:
    query = read("")
    revision = BY_DATE[SEED]
    assert query.sort == Sort("datetime", descending=True)
    assert (query.page_size, query.cursor, query.query.filter, query.includes) == (PAGE_EVENTS_DEFAULT, None, None, ())
    assert query.event_fields.names == revision.event_fields
    assert query.metric_fields.names == revision.metric_fields
    assert query.profile_fields.names == revision.profile_fields
    assert (query.query.parameters, query.scopes) == ((), ())


@pytest.mark.parametrize(
    "query_string",
    [
        "fields[event]=uuid,timestamp&include=metric,profile&filter=has(profile),greater-than(timestamp,5)",
        "fields%5Bevent%5D=uuid%2Ctimestamp&include=metric%2Cprofile"
        "&filter=has%28profile%29%2Cgreater-than%28timestamp%2C5%29",
        "&&fields%5bevent%5d=uuid%2ctimestamp&include=metric,profile&filter=has(profile),+greater-than(timestamp,%205)&",
    ],
)
def test_encoded_and_plain_queries_are_the_same(query_string: str) -> None:
    query = read(query_string)
    assert query.event_fields.names == ("uuid", "timestamp")
    assert query.includes == ("metric", "profile")
    assert query.query.filter == Filter.has("profile") & Filter.greater_than("timestamp", 5)
    assert query.bounds.time_min == 6
    assert [name for name, _ in query.query.parameters] == ["fields[event]", "include", "filter"]


@given(st.text(max_size=20))
def test_texts_come_through_every_encoding(text: str) -> None:
    filtered = Filter.equals("metric_id", text)
    for encode in (quote, quote_plus):
        assert read(f"filter={encode(str(filtered))}").query.filter == filtered


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_by_name(raw: bytes) -> None:
    try:
        read(raw)
    except InvalidRequest as exc:
        assert all(fault.parameter is not None for fault in exc.faults)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("datetime", Sort("datetime", descending=False)),
        ("-datetime", Sort("datetime", descending=True)),
        ("timestamp", Sort("timestamp", descending=False)),
        ("-timestamp", Sort("timestamp", descending=True)),
    ],
)
def test_sorts(text: str, expected: Sort) -> None:
    assert read(f"sort={text}").sort == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    ("query_string", "parameter", "detail"),
    [
        (
            "sorted=datetime",
            "sorted",
            "'sorted' is not an allowed parameter for this resource.  Allowed parameters are ",
        ),
        ("additional-fields[profile]=subscriptions", "additional-fields[profile]", "is not an allowed parameter"),
        ("fields[attribution]=id", "fields[attribution]", "is not an allowed parameter"),
        ("%ff=1", "%ff", "'%ff' is not an allowed parameter"),
        ("sort=datetime&sort=timestamp", "sort", "'sort' is given more than once"),
        ("sort=%ff", "sort", "Expected percent-encoded UTF-8 in 'sort'."),
        (
            "sort=name",
            "sort",
            "'name' is not an allowed sort for this resource.  Allowed sorts are datetime, -datetime",
        ),
        ("sort=", "sort", "'' is not an allowed sort"),
        ("include=profiless", "include", "'profiless' is not an allowed include parameter for this resource."),
        ("fields[event]=timestampp", "fields[event]", "'timestampp' is not a valid field for this parameter."),
        ("fields[metric]=x", "fields[metric]", "Allowed fields are name, created, updated, integration"),
        ("fields[profile]=location.planet", "fields[profile]", "'location.planet' is not a valid field"),
        ("fields[profile]=subscriptions", "fields[profile]", "'subscriptions' is not a valid field"),
        ("filter=", "filter", "Invalid filter provided: expected an operator such as equals or and at position 1"),
        ("filter=has(metric)", "filter", "'metric' is not an allowed filter field for this resource."),
        ("page[cursor]=bm9wZQ", "page[cursor]", "Invalid cursor provided."),
        ("page[cursor]=", "page[cursor]", "Invalid cursor provided."),
    ],
)
def test_each_refusal_names_its_parameter(query_string: str, parameter: str, detail: str) -> None:
    ((found, told),) = faults(query_string)
    assert found == parameter
    assert detail in told


def test_all_faults_are_reported_together() -> None:
    found = faults("x=1&sort=a&include=b,c&fields[event]=d&filter=e&page[cursor]=f")
    assert sorted(name for name, _ in found) == ["fields[event]", "filter", "include", "include", "sort", "x"]
    assert len(faults("&".join(f"x{number}=1" for number in range(FAULTS_MAX + 1)))) == FAULTS_MAX


def test_the_length_is_bounded() -> None:
    ((_, detail),) = faults("x" * (QUERY_BYTES_MAX + 1))
    assert str(QUERY_BYTES_MAX) in detail


@pytest.mark.parametrize("revision", BY_DATE)
@pytest.mark.parametrize("size", ["1", "200", "1000", "0050"])
def test_page_sizes(size: str, revision: str) -> None:
    assert read(f"page[size]={size}", revision=revision).page_size == int(size)


def test_lists_may_be_given_in_several_parameters() -> None:
    query = read("include=metric&fields[event]=uuid&include=profile,metric&fields[event]=timestamp&include=")
    assert query.includes == ("metric", "profile")
    assert query.event_fields.names == ("uuid", "timestamp")
    assert query.query.parameters == (("include", "metric,profile,metric"), ("fields[event]", "uuid,timestamp"))


@pytest.mark.parametrize("size", ["0", "1001", "-1", "1.5", "", "ten", "99999999999999999999", "\u0661"])
def test_other_page_sizes_are_refused(size: str) -> None:
    ((name, detail),) = faults(f"page[size]={size}", revision=NEWEST)
    assert (name, detail) == ("page[size]", f"Expected an integer from 1 to 1000, got {size!r}.")


def test_newer_revisions_take_more() -> None:
    query = read("fields[attribution]=id&fields[event]=id&filter=has(metric)", revision=NEWEST)
    assert query.event_fields.names == ("id",)
    assert query.query.filter == Filter.has("metric")


def names(operation: str, revision: str) -> set[str]:
    return {each.name for each in documented_parameters(OPERATIONS[operation], BY_DATE[revision])}


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        (
            "get_events",
            {"fields[event]", "fields[metric]", "fields[profile]", "include", "filter", "sort", "page[cursor]"},
        ),
        ("get_event", {"fields[event]", "fields[metric]", "fields[profile]", "include"}),
        ("get_event_metric", {"fields[metric]"}),
        ("get_event_profile", {"fields[profile]", "additional-fields[profile]"}),
        ("get_event_relationships_metric", set()),
        ("get_event_relationships_profile", set()),
        ("create_event", set()),
    ],
)
def test_each_operation_takes_its_own_parameters(operation: str, expected: set[str]) -> None:
    assert names(operation, SEED) == expected
    every = {name for each in OPERATIONS for name in names(each, NEWEST)}
    # Taken in every revision: released clients send it.
    accepted = expected | ({"page[size]"} if operation == "get_events" else set())
    for name in every - accepted:
        assert faults(f"{name}=1", operation)[0][0] == name


def test_additional_fields_come_on_top() -> None:
    query = read("additional-fields[profile]=subscriptions,predictive_analytics", "get_event_profile")
    assert query.profile_fields.names == (*BY_DATE[SEED].profile_fields, "subscriptions", "predictive_analytics")
    query = read("additional-fields[profile]=subscriptions&fields[profile]=email", "get_event_profile")
    assert query.profile_fields.names == ("email", "subscriptions")
    query = read("fields[profile]=subscriptions.email.marketing.consent", "get_event_profile")
    assert query.profile_fields.names == ("subscriptions.email.marketing.consent",)
    ((name, detail),) = faults("additional-fields[profile]=x", "get_event_profile")
    assert name == "additional-fields[profile]"
    assert "'x' is not an additional field of this resource." in detail


def test_includes_need_their_scopes() -> None:
    assert read("include=profile,metric,profile").includes == ("profile", "metric")
    assert read("include=profile,metric").scopes == ("profiles:read", "metrics:read")
    assert read("include=attributions").scopes == ()
    assert read("include=").includes == ()


FORWARD = Cursor(1_718_452_800, 7)


@pytest.mark.parametrize(
    ("sort", "backward", "descending"),
    [("-datetime", False, True), ("-datetime", True, False), ("datetime", False, False), ("datetime", True, True)],
)
def test_a_cursor_says_how_its_page_is_found(sort: str, backward: bool, descending: bool) -> None:
    cursor = Cursor(FORWARD.time, FORWARD.id, backward)
    text = read(f"sort={sort}").cursor_text(cursor, SECRET)
    query = read(f"sort={sort}&page[cursor]={text}")
    assert query.cursor == cursor
    assert (query.finds_descending, query.is_backward) == (descending, backward)
    assert (query.find_after, query.find_count) == ((FORWARD.time, FORWARD.id), PAGE_EVENTS_DEFAULT + 1)


def test_a_cursor_is_bound_to_sort_and_filter() -> None:
    asked = "sort=datetime&filter=equals(metric_id,'SkDfHe')"
    text = read(asked).cursor_text(FORWARD, SECRET)
    assert read(f"{asked}&page[cursor]={text}").cursor == FORWARD
    # Another spelling of the same query.
    assert read(f'sort=datetime&filter=and( equals(metric_id,"SkDfHe") )&page[cursor]={text}').cursor == FORWARD
    for other in (asked.replace("=datetime", "=-datetime"), "sort=datetime", asked.replace("SkDfHe", "SkDfHf")):
        assert faults(f"{other}&page[cursor]={text}") == [("page[cursor]", "Invalid cursor provided.")]


def test_a_cursor_of_another_key_is_refused() -> None:
    text = print_cursor(FORWARD, read("").question, b"another secret")
    assert faults(f"page[cursor]={text}") == [("page[cursor]", "Invalid cursor provided.")]

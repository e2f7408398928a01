"""The time of an event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.protocol.creates.event_times import COLUMN_TIMES_MIN, parse_time, parse_times

offsets = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(
    lambda offset: timezone(timedelta(minutes=offset // timedelta(minutes=1)))
)
earliest, latest = datetime(2000, 1, 2), datetime(2100, 1, 1)
moments = st.datetimes(earliest, latest) | st.datetimes(earliest, latest, timezones=st.just(UTC) | offsets)
forms = st.sampled_from(["seconds", "minutes", "milliseconds", "microseconds"])


def column_of(texts: list[str]) -> list[int] | None:
    """The result of parse_times."""
    times = parse_times(texts)
    return None if times is None else times.tolist()


@given(moments, forms, st.sampled_from("T "))
def test_an_iso_time_is_read_to_the_second(moment: datetime, form: str, between: str) -> None:
    text = moment.isoformat(sep=between, timespec=form)
    expected = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    if form == "minutes":
        expected = expected.replace(second=0)
    assert parse_time(text) == int(expected.replace(microsecond=0).timestamp())


@given(st.lists(st.tuples(moments, forms, st.sampled_from("Tt ")), min_size=COLUMN_TIMES_MIN, max_size=40))
def test_a_column_of_times_is_read_like_each_of_them(parts: list[tuple[datetime, str, str]]) -> None:
    texts = [moment.isoformat(sep=between, timespec=form) for moment, form, between in parts]
    assert column_of(texts) == [parse_time(text) for text in texts]


digits = st.sampled_from("0123456789")
near_times = st.builds(
    lambda text, place, character: text[:place] + character + text[place + 1 :],
    moments.map(lambda moment: moment.isoformat(timespec="seconds")),
    st.integers(0, 25),
    st.sampled_from("0123456789:-+TZ .x９"),  # noqa: RUF001
)


@given(near_times)
def test_a_column_refuses_the_same_as_a_single_value(text: str) -> None:
    column = column_of([text] * COLUMN_TIMES_MIN)
    alone = parse_time(text)
    assert column == (None if alone is None else [alone] * COLUMN_TIMES_MIN)


@pytest.mark.parametrize("text", ["2024-02-30T00:00:00Z", "2023-02-29T00:00:00Z", "2024-06-31T00:00:00Z"])
def test_a_day_that_does_not_exist_is_refused_in_a_column(text: str) -> None:
    assert parse_times(["2024-06-15T12:00:00Z"] * COLUMN_TIMES_MIN + [text]) is None


@pytest.mark.parametrize(
    "text",
    [
        "20240615T120000Z",
        "2024-W24-6",
        "2024-167",
        "2024-06",
        "2024-06-15T12",
        "2024-06-15T12:00:60Z",
        "12:00:00",
        "2024-06-15T12:00:00+2:00",
        "2024-06-15T12:00:00 +02:00",
        "2024-06-15Z",
        "2024-06-15T12:00:00.Z",
        " 2024-06-15",
        "2024-06-15T12:00:00." + "0" * 100,
    ],
)
def test_other_forms_are_refused(text: str) -> None:
    assert parse_time(text) is None

"""The time of an event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.protocol.creates.event_times import parse_time

offsets = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(
    lambda offset: timezone(timedelta(minutes=offset // timedelta(minutes=1)))
)
earliest, latest = datetime(2000, 1, 2), datetime(2100, 1, 1)
moments = st.datetimes(earliest, latest) | st.datetimes(earliest, latest, timezones=st.just(UTC) | offsets)
forms = st.sampled_from(["seconds", "minutes", "milliseconds", "microseconds"])


@given(moments, forms, st.sampled_from("T "))
def test_an_iso_time_is_read_to_the_second(moment: datetime, form: str, between: str) -> None:
    text = moment.isoformat(sep=between, timespec=form)
    expected = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    if form == "minutes":
        expected = expected.replace(second=0)
    assert parse_time(text) == int(expected.replace(microsecond=0).timestamp())


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

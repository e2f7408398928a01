"""Moments of --since and --until."""

from __future__ import annotations

import datetime

import pytest

from eventkeep.cli.moments import parse_moment
from eventkeep.errors import ConfigurationError

NOW = datetime.datetime(2024, 6, 15, 12, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("30s", "2024-06-15T11:59:30+00:00"),
        ("90m", "2024-06-15T10:30:00+00:00"),
        ("24h", "2024-06-14T12:00:00+00:00"),
        ("7d", "2024-06-08T12:00:00+00:00"),
        ("2w", "2024-06-01T12:00:00+00:00"),
        ("2024-06-15", "2024-06-15T00:00:00+00:00"),
        ("2024-06-15T12:00", "2024-06-15T12:00:00+00:00"),
        ("2024-06-15T12:00+02:00", "2024-06-15T12:00:00+02:00"),
        ("2024-06-15T12:00:00Z", "2024-06-15T12:00:00+00:00"),
    ],
)
def test_moment_is_a_time_or_how_long_ago_it_was(text: str, moment: str) -> None:
    assert parse_moment("--since", text, NOW) == datetime.datetime.fromisoformat(moment)


@pytest.mark.parametrize("text", ["", "yesterday", "7", "1y", "-1d", "999999w", "2024-02-30", "24:00"])
def test_invalid_moments_are_refused_by_their_option(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"--until: expected a time such as .*, got"):
        parse_moment("--until", text, NOW)


def test_nothing_given_is_no_moment() -> None:
    assert parse_moment("--since", None, NOW) is None

"""The comparison of real output with the output that a page shows."""

from __future__ import annotations

import pytest

from tests.docs.matching import Matching
from tests.docs.shell import steps

KEY = "pk_jQlYqLIj9euCXPaIrXtjk8dFbPSeQfWVtBanWR4I"
OTHER_KEY = "pk_HnxZNGsIaZfIYBbCoUGBZMHOVdJpWbMVjKkGxq9U"


@pytest.mark.parametrize(
    ("shown", "got"),
    [
        ("two\nlines\n", "two\nlines"),
        ("seconds  …", "seconds  0.3"),
        ("first\n…\nlast", "first\n1\n2\nlast"),
        ("first\n…\nlast", "first\nlast"),
        ("date: Mon, 23 Nov 2026 06:53:36 GMT", "date: Tue, 01 Feb 2028 00:00:00 GMT"),
        ("2026-11-23T08:14:52+00:00", "2031-01-01T00:00:00+00:00"),
        ('"id": "UHdQmE"', '"id": "aaaaaa"'),
    ],
)
def test_output_that_is_shown_matches(shown: str, got: str) -> None:
    assert Matching("").difference(shown, got) is None


@pytest.mark.parametrize(
    ("shown", "got"),
    [
        ("two\nlines", "two"),
        ("seconds  …", "seconds"),
        ("first\n…\nlast", "first\n1\n2"),
        ("2024-06-15T12:00:00Z", "2024-06-15T12:00:01Z"),
        ("a.b", "axb"),
        ("Placed", "Viewed"),
    ],
)
def test_output_that_is_not_shown_does_not_match(shown: str, got: str) -> None:
    assert Matching("").difference(shown, got) is not None


def test_key_that_is_shown_stands_for_the_real_one_afterwards() -> None:
    matching = Matching(KEY)
    assert matching.difference(f"key {KEY}\nid jQlYqLIj", f"key {OTHER_KEY}\nid HnxZNGsI") is None
    assert matching.real("eventkeep keys revoke jQlYqLIj") == "eventkeep keys revoke HnxZNGsI"
    assert matching.difference("revoked jQlYqLIj", "revoked another8") is not None


def test_command_goes_on_for_as_long_as_bash_needs_more() -> None:
    text = "$ echo 'a\nb' \\\n    c |\n    cat\na\nb c\n$ cat <<END\nx\nEND\nx\n"
    assert [(step.command, step.shown) for step in steps(text)] == [
        ("echo 'a\nb' \\\n    c |\n    cat", "a\nb c\n"),
        ("cat <<END\nx\nEND", "x\n"),
    ]

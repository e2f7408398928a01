"""The grammar of scopes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventkeep.directory.scopes import FULL, SCOPES, parse_scopes, write_scopes
from eventkeep.errors import ConfigurationError


@given(st.frozensets(st.sampled_from(SCOPES), min_size=1) | st.just(frozenset({FULL})))
def test_writing_and_parsing_are_inverse(scopes: frozenset[str]) -> None:
    assert parse_scopes(write_scopes(scopes)) == scopes


def test_spaces_and_repeats_do_no_harm() -> None:
    assert parse_scopes(" events:read , events:read") == {"events:read"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "got ''"),
        ("events", "got 'events'"),
        ("events:delete", "got 'events:delete'"),
        ("campaigns:read,events:read", "got 'campaigns:read'"),
        ("events:read,", "got ''"),
        ("FULL", "got 'FULL'"),
        ("full,events:read", "give it alone"),
    ],
)
def test_unknown_scope_is_refused_and_named(text: str, told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        parse_scopes(text)


def test_refusal_lists_what_is_known() -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_scopes("campaigns:read")
    assert all(scope in str(caught.value) for scope in (FULL, *SCOPES))

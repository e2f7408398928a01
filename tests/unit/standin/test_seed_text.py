"""A seed that is written in any format is read as the same seed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventkeep.errors import ConfigurationError
from eventkeep.standin.seed import Seed, SeedAccount, SeedEvent, parse_seed
from eventkeep.standin.seed_text import Format, seed_text

texts = st.text(st.characters(codec="utf-8", exclude_characters="\x85\u2028\u2029\ufeff"), max_size=8)
"""PyYAML does not keep the ends of lines of other scripts as they are."""
plain = texts | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)
accounts = st.builds(
    SeedAccount,
    name=texts,
    metrics=st.lists(texts, max_size=2).map(tuple),
    profiles=st.lists(st.dictionaries(texts, values, max_size=3), max_size=2).map(tuple),
    events=st.lists(
        st.builds(
            SeedEvent,
            metric=texts,
            profile=st.fixed_dictionaries({"email": texts}),
            time=st.just("2026-06-01T12:00:00+00:00") | st.just("-3d"),
            value=st.none() | st.floats(0, 1e9),
            unique_id=st.none() | texts,
            properties=st.dictionaries(texts, values, max_size=3),
        ),
        max_size=2,
    ).map(tuple),
)


@pytest.mark.parametrize("format", ["json", "toml", "yaml"])
@settings(max_examples=25, deadline=None)
@given(account=accounts)
def test_a_written_seed_is_read_as_the_same(format: Format, account: SeedAccount) -> None:
    if format == "yaml":
        pytest.importorskip("yaml")
    document: dict[str, Any] = msgspec.to_builtins(account)
    document = msgspec.json.decode(msgspec.json.encode(document))
    written = seed_text([document], format)
    assert parse_seed(written.encode(), f"seed.{format}") == Seed((msgspec.convert(document, SeedAccount),))


def test_toml_is_laid_out_for_people() -> None:
    event = {"metric": "Order", "profile": {"email": "ada@shop.example"}, "properties": {"Items": [{"SKU": 1}]}}
    account = {"name": "shop", "metrics": ["Order"], "events": [event, {"metric": "View", "profile": {}}]}
    assert seed_text([account], "toml") == (
        "[[accounts]]\n"
        'name = "shop"\n'
        'metrics = ["Order"]\n'
        "\n"
        "[[accounts.events]]\n"
        'metric = "Order"\n'
        'profile = { email = "ada@shop.example" }\n'
        "properties = { Items = [{ SKU = 1 }] }\n"
        "\n"
        "[[accounts.events]]\n"
        'metric = "View"\n'
        "profile = {}\n"
        "\n"
    )


def test_null_is_refused_in_toml_with_its_place() -> None:
    account = {"name": "shop", "events": [{"metric": "Order", "profile": {}, "properties": {"plan": None}}]}
    with pytest.raises(ConfigurationError, match=r"accounts\.events\.properties\.plan is null"):
        seed_text([account], "toml")

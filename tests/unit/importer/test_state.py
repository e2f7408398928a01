from __future__ import annotations

from pathlib import Path

import pytest

from eventkeep.errors import ConfigurationError
from eventkeep.importer.from_api import filter_since
from eventkeep.importer.state import State, load_state, save_state

STATE = State(source="http://a", target="http://b", filter=None, started=1_000_000)


def test_state_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    assert load_state(path, "http://a", "http://b", None) is None
    STATE.position, STATE.cursor, STATE.events = 5, "abc", 7
    save_state(path, STATE)
    save_state(path, STATE)
    assert load_state(path, "http://a", "http://b", None) == STATE
    assert [each.name for each in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize(
    ("own", "told"),
    [
        (("http://c", "http://b", None), "its source is 'http://a', not 'http://c'"),
        (("http://a", "http://c", None), "its target is 'http://b', not 'http://c'"),
        (("http://a", "http://b", "has(profile)"), "its filter is None, not"),
    ],
)
def test_state_of_another_import_is_refused(tmp_path: Path, own: tuple[str, str, str | None], told: str) -> None:
    save_state(tmp_path / "state.json", STATE)
    with pytest.raises(ConfigurationError, match=told):
        load_state(tmp_path / "state.json", *own)


@pytest.mark.parametrize("content", ["", "{}", '{"colour":1}', "\xff", '{"version":2'])
def test_invalid_states_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "state.json").write_text(content, encoding="latin-1")
    with pytest.raises(ConfigurationError, match="is not the state of an import"):
        load_state(tmp_path / "state.json", "http://a", "http://b", None)


def test_missing_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be written: No such file"):
        save_state(tmp_path / "absent" / "state.json", STATE)


def test_each_pass_begins_before_the_one_before_it_began() -> None:
    state = State(source="", target="", filter=None, started=1_000_000, position=9, cursor="c")
    state.begin("closing", 1_000_500, 100)
    assert (state.stage, state.since, state.started) == ("closing", 999_900, 1_000_500)
    assert (state.position, state.cursor) == (None, None)
    state.finish()
    assert (state.stage, state.started) == ("done", 1_000_500)
    state.begin("walk", 1_001_000, 100)
    assert (state.stage, state.since, state.started) == ("walk", 1_000_400, 1_001_000)


@pytest.mark.parametrize(
    ("filter", "since", "found"),
    [
        (None, None, None),
        ("has(profile)", None, "has(profile)"),
        (None, 0, "greater-or-equal(datetime,1970-01-01T00:00:00Z)"),
        ("has(profile)", 86_400, "has(profile),greater-or-equal(datetime,1970-01-02T00:00:00Z)"),
    ],
)
def test_lower_bound_is_added_to_the_filter(filter: str | None, since: int | None, found: str | None) -> None:
    assert filter_since(filter, since) == found

"""Tables that fit, text that can't control a terminal, and figures for people."""

from __future__ import annotations

import datetime
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from eventkeep.cli.output import (
    CELL_MIN,
    GAP,
    Column,
    Output,
    Table,
    fitted,
    in_utc,
    print_details,
    printable,
    shown_bytes,
    without_absent,
)
from eventkeep.client.results import PartialEvent, PartialMetric, Profile

COLUMNS = (Column("time", 10), Column("name", 20, can_be_cut=True), Column("value", 8, is_number=True))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output, which rich takes for a window of 30 columns."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "30")


def plain(text: str) -> list[str]:
    return text.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()


def test_table_is_plain_and_uncut_without_a_window(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", "20")
    table = Table(Output(), COLUMNS)
    table.rows([["2024-06-15", "a name that is longer than any window", "9.5"], ["2024-06-16", "b", ""]])
    table.rows([["2024-06-17", "a name that is even longer than the first of them", "10"]])
    assert capsys.readouterr().out.splitlines() == [
        "time        name                                   value",
        "2024-06-15  a name that is longer than any window    9.5",
        "2024-06-16  b",
        "2024-06-17  a name that is even longer than the first of them     10",
    ]


@pytest.mark.usefixtures("terminal")
def test_table_fits_its_window(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(Output(), COLUMNS)
    table.rows([["2024-06-15", "a name that is too long", "9.5"]])
    table.rows([["2024-06-16", "\N{CJK UNIFIED IDEOGRAPH-6F22}" * 9, "10"]])
    lines = plain(capsys.readouterr().out)
    assert lines[:2] == ["time        name         value", "2024-06-15  a name tha…    9.5"]
    assert [cell_len(line) for line in lines] == [30, 30, 30]


@pytest.mark.usefixtures("terminal")
def test_followed_table_has_its_head_before_its_rows(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(Output(), COLUMNS)
    table.follow([])
    assert plain(capsys.readouterr().out) == ["time        name         value"]
    table.follow([["2024-06-15", "b", "1"]])
    (line,) = plain(capsys.readouterr().out)
    assert line.endswith("1")


@given(
    st.lists(st.tuples(st.integers(1, 200), st.booleans()), min_size=1, max_size=8),
    st.integers(20, 200),
)
def test_columns_shrink_only_if_they_must(widths: list[tuple[int, bool]], window: int) -> None:
    columns = [Column("x", width, can_be_cut=can_be_cut) for width, can_be_cut in widths]
    natural = [width for width, _ in widths]
    found = fitted(natural, columns, window)
    used = sum(found) + len(GAP) * (len(found) - 1)
    for before, after, column in zip(natural, found, columns, strict=True):
        assert after == before or (column.can_be_cut and CELL_MIN <= after < before)
    if sum(natural) + len(GAP) * (len(natural) - 1) <= window:
        assert found == natural
    elif used > window:
        assert all(not column.can_be_cut or width <= CELL_MIN for width, column in zip(found, columns, strict=True))
    else:
        assert used == window
    assert fitted(natural, columns, None) == natural


@given(st.text())
def test_nothing_that_is_shown_can_command_a_terminal(text: str) -> None:
    shown = printable(text)
    assert all(character.isprintable() or character == "\N{ZERO WIDTH JOINER}" for character in shown)
    assert "\n" not in shown
    if text.isprintable():
        assert shown == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\nb\tc\x85", "a\\nb\\tc\\x85"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}x", "\\u202ex"),
        ("a\N{NO-BREAK SPACE}b", "a b"),
        ("\N{WOMAN}\N{ZERO WIDTH JOINER}\N{ROCKET}", "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{ROCKET}"),
    ],
)
def test_control_characters_are_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.usefixtures("terminal")
def test_details_go_on_below_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    print_details(Output(), [("id", "1"), ("name", ""), ("properties", "some words that go on and on")])
    assert capsys.readouterr().out.splitlines() == [
        "id          1",
        "properties  some words that go",
        "            on and on",
    ]


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (5_432_100, "5.4 MB"),
        (76_300_000_000, "76.3 GB"),
        (271_000_000_000, "271 GB"),
        (3_000_000_000_000_000, "3,000.0 TB"),
    ],
)
def test_bytes_have_three_digits(count: int, shown: str) -> None:
    assert shown_bytes(count) == shown


def test_times_are_shown_in_utc() -> None:
    moment = datetime.datetime.fromisoformat("2024-06-15T12:00:00+02:00")
    assert in_utc(moment) == "2024-06-15 10:00:00 UTC"
    assert in_utc(None) == ""


def test_json_leaves_out_absent_fields_and_keeps_properties() -> None:
    event = PartialEvent(
        id="1",
        metric=PartialMetric(id="m"),
        profile=Profile(id="p", location={"city": "Bonn", "zip": None}, properties={"a": None}),
        event_properties={"b": None},
    )
    assert without_absent(event) == {
        "id": "1",
        "metric": {"id": "m"},
        "profile": {"id": "p", "location": {"city": "Bonn"}, "properties": {"a": None}},
        "event_properties": {"b": None},
    }
    assert "location" not in without_absent(Profile(id="p", location={"city": None}))


def test_text_that_the_output_can_not_hold_is_written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="ascii"))
    output = Output()
    output.line("caf\N{LATIN SMALL LETTER E WITH ACUTE}")
    output.flush()
    assert written.getvalue() == b"caf\\xe9\n"

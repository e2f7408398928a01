"""``eventkeep export``, and that a server filled from an export exports the same again."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from eventkeep import Client
from eventkeep.protocol.rows.columns import COLUMNS, SERVER_COLUMNS
from eventkeep.testing import ServerProcess, free_port
from tests.acceptance.program import Finished, run
from tests.source_tree import PROJECT

EXAMPLES: Final = PROJECT / "examples"
ALL: Final = 69_659
PURCHASES: Final = ALL if os.environ.get("EVENTKEEP_TEST_ALL_PURCHASES") else 6_000
"""Rows of the CDNOW purchases that are used: all of them take a minute on a slow machine."""
EVENTS: Final[list[dict[str, Any]]] = [
    {
        "metric": "Placed Order",
        "profile": {
            "external_id": "7",
            "email": "ada@shop.example",
            "phone_number": "+33612345678",
            "first_name": 'Ada "the" first',
            "last_name": "",
            "locale": "fr-FR",
            "location": {"city": "Paris", "latitude": 48.85, "zip": "75001"},
            "properties": {"plan": None, "tags": ["a", {"b": 1}], "big": 2**63 - 1},
        },
        "properties": {"items": [1, 2.50, None], "text": "a,b\nc", "emoji": "\U0001f600", "$extra": {"x": 1}},
        "time": "2024-03-01T10:00:00Z",
        "value": 9.5,
        "value_currency": "EUR",
        "unique_id": "b",
    },
    {"metric": "Placed Order", "profile": {"email": "ada@shop.example"}, "unique_id": "a", "value": 0},
    {"metric": "Placed Order", "profile": {"anonymous_id": "anon"}, "unique_id": "c"},
    {"metric": "Placed Order", "profile": {"_kx": "kx-1"}, "unique_id": "d", "service": "shop"},
    {"metric": "Viewed Page", "profile": {"external_id": "8"}, "unique_id": "e", "properties": {"$value": "none"}},
    {
        "metric": "Viewed Page",
        "profile": {"external_id": "8"},
        "unique_id": "f",
        "time": "2024-03-02",
        "properties": {"$value_currency": "no code", "n": 10**17},
    },
]
"""Events of every kind; those without a time all belong to one second."""


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Another server, empty."""
    with ServerProcess(tmp_path_factory.mktemp("second") / "data") as process:
        yield process


@pytest.fixture
def key(server: ServerProcess, request: pytest.FixtureRequest) -> str:
    """A key of an account of the test's own."""
    return server.make_key(account=request.node.name)


def export(server: ServerProcess, key: str, *arguments: str | Path) -> Finished:
    done = run("export", *arguments, "--url", server.url, EVENTKEEP_API_KEY=key)
    assert (done.code, "Traceback" in done.errors) == (0, False), done.errors
    return done


def import_(server: ServerProcess, key: str, *arguments: str | Path) -> dict[str, str]:
    done = run("import", *arguments, "--url", server.url, EVENTKEEP_API_KEY=key)
    assert done.code == 0, done.errors
    return done.figures()


def keep(server: ServerProcess, key: str, events: list[dict[str, Any]] = EVENTS) -> None:
    with Client(key, server.url, "2024-07-15") as client:
        for event in events:
            client.track(**{"time": "2024-01-01T00:00:00Z", **event})


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_purchases_exported_and_imported_elsewhere_export_the_same(
    server: ServerProcess, second: ServerProcess, key: str, tmp_path: Path
) -> None:
    purchases = tmp_path / "purchases.csv"
    with gzip.open(EXAMPLES / "cdnow-purchases.csv.gz", "rt") as lines:
        purchases.write_text("".join(line for _, line in zip(range(PURCHASES + 1), lines, strict=False)))
    assert import_(server, key, purchases, "--mapping", EXAMPLES / "cdnow-mapping.toml")["events stored"] == (
        f"{PURCHASES:,}"
    )
    first, again = tmp_path / "first.parquet", tmp_path / "again.parquet"
    assert export(server, key, first).figures()["events"] == f"{PURCHASES:,}"
    other_key = second.make_key(account="purchases")
    assert import_(second, other_key, first)["events stored"] == f"{PURCHASES:,}"
    assert export(second, other_key, again).figures()["events"] == f"{PURCHASES:,}"
    assert first.read_bytes() == again.read_bytes()
    assert import_(server, key, again)["events repeated"] == f"{PURCHASES:,}"


@pytest.mark.parametrize("suffix", [".csv", ".jsonl.gz", ".parquet"])
def test_events_of_every_kind_survive_every_format(
    server: ServerProcess, second: ServerProcess, key: str, tmp_path: Path, suffix: str
) -> None:
    keep(server, key)
    first, again = tmp_path / f"first{suffix}", tmp_path / f"again{suffix}"
    export(server, key, first)
    other_key = second.make_key(account=suffix)
    assert import_(second, other_key, first)["events stored"] == str(len(EVENTS))
    export(second, other_key, again)
    assert first.read_bytes() == again.read_bytes()


def test_export_holds_the_events_that_were_sent(server: ServerProcess, key: str, tmp_path: Path) -> None:
    keep(server, key)
    export(server, key, tmp_path / "all.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    assert [row["unique_id"] for row in rows] == ["a", "c", "d", "e", "b", "f"]
    order = rows[4]
    assert order == {
        "time": "2024-03-01T10:00:00+00:00",
        "metric": "Placed Order",
        "service": "api",
        "unique_id": "b",
        "value": 9.5,
        "value_currency": "EUR",
        "properties": EVENTS[0]["properties"],
        **{f"profile_{name}": value for name, value in EVENTS[0]["profile"].items()},
    }
    assert rows[5]["properties"] == EVENTS[5]["properties"]
    assert [row.get("value") for row in rows] == [0, 0, None, None, 9.5, None]
    assert (rows[2]["service"], rows[1]["profile_anonymous_id"]) == ("shop", "anon")


def test_filter_period_sort_and_ids(server: ServerProcess, key: str) -> None:
    keep(server, key)

    def exported(*options: str) -> list[dict[str, str]]:
        return rows_of(export(server, key, "-", "--format", "csv", *options).output)

    assert [row["unique_id"] for row in exported("--since", "2024-03-01")] == ["b", "f"]
    assert [row["unique_id"] for row in exported("--since", "2024-03-01", "--until", "2024-03-02")] == ["b"]
    assert [row["unique_id"] for row in exported("--sort=-datetime")] == ["f", "b", "a", "c", "d", "e"]
    assert [row["unique_id"] for row in exported("--page-size", "1")] == ["a", "c", "d", "e", "b", "f"]
    with_ids = exported("--ids")
    assert tuple(with_ids[0]) == (*COLUMNS, *SERVER_COLUMNS)
    metric = with_ids[-1]["metric_id"]
    assert [row["unique_id"] for row in exported("--filter", f'equals(metric_id,"{metric}")')] == ["e", "f"]
    assert tuple(exported("--since", "2025-01-01")) == ()


def test_columns_of_a_server_s_own_are_passed_over(
    server: ServerProcess, second: ServerProcess, key: str, tmp_path: Path
) -> None:
    keep(server, key)
    export(server, key, tmp_path / "with.csv", "--ids")
    export(server, key, tmp_path / "without.csv")
    other_key = second.make_key(account="ids")
    assert import_(second, other_key, tmp_path / "with.csv")["events stored"] == str(len(EVENTS))
    export(second, other_key, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "without.csv").read_bytes()


def test_old_revision_is_spoken_when_asked(server: ServerProcess, key: str) -> None:
    keep(server, key)
    rows = rows_of(export(server, key, "-", "--format", "csv", "--revision", "2023-07-15").output)
    assert [row["unique_id"] for row in rows] == ["a", "c", "d", "e", "b", "f"]


def test_target_is_replaced_whole_or_not_at_all(server: ServerProcess, key: str, tmp_path: Path) -> None:
    target = tmp_path / "all.csv"
    target.write_text("as it was")
    options: list[str | Path] = ["export", target, "--url", server.url]
    done = run(*options, "--filter", "equals(colour,1)", EVENTKEEP_API_KEY=key)
    assert (done.code, target.read_text()) == (2, "as it was")
    assert "colour" in done.errors
    assert run(*options, EVENTKEEP_API_KEY="pk_wrong").code == 4
    assert run("export", target, "--url", f"http://127.0.0.1:{free_port()}", EVENTKEEP_API_KEY="pk_any").code == 5
    assert [path.name for path in tmp_path.iterdir()] == ["all.csv"]
    export(server, key, target)
    assert target.read_text() == ",".join(COLUMNS) + "\n"


def test_settings_of_the_file_hold_for_every_command(server: ServerProcess, key: str, tmp_path: Path) -> None:
    keep(server, key)
    settings = tmp_path / "eventkeep.toml"
    settings.write_text(f'url = "{server.url}"\napi_key = "{key}"\n[export]\nformat = "jsonl"\nsince = 2024-03-02\n')
    done = run("export", "-", folder=tmp_path)
    assert [json.loads(line)["unique_id"] for line in done.output.splitlines()] == ["f"]
    done = run("send", "--metric", "A", "--email", "a@shop.example", folder=tmp_path)
    assert done.figures()["stored"] == "1"
    settings.write_text(settings.read_text() + "colour = 1\n")
    done = run("export", "-", folder=tmp_path)
    assert done.code == 2
    assert "eventkeep.toml: export.colour: eventkeep export has no option 'colour'" in done.errors

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from eventkeep.testing import ServerProcess, free_port
from tests.acceptance.program import Finished, run

CSV = b"""order,mail,placed,total,items
1,ada@shop.example,01/03/2024 10:00,9.50,2
2,grace@shop.example,01/03/2024 11:30,,1
3,ada@shop.example,02/03/2024 00:00,100,
"""
MAPPING = """
metric = "Placed Order"
unique_id = "order-{order}"
value = "{total}"
time = { column = "placed", format = "%d/%m/%Y %H:%M" }
profile.email = "{mail}"
properties.items = { column = "items", type = "integer" }
"""


@pytest.fixture
def key(server: ServerProcess, request: pytest.FixtureRequest) -> str:
    """A key of an account of the test's own."""
    return server.make_key(account=request.node.name)


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    """The file, beside its mapping."""
    (tmp_path / "mapping.toml").write_text(MAPPING)
    path = tmp_path / "orders.csv"
    path.write_bytes(CSV)
    return path


def import_(server: ServerProcess, key: str, *arguments: str | Path, given: bytes = b"") -> Finished:
    return run("import", *arguments, "--url", server.url, given=given, EVENTKEEP_API_KEY=key)


def events(server: ServerProcess, key: str) -> list[dict[str, Any]]:
    """All events of the account, oldest first."""
    response = httpx.get(
        f"{server.url}/api/events/",
        params={"sort": "datetime", "include": "profile,metric"},
        headers={"Authorization": f"Klaviyo-API-Key {key}", "revision": "2024-06-15"},
    )
    found: list[dict[str, Any]] = response.raise_for_status().json()["data"]
    return [event["attributes"] for event in found]


def test_rows_become_events(server: ServerProcess, key: str, orders: Path) -> None:
    done = import_(server, key, orders, "--mapping", orders.with_name("mapping.toml"))
    assert (done.code, done.errors) == (0, "")
    figures = done.figures()
    assert (figures["events sent"], figures["events stored"], figures["events repeated"]) == (
        "3 in 1 requests",
        "3",
        "0",
    )
    found = events(server, key)
    assert [event["datetime"] for event in found] == [
        "2024-03-01T10:00:00+00:00",
        "2024-03-01T11:30:00+00:00",
        "2024-03-02T00:00:00+00:00",
    ]
    assert [event["event_properties"] for event in found] == [
        {"items": 2, "$event_id": "order-1", "$value": 9.5},
        {"items": 1, "$event_id": "order-2", "$value": 0},
        {"$event_id": "order-3", "$value": 100},
    ]


def test_second_import_stores_nothing(server: ServerProcess, key: str, orders: Path) -> None:
    options = ["--map", "metric=Order", "--map", "profile.email={mail}", "--map", "time={placed}"]
    options += ["--time-format", "%d/%m/%Y %H:%M", "--shift-years=-1"]
    first, second = (import_(server, key, orders, *options).figures() for _ in range(2))
    assert (first["events stored"], first["events repeated"]) == ("3", "0")
    assert (second["events stored"], second["events repeated"]) == ("0", "3")
    assert events(server, key)[0]["datetime"] == "2023-03-01T10:00:00+00:00"


def test_json_lines_come_compressed_from_standard_input(server: ServerProcess, key: str) -> None:
    rows = [
        {"customer": {"id": 7}, "at": 1709287200, "deep": {"list": [1, {"a": None}]}, "flag": True},
        {"customer": {"id": 8}, "at": 1709287201},
    ]
    done = import_(
        server,
        key,
        *("-", "--format", "jsonl", "--map", "metric=Signed Up", "--map", "profile.external_id={customer.id}"),
        *("--map", "time={at}", "--time-format", "unix", "--map", "properties.deep={deep}"),
        *("--map", "properties.flag={flag}"),
        given=gzip.compress("\n".join(json.dumps(row) for row in rows).encode()),
    )
    assert done.code == 0
    first, second = (event["event_properties"] for event in events(server, key))
    assert (first["deep"], first["flag"]) == ({"list": [1, {"a": None}]}, True)
    assert second.keys() == {"$event_id"}


def test_many_rows_fill_several_requests(server: ServerProcess, key: str, tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    path.write_text("id\n" + "".join(f"{number}\n" for number in range(2_500)))
    options = ["--map", "metric=Tick", "--map", "profile.external_id={id}", "--map", "time=2024-01-01"]
    assert import_(server, key, path, *options).figures()["events sent"] == "2,500 in 3 requests"


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ([], 2, "say how a row becomes an event"),
        (["--map", "metric=A"], 2, "no identifier of the profile"),
        (["--map", "metric=A", "--map", "profile.email={email}"], 2, "the file has not; it has order, mail"),
        (
            ["--map", "metric=A", "--map", "profile.email={mail}", "--map", "value={placed}"],
            3,
            "row 1: value: expected",
        ),
        (["--map", "metric=A", "--map", "profile.email={order}"], 3, "row 1: "),
        (["--map", "metric=A", "--map", "profile.email={mail}", "--time-format", "unix"], 2, "need a mapping of time"),
        (["--mapping", "absent.toml"], 2, "absent.toml can't be read"),
    ],
)
def test_faults_are_named(
    server: ServerProcess, key: str, orders: Path, options: list[str], code: int, message: str
) -> None:
    done = import_(server, key, orders, *options)
    assert done.code == code
    assert message in done.errors
    assert "Traceback" not in done.errors
    assert events(server, key) == []


def test_wrong_key_and_absent_server_have_exit_codes_of_their_own(server: ServerProcess, orders: Path) -> None:
    options: list[str | Path] = [orders, "--mapping", orders.with_name("mapping.toml")]
    refused = import_(server, "pk_wrong", *options)
    assert (refused.code, refused.figures()["events sent"]) == (4, "0 in 0 requests")
    assert "Missing or invalid private key." in refused.errors
    absent = run("import", *options, "--url", f"http://127.0.0.1:{free_port()}", "--api-key", "pk_any")
    assert absent.code == 5
    assert "no response from" in absent.errors
    assert "--url" in absent.errors

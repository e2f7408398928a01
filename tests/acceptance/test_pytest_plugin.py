"""The pytest plugin in a small project of its own."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

SHOP = """
from eventkeep import Client


def check_out(email, total, items):
    with Client() as client:
        client.track("Placed Order", {"email": email}, value=total, properties={"items": items})
"""

GOOD = """
import sys

import pytest
from shop import check_out


def test_order_is_tracked(eventkeep):
    check_out("ada@shop.example", 42.5, ["cup"])
    event = eventkeep.received("Placed Order", profile="ada@shop.example", value=42.5, properties={"items": ["cup"]})
    assert event.event_properties["items"] == ["cup"]
    eventkeep.nothing_else()


@pytest.mark.parametrize("number", range(20))
def test_every_test_has_an_account_of_its_own(eventkeep, number):
    assert eventkeep.events() == []
    check_out("ada@shop.example", number, [])
    eventkeep.received("Placed Order", value=number, times=1)
    eventkeep.nothing_else()


def test_background_events_are_waited_for(eventkeep):
    with eventkeep.client.batch(delay_seconds=0.05) as batch:
        batch.track("Viewed Page", {"external_id": "7"}, unique_id="1")
        eventkeep.received("Viewed Page", profile="7", unique_id="1", within=10)


def test_the_tests_load_no_part_of_the_server_but_its_socket(eventkeep):
    assert not {"sqlalchemy", "eventkeep.directory", "eventkeep.server.control"} & set(sys.modules)


def test_own_events_are_no_surprise(eventkeep):
    eventkeep.track("Started", {"external_id": "7"})
    eventkeep.nothing_else()
"""

CONTROLLED = """
import datetime

import pytest
from shop import check_out

NOON = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.timezone.utc)
SEED = {"events": [{"metric": "Viewed Product", "profile": {"email": f"{name}@shop.example"}} for name in "abc"]}


@pytest.mark.parametrize("number", range(4))
def test_a_reset_doubles_nothing(eventkeep, number):
    eventkeep.controls.fail("reset_after", times=1)
    check_out("ada@shop.example", number, [])
    eventkeep.received("Placed Order", times=1)
    kinds = [request.get("kind") for request in eventkeep.controls.requests(operation="create_event")]
    assert kinds == ["reset_after", None]


@pytest.mark.parametrize("number", range(98))
def test_a_seed_is_loaded_again(eventkeep, number):
    eventkeep.controls.load_seed(SEED)
    check_out("ada@shop.example", number, [])
    assert eventkeep.controls.expect("Placed Order", value=number)["count"] == 1
    assert eventkeep.controls.reset()["events"] == 3
    assert [event.metric.name for event in eventkeep.events()] == ["Viewed Product"] * 3


@pytest.mark.parametrize("number", range(98))
def test_clocks_and_faults_are_those_of_one_test(eventkeep, number):
    assert not eventkeep.controls.clock()["controlled"] and eventkeep.controls.faults() == []
    eventkeep.controls.freeze(NOON + datetime.timedelta(seconds=number))
    eventkeep.controls.fail("status", status=503)
    assert eventkeep.controls.now() == NOON + datetime.timedelta(seconds=number)
"""

BAD = """
from shop import check_out


def test_wrong_value(eventkeep):
    check_out("ada@shop.example", 40, ["cup"])
    check_out("grace@shop.example", 42.5, ["pot"])
    eventkeep.received("Placed Order", profile="ada@shop.example", value=42.5)


def test_nothing(eventkeep):
    eventkeep.received("Placed Order")


def test_something_else(eventkeep):
    check_out("ada@shop.example", 40, ["cup"])
    eventkeep.nothing_else()


def test_too_often(eventkeep):
    check_out("ada@shop.example", 40, [])
    check_out("grace@shop.example", 40, [])
    eventkeep.received("Placed Order", value=40, times=1)
"""


def run_pytest(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "shop.py").write_text(SHOP)
    (folder / "pytest.ini").write_text("[pytest]\n")
    installed = importlib.metadata.entry_points(group="pytest11", name="eventkeep")
    plugin = [] if installed else ["-p", "eventkeep.pytest_plugin"]
    command = [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugin, *options]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "EVENTKEEP"))}
    environment["PYTHONPATH"] = str(folder)
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_project_tests_its_events(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "test_shop.py").write_text(GOOD)
    done = run_pytest(tmp_path, *options)
    assert done.returncode == 0, done.stdout
    assert "24 passed" in done.stdout


def test_project_controls_its_server_in_parallel(tmp_path: Path) -> None:
    (tmp_path / "test_controls.py").write_text(CONTROLLED)
    done = run_pytest(tmp_path, "-n", "2")
    assert done.returncode == 0, done.stdout
    assert "200 passed" in done.stdout
    print(done.stdout.splitlines()[-1])


def test_failed_assertions_explain_themselves(tmp_path: Path) -> None:
    (tmp_path / "test_shop.py").write_text(BAD)
    said = run_pytest(tmp_path).stdout
    assert "4 failed" in said
    for line in (
        "no event 'Placed Order' with profile='ada@shop.example', value=42.5; 2 received:",
        "'Placed Order' of ada@shop.example, value=40",
        "properties={'items': ['cup']}  <- value is 40",
        "'Placed Order' of grace@shop.example, value=42.5, properties={'items': ['pot']}  <- profile is 'grace@shop.",
        "no event 'Placed Order'; no event was received",
        "expected no other event; 1 more received:",
        "2 events, expected 1: 'Placed Order' with value=40; 2 received:",
    ):
        assert line in said

"""``eventkeep attribution``: windows change while a server runs, and stay in the folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eventkeep.testing import ServerProcess
from tests.acceptance.program import run
from tests.contract.api import iso
from tests.contract.shop import Shop

START = 1_718_452_800


def listed(data: Path, account: str) -> dict[str, Any]:
    done = run("attribution", "--data", data, "--account", account, "--json")
    assert (done.code, done.errors) == (0, "")
    return {each["metric"]: each for each in map(json.loads, done.output.splitlines())}


def test_windows_are_changed_while_a_server_runs(server: ServerProcess) -> None:
    with Shop(server, "windows") as shop:
        shop.create("Clicked SMS", time=iso(START), properties={"$message": "M"})
        shop.create("Placed Order", time=iso(START + 7_200))
        account = "--account", shop.account, "--data", server.data

        def is_credited() -> bool:
            return bool(shop.page(include="attributions")["included"])

        assert is_credited()
        done = run("attribution", "set", "Clicked SMS", "1h", "Opened Push", "off", *account)
        assert (done.code, done.output) == (0, f"changed  attribution of {shop.account}\n")
        assert not is_credited()
        found = listed(server.data, shop.account)
        assert (found["Clicked SMS"]["window_seconds"], found["Clicked SMS"]["default_seconds"]) == (3_600, 432_000)
        assert found["Opened Push"]["window_seconds"] is None
        assert run("attribution", "reset", *account).code == 0
        assert is_credited()


def test_without_a_server_they_are_kept_in_the_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert run("keys", "create", "--data", data, "--quiet").code == 0
    assert run("attribution", "set", "Read Letter", "30d", "--starts", "sent", "--data", data).code == 0
    shown = run("attribution", "list", "--data", data).output
    assert "Read Letter" in shown and "30d" in shown
    assert shown.endswith("A window starts when the message was sent.\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["set", "Clicked SMS"], "each followed by its window"),
        (["set", "Clicked SMS", "soon"], "expected a window such as 12h, 5d or off, got 'soon'"),
        (["set", "--starts", "later"], "expected touch or sent"),
        (["set", "Clicked SMS", "31d"], "expected a window of 1 second to 30 days"),
        (["list", "--account", "nobody"], "there is no account 'nobody'"),
        (["reset", "--account", "nobody"], "there is no account 'nobody'"),
    ],
)
def test_what_can_not_be_set_is_refused(server: ServerProcess, arguments: list[str], told: str) -> None:
    done = run("attribution", *arguments, "--data", server.data)
    assert done.code != 0
    assert told in done.errors


def test_events_are_listed_with_the_message_that_they_are_credited_to(server: ServerProcess) -> None:
    with Shop(server, "credited") as shop:
        shop.create("Opened Email", time=iso(START), properties={"$message": "UupFUS", "$flow": "Welcome"})
        shop.create("Placed Order", time=iso(START + 60))
        options = "--include", "attributions", "--url", server.url, "--api-key", shop.key
        order, touch = (json.loads(line) for line in run("events", "--json", *options).output.splitlines())
        (found,) = order["attributions"]
        assert (found["attributed_event_id"], found["flow_message_id"]) == (touch["id"], "UupFUS")
        assert "attributions" not in touch
        shown = run("events", "show", order["id"], *options).output
        assert "UupFUS (flow Welcome)" in shown
        assert run("events", "--include", "lists", "--url", server.url, "--api-key", shop.key).code != 0

"""``eventkeep control``: the same from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eventkeep.cli.app import program
from eventkeep.client.synchronous.client import Client
from eventkeep.errors import ConfigurationError
from eventkeep.server.controls.installation import read_seed
from eventkeep.testing import Controls, ServerProcess


class Program:
    """Runs commands in this process, for the account of a key."""

    def __init__(self, standin: ServerProcess, key: str, output: pytest.CaptureFixture[str]) -> None:
        self._account = ["--url", standin.url, "--api-key", key]
        self._output = output

    def __call__(self, *words: str, exit_code: int = 0) -> list[Any]:
        """The JSON that a command prints."""
        ended = program().main(["control", *words, *self._account], standalone_mode=False)
        assert (ended or 0) == exit_code
        text = self._output.readouterr().out
        try:
            return [json.loads(text)]
        except ValueError:
            return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def control(standin: ServerProcess, key: str, capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(standin, key, capsys)


def test_the_clock(control: Program) -> None:
    (state,) = control("clock", "--freeze", "--at", "2026-12-31T23:59:59", "--advance", "1")
    assert (state["now"], state["frozen"]) == (1_798_761_600.0, True)
    (state,) = control("clock", "--reset")
    assert state["controlled"] is False
    (state,) = control("clock", "--at", "1d", "--rate", "60")
    assert state["rate"] == 60


def test_a_clock_that_stands_still_has_no_rate(control: Program) -> None:
    with pytest.raises(ConfigurationError, match="--freeze, --rate"):
        control("clock", "--freeze", "--rate", "2")


def test_faults_and_requests(control: Program, client: Client) -> None:
    (rule,) = control("fail", "latency", "--latency", "0.01", "--operation", "create_event", "--times", "1")
    assert rule["rule"]["times"] == 1
    client.track("Order", {"email": "ada@shop.example"})
    (request,) = control("requests", "--status", "202")
    assert (request["operation"], request["kind"]) == ("create_event", "latency")
    assert len(control("fail", "--as", "throttled")) == 2
    assert control("faults", "--clear") == [] and control("requests", "--clear") == []
    with pytest.raises(ConfigurationError, match="--as"):
        control("fail")


def test_expectations(control: Program, client: Client) -> None:
    client.track("Order", {"email": "ada@shop.example"}, value=1, properties={"items": 2})
    (found,) = control("expect", "Order", "--identifier", "ada@shop.example", "--property", "items:=2")
    assert found["count"] == 1
    (missed,) = control("expect", "Order", "--value", "2", exit_code=1)
    assert missed["differences"] == ["value is 1.0, not 2.0"]


@pytest.mark.parametrize("ending", ["toml", "yaml"])
def test_a_dump_can_be_read_as_a_seed(control: Program, client: Client, tmp_path: Path, ending: str) -> None:
    client.track("Order", {"email": "ada@shop.example"}, unique_id="1", value=4, properties={"items": [{"n": 1}]})
    path = tmp_path / f"seed.{ending}"
    control("dump", "--output", str(path))
    (account,) = read_seed(path).accounts
    (event,) = account.events
    assert (event.unique_id, event.value, event.properties) == ("1", 4, {"items": [{"n": 1}]})
    with pytest.raises(ConfigurationError, match="--format: expected json, toml or yaml, got 'xml'"):
        control("dump", "--format", "xml")


def test_reset_and_dump(control: Program, client: Client, tmp_path: Path) -> None:
    client.track("Order", {"email": "ada@shop.example"}, unique_id="1")
    control("dump", "--output", str(tmp_path / "seed.json"))
    (account,) = json.loads((tmp_path / "seed.json").read_text())["accounts"]
    assert account["events"][0]["unique_id"] == "1"
    (reset,) = control("reset")
    assert reset["events"] == 0
    assert control("dump") == [{"accounts": [{"name": account["name"]}]}]


def test_webhooks(control: Program, controls: Controls) -> None:
    (hook,) = control("webhooks", "--to", "http://127.0.0.1:1/", "--secret", "a-secret-of-the-webhook")
    assert (hook["url"], hook["topics"]) == ("http://127.0.0.1:1/", ["event:*"])
    assert control("webhooks", "--clear") == []
    with pytest.raises(ConfigurationError, match="--secret"):
        control("webhooks", "--to", "http://127.0.0.1:1/")

"""Commands on the log of a folder: followers go on where they stopped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eventkeep.cli.app import program
from eventkeep.cli.exits import errors_end_the_program
from eventkeep.ingest.stores import Stores
from eventkeep.log.followers import Follower, note, read_followers
from tests.faults.damages import keep
from tests.unit.cli.in_process import ended


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    stores = Stores.open(tmp_path / "data")
    keep(stores, [], 1)
    return stores


@pytest.fixture
def data(stores: Stores, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the stores. A command that follows the log ends when it would wait."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("eventkeep.cli.log.time.sleep", interrupt)
    return tmp_path / "data"


def tailed(capsys: pytest.CaptureFixture[str], data: Path, *options: str) -> list[int]:
    """The positions of the records that ``log tail`` shows before it waits."""
    capsys.readouterr()
    code, output = run(capsys, "log", "tail", "--data", str(data), "--json", *options)
    assert code == 130
    return [json.loads(line)["position"] for line in output.splitlines()]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str]:
    with pytest.raises(SystemExit) as end, errors_end_the_program():
        program().main(list(arguments), prog_name="eventkeep")
    return end.value.code, capsys.readouterr().out


def test_follower_goes_on_where_it_stopped(capsys: pytest.CaptureFixture[str], stores: Stores, data: Path) -> None:
    assert tailed(capsys, data, "--follower", "warehouse") == []
    assert read_followers(data) == [Follower("warehouse", 2)]
    keep(stores, [], 2)
    keep(stores, [], 3)
    assert tailed(capsys, data, "--follower", "warehouse") == [3, 4]
    assert tailed(capsys, data, "--follower", "warehouse") == []
    assert tailed(capsys, data, "--follower", "warehouse", "--from", "2") == [2, 3, 4]
    assert tailed(capsys, data) == []
    keep(stores, [], 4)
    assert run(capsys, "log", "followers", "--data", str(data)) == (0, "warehouse: record 4, 1 behind\n")
    assert run(capsys, "log", "followers", "--data", str(data), "--json") == (
        0,
        '{"follower":"warehouse","position":4,"behind":1}\n',
    )


def test_follower_of_another_log_is_refused(capsys: pytest.CaptureFixture[str], stores: Stores, data: Path) -> None:
    note(data, Follower("warehouse", 9))
    assert ended(capsys, "log", "tail", "--data", str(data), "--follower", "warehouse") == (
        2,
        "eventkeep: the follower 'warehouse' has record 9, and the log ends at 2: it has followed another log; "
        "give --from, or remove it with eventkeep log forget\n",
    )
    assert tailed(capsys, data, "--follower", "warehouse", "--from", "2") == [2]


def test_follower_is_forgotten(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    tailed(capsys, data, "--follower", "warehouse")
    assert run(capsys, "log", "forget", "warehouse", "--data", str(data))[0] == 0
    assert read_followers(data) == []
    assert ended(capsys, "log", "forget", "warehouse", "--data", str(data)) == (
        2,
        "eventkeep: there is no follower 'warehouse'\n",
    )

"""``eventkeep import --from-api``: from one server into another while events are written to the first."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from eventkeep import Client
from eventkeep.testing import ServerProcess
from tests.acceptance.program import Finished, run

BEFORE: Final = 3_000
"""Events that the source has when the import begins."""
PAGE: Final = 200
LIMITS: Final = '[rate_limits]\nget_events = "5/s 10000/m"\ncreate_event = "off"\nbulk_create_events = "off"\n'
"""The source throttles its readers, so that the walk takes a while, and waits as the responses say."""
SECONDS_MAX: Final = 120.0


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("source")
    (folder / "limits.toml").write_text(LIMITS)
    with ServerProcess(folder / "data", rate_limits=None, options=("--config", str(folder / "limits.toml"))) as process:
        yield process


class Writer(threading.Thread):
    """Writes single events to a server until it is stopped: some of now, some late by up to 45 minutes."""

    def __init__(self, server: ServerProcess, key: str) -> None:
        super().__init__()
        self._server, self._key = server, key
        self._ended = threading.Event()
        self._chance = random.Random(6)
        self.written = 0

    def run(self) -> None:
        with Client(self._key, self._server.url) as client:
            while not self._ended.is_set():
                late = self._chance.choice([0, 0, self._chance.randrange(2_700)])
                at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=late)
                profile = {"external_id": str(self._chance.randrange(50))}
                client.track("Arrived", profile, time=at, unique_id=f"late-{self.written}", value=late)
                self.written += 1
                time.sleep(0.02)

    def stop(self) -> None:
        self._ended.set()
        self.join()


class Import:
    """The command, its keys, and the content of its state file."""

    def __init__(self, source: ServerProcess, target: ServerProcess, folder: Path, name: str) -> None:
        self.source_key, self.target_key = source.make_key(account=name), target.make_key(account=name)
        self.state = folder / "state.json"
        self._folder = folder
        self.arguments = ["import", "--from-api", source.url, "--url", target.url, "--state", "state.json"]
        self.arguments += ["--page-size", str(PAGE)]
        self._keys = {"EVENTKEEP_FROM_API_KEY": self.source_key, "EVENTKEEP_API_KEY": self.target_key}

    def run(self, *options: str) -> Finished:
        return run(*self.arguments, *options, folder=self._folder, given=b"", **self._keys)

    @contextlib.contextmanager
    def started(self) -> Iterator[subprocess.Popen[str]]:
        command = [sys.executable, "-m", "eventkeep", *self.arguments]
        environment = {**os.environ, "NO_COLOR": "1", **self._keys}
        with subprocess.Popen(
            command,
            cwd=self._folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()

    def wait(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The state, as soon as it fulfils the condition."""
        deadline = time.monotonic() + SECONDS_MAX
        while time.monotonic() < deadline:
            if self.state.exists() and holds(state := json.loads(self.state.read_text())):
                return dict(state)
            time.sleep(0.01)
        raise TimeoutError(f"the import did not come so far: {self.state}")


def keep_old_events(server: ServerProcess, key: str, count: int) -> None:
    """Events of the 50 minutes before now."""
    now = datetime.datetime.now(datetime.UTC)
    with Client(key, server.url) as client, client.batch() as batch:
        for number in range(count):
            at = now - datetime.timedelta(seconds=3_000 - 2_900 * number // count)
            profile = {"external_id": str(number % 50), "properties": {"group": number % 50 % 7}}
            batch.track("Placed Order", profile, time=at, unique_id=str(number), value=number / 4, service="shop")


def exported(server: ServerProcess, key: str) -> str:
    done = run("export", "-", "--format", "jsonl", "--url", server.url, EVENTKEEP_API_KEY=key)
    assert done.code == 0, done.errors
    return done.output


def test_killed_and_resumed_while_the_source_is_written_to(
    source: ServerProcess, server: ServerProcess, tmp_path: Path
) -> None:
    work = Import(source, server, tmp_path, "killed")
    keep_old_events(source, work.source_key, BEFORE)
    writer = Writer(source, work.source_key)
    writer.start()
    try:
        with work.started() as process:
            killed_at = work.wait(lambda state: state["events"] >= BEFORE // 3)
            process.kill()
        with work.started() as process:
            resumed = work.wait(lambda state: state["events"] > killed_at["events"] + PAGE)
            writer.stop()
            output, errors = process.communicate(timeout=SECONDS_MAX)
    finally:
        writer.stop()
    assert process.returncode == 0, errors
    assert "state.json: going on at events of " in errors
    assert (killed_at["stage"], resumed["stage"]) == ("walk", "walk")
    assert work.wait(lambda _: True)["stage"] == "done"
    assert writer.written > 0
    first = exported(source, work.source_key)
    assert first.count("\n") == BEFORE + writer.written
    assert exported(server, work.target_key) == first
    # It continued at the place of the kill: only the second pass read events from before it again.
    assert "events repeated" in output

    # Another run imports the events that are new since.
    with Client(work.source_key, source.url) as client:
        for number in range(3):
            client.track("Arrived", {"external_id": "1"}, unique_id=f"new-{number}")
    again = work.run()
    assert (again.code, again.figures()["events stored"]) == (0, "3")
    assert "state.json: all was imported at " in again.errors
    assert exported(server, work.target_key) == exported(source, work.source_key)


def test_filter_and_states_of_other_imports(source: ServerProcess, server: ServerProcess, tmp_path: Path) -> None:
    work = Import(source, server, tmp_path, "filtered")
    with Client(work.source_key, source.url) as client:
        for day in range(1, 6):
            client.track("A", {"email": "ada@shop.example"}, time=f"2024-03-0{day}", unique_id=str(day))
    options = ("--since", "2024-03-02", "--filter", "less-than(datetime,2024-03-05)", "--overlap", "0")
    assert work.run(*options).figures()["events stored"] == "3"
    other = work.run("--since", "2024-03-03")
    assert other.code == 2
    assert "state.json is of another import: its filter is " in other.errors
    work.state.write_text("{")
    assert "is not the state of an import" in work.run(*options).errors
    work.state.unlink()
    repeated = work.run(*options).figures()
    assert (repeated["events stored"], repeated["events repeated"]) == ("0", "3")


def test_cursor_that_the_source_does_not_know_costs_repeats_only(
    source: ServerProcess, server: ServerProcess, tmp_path: Path
) -> None:
    work = Import(source, server, tmp_path, "cursor")
    with Client(work.source_key, source.url) as client:
        for day in range(1, 6):
            client.track("A", {"email": "ada@shop.example"}, time=f"2024-03-0{day}T00:00:00Z", unique_id=str(day))
    assert work.run().code == 0
    state = json.loads(work.state.read_text())
    march_3 = int(datetime.datetime(2024, 3, 3, tzinfo=datetime.UTC).timestamp())
    work.state.write_text(json.dumps({**state, "stage": "walk", "since": None, "position": march_3, "cursor": "AAAA"}))
    done = work.run()
    assert (done.code, done.figures()["events repeated"]) == (0, "3")
    assert json.loads(work.state.read_text())["stage"] == "done"


def test_either_key_can_be_refused(source: ServerProcess, server: ServerProcess, tmp_path: Path) -> None:
    work = Import(source, server, tmp_path, "keys")
    with Client(work.source_key, source.url) as client:
        client.track("A", {"email": "ada@shop.example"})
    assert work.run("--from-api-key", "pk_wrong").code == 4
    assert work.run("--api-key", "pk_wrong").code == 4
    assert not work.state.exists()

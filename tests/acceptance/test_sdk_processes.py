"""The events of a batch when their process ends: by itself, by SIGTERM, by SIGKILL."""

from __future__ import annotations

import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventkeep import Client
from eventkeep.testing import ServerProcess
from tests.acceptance.sdk import Place
from tests.source_tree import PROJECT

EVENTS = 200


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Client]:
    """A client of an account of the test's own."""
    with Place(server, Client).connect_new(uuid.uuid4().hex) as found:
        yield found


class Program:
    """A run of ``batch_program.py``."""

    def __init__(self, flavour: str, end: str, client: Client, spool: Path | None = None, events: int = EVENTS) -> None:
        settings = client.settings
        arguments = [flavour, end, settings.base_url, settings.api_key, str(spool or "-"), str(events)]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.acceptance.batch_program", *arguments],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, number: int) -> None:
        """Wait until it has tracked the event with that number."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if int(line) == number:
                return
        pytest.fail(f"the program ended early: {self.process.communicate()[1]}")

    def end(self, number: signal.Signals | None = None) -> tuple[int, str, int]:
        """Ends it with a signal, or waits; returns the exit code, errors, and number of further tracked events."""
        if number is not None:
            self.process.send_signal(number)
        assert self.process.stdout is not None and self.process.stderr is not None
        with self.process:
            more = len(self.process.stdout.readlines())
            return self.process.wait(60), self.process.stderr.read(), more


def stored(client: Client) -> list[int]:
    return sorted(int(event.unique_id or -1) for event in client.events.iterate())


@pytest.mark.parametrize("flavour", ["sync", "async"])
def test_sigterm_sends_waiting_events_and_ends_the_process(client: Client, flavour: str) -> None:
    program = Program(flavour, "sleep", client)
    program.wait_for(EVENTS - 1)
    assert stored(client) == []
    code, errors, _ = program.end(signal.SIGTERM)
    assert (code, errors) == (-signal.SIGTERM, "")
    assert stored(client) == list(range(EVENTS))


def test_handler_of_the_program_is_called_as_before(client: Client) -> None:
    program = Program("sync", "handle", client)
    program.wait_for(EVENTS - 1)
    code, errors, _ = program.end(signal.SIGTERM)
    assert (code, errors) == (7, "")
    assert stored(client) == list(range(EVENTS))


def test_batch_that_was_not_closed_is_closed_at_the_end_of_the_interpreter(client: Client) -> None:
    code, errors, tracked = Program("sync", "return", client).end()
    assert (code, errors, tracked) == (0, "", EVENTS)
    assert stored(client) == list(range(EVENTS))


@pytest.mark.parametrize("flavour", ["sync", "async"])
def test_spooled_events_outlive_a_killed_process(client: Client, flavour: str, tmp_path: Path) -> None:
    program = Program(flavour, "sleep", client, tmp_path / "spool", events=1_000_000)
    program.wait_for(EVENTS)
    code, _, more = program.end(signal.SIGKILL)
    assert code == -signal.SIGKILL
    with client.batch(spool=tmp_path / "spool") as batch:
        pass
    found = stored(client)
    # The last event may be in the file although its number was not printed.
    assert len(found) in (EVENTS + 1 + more, EVENTS + 2 + more)
    assert found == list(range(len(found)))
    assert batch.counts.stored == len(found)

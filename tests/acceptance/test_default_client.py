"""``eventkeep.track``: in the background, at the end of the interpreter, and never an error for the caller."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from eventkeep import Client
from eventkeep.testing import ServerProcess, free_port
from tests.acceptance.sdk import Place

TRACKED = """
import os, sys
import eventkeep

for number in range(100):
    eventkeep.track("Tick", {"email": "ada@shop.example"}, unique_id=str(number))
    eventkeep.identify({"external_id": str(number), "title": "parent"})
pid = os.fork()
if not pid:
    eventkeep.identify({"external_id": "child", "title": "child"})
    for number in range(100, 200):
        eventkeep.track("Tick", {"email": "ada@shop.example"}, unique_id=str(number))
    eventkeep.flush()
    os._exit(0)
os.waitpid(pid, 0)
"""

WRONG = """
import logging
import eventkeep

logging.basicConfig()
errors = []
eventkeep.configure("pk_any", "http://127.0.0.1:PORT", on_error=errors.append, close_seconds_max=1, give_up_seconds=1)
eventkeep.track("Tick", {})
eventkeep.track("Tick", {"email": "ada@shop.example"}, value=float("nan"))
eventkeep.track("Tick", {"email": "ada@shop.example"})
eventkeep.flush()
eventkeep.identify({})
eventkeep.identify({"email": "bob@shop.example"})
eventkeep.shutdown()
eventkeep.configure("pk_any", "nowhere", on_error=errors.append)
eventkeep.track("Tick", {"email": "ada@shop.example"})
eventkeep.configure("pk_any", "nowhere", is_disabled=True)
eventkeep.track("Tick", {})
print([type(error).__name__ for error in errors])
"""


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Client]:
    """A client of an account that the test has for itself."""
    with Place(server, Client).connect_new(uuid.uuid4().hex) as found:
        yield found


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


def test_events_are_delivered_at_exit_and_by_children(client: Client) -> None:
    settings = client.settings
    done = run(TRACKED, EVENTKEEP_URL=settings.base_url, EVENTKEEP_API_KEY=settings.api_key)
    assert done.stderr == ""
    assert sorted(int(event.unique_id or -1) for event in client.events.iterate()) == list(range(200))
    known = {each.external_id: each.title for each in client.profiles.iterate(page_size=100)}
    titles: dict[str | None, str | None] = {str(number): "parent" for number in range(100)}
    assert known == {**titles, "child": "child", None: None}


def test_nothing_is_raised_and_everything_is_reported() -> None:
    done = run(WRONG.replace("PORT", str(free_port())))
    kinds = [
        *("ArgumentError", "ArgumentError", "ConnectionFailedError"),
        *("ArgumentError", "ConnectionFailedError", "ConfigurationError"),
    ]
    assert done.stdout == f"{kinds}\n"
    assert "'Tick' of email ada@shop.example" in done.stderr
    assert "the profile of email bob@shop.example was not delivered" in done.stderr

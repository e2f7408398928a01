"""The SDK in programs that fork: multiprocessing, gunicorn with preloading, and a bare ``os.fork``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from eventkeep import Client
from eventkeep.testing import ServerProcess, free_port
from tests.acceptance.sdk import Place
from tests.source_tree import PROJECT


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Client]:
    """A client of an account that the test has for itself."""
    with Place(server, Client).connect_new(uuid.uuid4().hex) as found:
        yield found


def count(client: Client) -> int:
    ids = [event.unique_id for event in client.events.iterate(page_size=1_000)]
    assert len(ids) == len(set(ids))
    return len(ids)


@pytest.mark.parametrize(
    ("scene", "events"),
    [
        ("client_in_both", 200),
        ("batch_in_children", 10_000),
        ("flush_in_child", 100),
        ("sigterm_in_child", 50),
        ("spool_in_children", 100),
        ("asyncio_in_child", 200),
    ],
)
def test_children_send_their_own_events_once(client: Client, scene: str, events: int, tmp_path: Path) -> None:
    settings = client.settings
    arguments = [scene, settings.base_url, settings.api_key, str(events), str(tmp_path / "spool")]
    # A loop that ends with open connections warns of them, whoever made them.
    warnings = [] if "asyncio" in scene else ["-W", "error"]
    done = subprocess.run(
        [sys.executable, *warnings, "-m", "tests.acceptance.forking_program", *arguments],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if "events stay in" not in line]) == (0, [])
    reader = Client(settings.api_key, settings.base_url, "2026-01-15")
    with reader:
        assert count(reader) == events


def test_workers_of_gunicorn_share_a_batch_that_was_made_before_them(client: Client) -> None:
    pytest.importorskip("gunicorn")
    settings, port = client.settings, free_port()
    address = ["--bind", f"127.0.0.1:{port}"]
    workers = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "gunicorn",
            "--preload",
            "--workers",
            "3",
            *address,
            "tests.acceptance.gunicorn_app:app",
        ],
        cwd=PROJECT,
        env={**os.environ, "EVENTKEEP_URL": settings.base_url, "EVENTKEEP_API_KEY": settings.api_key},
        stderr=subprocess.DEVNULL,
    )
    pids: set[str] = set()
    try:
        for number in range(200):
            query = "&".join(f"number={number * 10 + each}" for each in range(10))
            for _ in range(100):
                try:
                    pids.add(httpx.get(f"http://127.0.0.1:{port}/?{query}").text)
                    break
                except httpx.ConnectError:
                    time.sleep(0.1)
    finally:
        workers.send_signal(signal.SIGTERM)
        workers.wait(60)
    assert len(pids) > 1
    with Client(settings.api_key, settings.base_url, "2026-01-15") as reader:
        assert count(reader) == 2_001

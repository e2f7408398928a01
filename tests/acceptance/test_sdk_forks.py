"""The SDK in programs that fork: multiprocessing, gunicorn with preloading, uWSGI, and a bare ``os.fork``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from importlib.metadata import distribution
from pathlib import Path

import httpx
import pytest

from eventkeep import Client
from eventkeep.testing import ServerProcess, free_port
from tests.acceptance.sdk import Place
from tests.source_tree import PROJECT

WEB_APPLICATION = "tests.acceptance.web_application:app"


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
    # A loop that ends with open connections warns of them, also of those that others made.
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


def gunicorn(address: str) -> list[str]:
    pytest.importorskip("gunicorn")
    options = ["--preload", "--workers", "3", "--bind", address]
    return [sys.executable, "-m", "gunicorn", *options, WEB_APPLICATION]


def uwsgi(address: str) -> list[str]:
    program = PROJECT / ".cache" / "programs" / "uwsgi" / "bin" / "uwsgi"
    if not program.exists():
        pytest.skip("uWSGI is not installed; 'make .cache/programs/uwsgi/.installed' compiles it")
    # By default it forks without telling Python.
    options = ["--master", "--processes", "3", "--enable-threads", "--die-on-term"]
    return [str(program), *options, "--http-socket", address, "--virtualenv", sys.prefix, "--module", WEB_APPLICATION]


def wait_for_events(client: Client, number: int) -> None:
    """Wait until so many events are stored, for half a minute at most."""
    end = time.monotonic() + 30
    headers = {"Authorization": f"Klaviyo-API-Key {client.settings.api_key}", "revision": "2026-01-15"}
    while time.monotonic() < end:
        stats = httpx.get(f"{client.settings.base_url}/eventkeep/stats", headers=headers).raise_for_status()
        if stats.json()["data"]["attributes"]["events"] >= number:
            return
        time.sleep(0.1)


@pytest.mark.parametrize("web_server", [gunicorn, uwsgi], ids=lambda each: each.__name__)
def test_workers_of_a_web_server_share_a_batch_that_was_made_before_them(
    client: Client, web_server: Callable[[str], list[str]]
) -> None:
    settings, port = client.settings, free_port()
    workers = subprocess.Popen(
        web_server(f"127.0.0.1:{port}"),
        cwd=PROJECT,
        env={**os.environ, "EVENTKEEP_URL": settings.base_url, "EVENTKEEP_API_KEY": settings.api_key},
        stderr=subprocess.DEVNULL,
    )
    requests, each = 200, 50
    pids: set[str] = set()
    try:
        for number in range(requests):
            query = "&".join(f"number={number * each + place}" for place in range(each))
            for _ in range(100):
                try:
                    pids.add(httpx.get(f"http://127.0.0.1:{port}/?{query}").text)
                    break
                except httpx.ConnectError:
                    time.sleep(0.1)
        if web_server is uwsgi:
            # It ends a worker that is still at the end of a request without a call of Python's exit handlers.
            wait_for_events(client, requests * each + 1)
    finally:
        workers.send_signal(signal.SIGTERM)
        workers.wait(60)
    assert len(pids) > 1
    with Client(settings.api_key, settings.base_url, "2026-01-15") as reader:
        # And the one that the application sends when it starts.
        assert count(reader) == requests * each + 1


def test_prefork_pool_of_celery_uses_a_batch_that_was_made_before_it(client: Client, tmp_path: Path) -> None:
    interpreter = PROJECT / ".cache" / "programs" / "celery" / "bin" / "python"
    if not interpreter.exists():
        pytest.skip("celery is not installed; 'make test' installs it")
    tasks, each = 50, 200
    done = tmp_path / "done"
    done.mkdir()
    # The SDK says its version, which the package's metadata have.
    (metadata,) = Path(str(distribution("eventkeep").locate_file(""))).glob("eventkeep-*.dist-info")
    (tmp_path / metadata.name).symlink_to(metadata)
    environment = {
        **os.environ,
        "FOLDER": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(map(str, (PROJECT / "src", PROJECT, tmp_path))),
        "EVENTKEEP_URL": client.settings.base_url,
        "EVENTKEEP_API_KEY": client.settings.api_key,
    }
    module = "tests.acceptance.celery_app"
    command = ["-m", "celery", "-A", module, "worker", "--pool", "prefork", "--concurrency", "4", "--loglevel", "error"]
    sending: list[str | Path] = [interpreter, "-c", f"from {module} import send; send({tasks}, {each})"]
    subprocess.run(sending, cwd=PROJECT, env=environment, check=True)
    worker = subprocess.Popen([interpreter, *command], cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while len(list(done.iterdir())) < tasks and time.monotonic() < end:
            time.sleep(0.1)
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(60)
    assert len({process.read_text() for process in done.iterdir()}) > 1
    with Client(client.settings.api_key, client.settings.base_url, "2026-01-15") as reader:
        # And one of the parent.
        assert count(reader) == tasks * each + 1


def test_official_client_sends_from_forked_children(client: Client) -> None:
    interpreter = PROJECT / ".cache" / "clients" / "9.0.0" / "bin" / "python"
    if not interpreter.exists():
        pytest.skip("the official client is not installed; 'make test' installs it")
    settings, requests, each = client.settings, 10, 1_000
    program = PROJECT / "tests" / "contract" / "client_forks.py"
    arguments = [settings.base_url, settings.api_key, "4", str(requests), str(each)]
    subprocess.run([interpreter, program, *arguments], timeout=120, check=True)
    with Client(settings.api_key, settings.base_url, "2026-01-15") as reader:
        assert count(reader) == requests * each

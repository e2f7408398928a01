"""The SDK with several event loops, with eventlet, and with a batch that nobody closed."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest

from eventkeep import Client
from eventkeep.limits import CLIENT_CONNECTIONS_MAX
from eventkeep.testing import ServerProcess
from tests.acceptance.sdk import Place
from tests.source_tree import PROJECT

ONE_AFTER_ANOTHER = """
import asyncio, sys
from eventkeep import AsyncClient

client = AsyncClient(sys.argv[2], sys.argv[1])

async def create(first: int) -> None:
    calls = (client.track("Tick", {"email": "ada@shop.example"}, unique_id=str(first + each)) for each in range(200))
    await asyncio.gather(*calls)

for turn in range(3):
    asyncio.run(create(turn * 200))
asyncio.run(client.aclose())
"""

SIDE_BY_SIDE = """
import asyncio, sys, threading
from eventkeep import AsyncClient

client = AsyncClient(sys.argv[2], sys.argv[1])

async def create(first: int) -> None:
    for number in range(first, first + 50):
        await client.track("Tick", {"email": "ada@shop.example"}, unique_id=str(number))

threads = [threading.Thread(target=asyncio.run, args=(create(first),)) for first in range(0, 600, 50)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""

LEFT_OPEN = """
import asyncio, sys
from eventkeep import AsyncClient

async def main() -> None:
    client = AsyncClient(sys.argv[2], sys.argv[1])
    batch = await client.batch(delay_seconds=600).open()
    for number in range(100):
        await batch.track("Tick", {"email": "ada@shop.example"}, unique_id=str(number))
    await client.aclose()

asyncio.run(main())
"""

GREEN = """
import eventlet
eventlet.monkey_patch()
import sys
from eventkeep import Client

with Client(sys.argv[2], sys.argv[1]) as client:
    for number in range(3):
        client.track("Tick", {"email": "ada@shop.example"}, unique_id=str(number))
    pool = eventlet.GreenPool(20)
    for number in range(3, 60):
        pool.spawn(client.track, "Tick", {"email": "ada@shop.example"}, unique_id=str(number))
    pool.waitall()
    with client.batch() as batch:
        for number in range(60, 100):
            batch.track("Tick", {"email": "ada@shop.example"}, unique_id=str(number))
"""


@pytest.fixture
def client(server: ServerProcess) -> Iterator[Client]:
    """A client of an account that the test has for itself."""
    with Place(server, Client).connect_new(uuid.uuid4().hex) as found:
        yield found


def run(code: str, client: Client) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, client.settings.base_url, client.settings.api_key],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def stored(client: Client) -> list[int]:
    return sorted(int(event.unique_id or -1) for event in client.events.iterate())


@pytest.mark.parametrize("code", [ONE_AFTER_ANOTHER, SIDE_BY_SIDE], ids=["one after another", "side by side"])
def test_client_works_in_several_loops(client: Client, code: str) -> None:
    # The first program has more requests at once than the client has connections.
    assert CLIENT_CONNECTIONS_MAX < 200
    run(code, client)
    assert stored(client) == list(range(600))


def test_batch_that_was_left_open_is_sent_and_told(client: Client) -> None:
    errors = run(LEFT_OPEN, client)
    assert "an AsyncBatch was left open with 100 events, which are sent now" in errors
    assert stored(client) == list(range(100))


def test_client_works_with_eventlet(client: Client) -> None:
    pytest.importorskip("eventlet")
    run(GREEN, client)
    assert stored(client) == list(range(100))

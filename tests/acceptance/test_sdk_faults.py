"""The SDK through a network in which every fifth request fails, in every way: each event is stored exactly once."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from eventkeep import AsyncClient, Client
from eventkeep.testing import ServerProcess
from tests.acceptance.sdk import Place
from tests.fault_proxy import ALL, STALL_SECONDS, Fault, FaultProxy

EVENTS: Final = 20_000
ASYNC_EVENTS: Final = 10_000
REQUESTS_MIN: Final = 200
"""The batch's buffer is so small that the events need this many requests, which meet every fault."""
SINGLES: Final = 200
CHANCE: Final = 0.2
TIMEOUT_SECONDS: Final = STALL_SECONDS / 2
"""Shorter than the proxy holds a response back."""


@pytest.fixture
def key(server: ServerProcess) -> str:
    """A key of an account of the test's own."""
    return Place(server, Client).new_key(uuid.uuid4().hex)


@pytest.fixture
def proxy(server: ServerProcess) -> Iterator[FaultProxy]:
    with FaultProxy(server.url, CHANCE) as found:
        yield found


def stored(server: ServerProcess, key: str) -> list[int]:
    """The numbers of all events, read without the proxy, in the order in which they were sent."""
    with Client(key, server.url, revision="2026-07-15") as client:
        pages = client.events.iterate(fields_event=["event_properties"], page_size=1_000)
        return sorted(int(event.unique_id or -1) for event in pages)


def faults_met(proxy: FaultProxy) -> set[Fault]:
    return {fault for fault in proxy.counts if fault is not None}


def test_batch_loses_and_repeats_nothing(server: ServerProcess, key: str, proxy: FaultProxy) -> None:
    with (
        Client(key, proxy.url, timeout=TIMEOUT_SECONDS) as client,
        client.batch(requests_at_once=4, buffer_events_max=4 * EVENTS // REQUESTS_MIN) as batch,
    ):
        for number in range(EVENTS):
            batch.track("Tick", {"external_id": f"c{number % 100}"}, unique_id=str(number), value=number)
    assert stored(server, key) == list(range(EVENTS))
    assert (batch.counts.sent, batch.counts.refused) == (EVENTS, 0)
    assert faults_met(proxy) == set(ALL)


def test_batch_with_asyncio_loses_and_repeats_nothing(server: ServerProcess, key: str, proxy: FaultProxy) -> None:
    async def send() -> None:
        async with (
            AsyncClient(key, proxy.url, timeout=TIMEOUT_SECONDS) as client,
            client.batch(requests_at_once=4, buffer_events_max=4 * ASYNC_EVENTS // REQUESTS_MIN) as batch,
        ):
            for number in range(ASYNC_EVENTS):
                await batch.track("Tick", {"external_id": f"c{number % 100}"}, unique_id=str(number), value=number)

    asyncio.run(send())
    assert stored(server, key) == list(range(ASYNC_EVENTS))
    assert faults_met(proxy) == set(ALL)


def test_single_creates_lose_and_repeat_nothing(server: ServerProcess, key: str, proxy: FaultProxy) -> None:
    with Client(key, proxy.url, timeout=TIMEOUT_SECONDS, max_retries=20) as client, ThreadPoolExecutor(8) as threads:
        list(
            threads.map(
                lambda number: client.track("Tick", {"external_id": "c"}, unique_id=str(number)), range(SINGLES)
            )
        )
    assert stored(server, key) == list(range(SINGLES))
    assert faults_met(proxy) == set(ALL)


def test_events_without_a_unique_id_of_their_own_are_not_repeated_either(
    server: ServerProcess, key: str, proxy: FaultProxy
) -> None:
    async def send() -> None:
        async with AsyncClient(key, proxy.url, timeout=TIMEOUT_SECONDS, max_retries=20) as client:
            await asyncio.gather(*(client.track("Tick", {"external_id": "c"}) for _ in range(SINGLES)))

    asyncio.run(send())
    with Client(key, server.url) as client:
        assert len(list(client.events.iterate())) == SINGLES


def test_reads_come_through_too(server: ServerProcess, key: str, proxy: FaultProxy) -> None:
    with Client(key, server.url) as client, client.batch() as batch:
        for number in range(2_000):
            batch.track("Tick", {"external_id": "c"}, unique_id=str(number))
    # The timeout cuts off a stalled read, and would cut off a slow one too: it is longer here.
    with Client(key, proxy.url, timeout=2 * STALL_SECONDS, max_retries=20) as client:
        found = sorted(int(event.unique_id or -1) for event in client.events.iterate())
    assert found == list(range(2_000))

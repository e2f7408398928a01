"""The link to the servers of NATS, without any server."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest

from eventkeep.cluster.address import parse_log_address
from eventkeep.cluster.link import Link
from eventkeep.ports import free_port

CLOSE_SECONDS_MAX = 30.0


def test_a_link_ends_although_a_task_loses_its_cancellation() -> None:
    """As `asyncio.wait_for` does if it comes with its timeout: the link's own task waits for a server in it."""
    pytest.importorskip("nats")
    link = Link(parse_log_address(f"nats://127.0.0.1:{free_port()}/x"), "test")

    async def lose_one() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3_600)
        await asyncio.sleep(3_600)

    link.start(lose_one())
    closing = threading.Thread(target=link.close, daemon=True)
    closing.start()
    closing.join(CLOSE_SECONDS_MAX)
    assert not closing.is_alive()

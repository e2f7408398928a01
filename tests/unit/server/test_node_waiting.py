"""The port of a node that loads a snapshot."""

from __future__ import annotations

import socket

import httpx

from eventkeep.http.listener import bind
from eventkeep.server.node_joining import JoinProgress
from eventkeep.server.node_waiting import WaitingPort


def test_a_node_that_joins_is_alive_and_not_ready() -> None:
    with bind("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        with WaitingPort(bound) as waiting:
            waiting.show(JoinProgress("db2"))
            assert httpx.get(f"{url}/healthz").status_code == httpx.codes.OK
            waiting.show(JoinProgress("db2", 120, 500, 1_000))
            ready = httpx.get(f"{url}/readyz")
            assert ready.status_code == httpx.codes.SERVICE_UNAVAILABLE
            assert ready.json() == {"status": "joining", "snapshot": "record 120 of db2, 50% of 1,000 bytes"}
            refused = httpx.get(f"{url}/api/events/")
            assert (refused.status_code, refused.headers["retry-after"]) == (httpx.codes.SERVICE_UNAVAILABLE, "1")
            assert "joins its cluster" in refused.text
        # The socket goes on listening: a client waits for the server that comes now.
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            accepted, _ = bound.accept()
            accepted.close()


def test_a_node_that_needs_no_snapshot_does_not_listen_yet() -> None:
    with bind("127.0.0.1", 0) as bound, WaitingPort(bound), socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", bound.getsockname()[1]))

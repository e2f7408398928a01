"""The findings of eventkeep doctor about a cluster, and commands that lack a setting; all without servers of NATS."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eventkeep.cli.cluster_checks import (
    LAG_RECORDS,
    check_cluster,
    check_lease,
    check_node,
    check_stream,
    check_versions,
)
from eventkeep.cluster.address import parse_log_address
from eventkeep.cluster.registry import NodeState, SeenNode
from eventkeep.cluster.streams import NEVER_REMOVED, Replica, StreamCluster, StreamInfo, StreamState
from eventkeep.config import ServeSettings
from eventkeep.limits import CLUSTER_SILENT_SECONDS
from eventkeep.server.node_settings import NodeSettings
from eventkeep.testing import free_port
from tests.unit.cli.in_process import ended

SECRET = "the-secret-of-the-nodes"
OWN = NodeSettings(parse_log_address("nats://db1,db2,db3"), "db1", "", SECRET)
ALL = (Replica("db2", current=True), Replica("db3", current=True))


def stream(replicas: tuple[Replica, ...] = ALL, leader: str = "db1", **config: Any) -> StreamInfo:
    return StreamInfo({**NEVER_REMOVED, **config}, StreamState(1, 9, 9, 900), StreamCluster(leader, replicas))


@pytest.mark.parametrize(
    ("info", "status", "found"),
    [
        (stream(), "ok", "all 3 replicas are current"),
        (None, "warning", "none yet"),
        (stream(max_age=60), "fault", "max_age is 60, expected 0"),
        (stream(leader=""), "fault", "no server leads it"),
        (stream((ALL[0],)), "fault", "without the server 1 of 3"),
        (stream((ALL[0], Replica("db3", offline=True))), "fault", "without the server db3"),
        (stream((ALL[0], Replica("db3", lag=40))), "warning", "behind: db3 (40)"),
    ],
)
def test_streams_and_their_servers(info: StreamInfo | None, status: str, found: str) -> None:
    finding = check_stream("events", info)
    assert (finding.status, found in finding.found) == (status, True)


@pytest.mark.parametrize(
    ("leader", "is_renewed", "status", "found"),
    [("db1", True, "ok", "db1 leads"), ("", True, "fault", "no node"), ("db1", False, "fault", "does not renew")],
)
def test_the_lease(leader: str, is_renewed: bool, status: str, found: str) -> None:
    finding = check_lease(leader, is_renewed)
    assert (finding.status, found in finding.found) == (status, True)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Another node, as far as a doctor sees it."""

    class Node(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204 if self.headers.get("eventkeep-node-secret") == SECRET else 401)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Node)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


LAST = 10_000


@pytest.mark.parametrize(
    ("role", "position", "before", "age", "status", "found"),
    [
        ("following", LAST, LAST, 0.5, "ok", f"following at record {LAST}"),
        ("leading", LAST - 1, LAST - 2, 0.5, "ok", "leading"),
        ("following", LAST - LAG_RECORDS - 1, LAST - 9_000, 0.5, "warning", "1,001 behind"),
        ("following", LAST - 1, LAST - 1, 0.5, "fault", "does not move on"),
        ("following", LAST, LAST, CLUSTER_SILENT_SECONDS + 1, "fault", "silent for 11 s"),
        ("failed", LAST, LAST, 0.5, "fault", "can't follow the log"),
        ("joining", 5, 5, 0.5, "warning", "joining: half of it"),
    ],
)
def test_nodes(url: str, role: str, position: int, before: int, age: float, status: str, found: str) -> None:
    seen = SeenNode(NodeState("db2", url, role, position, position, "1", "half of it"), age)
    finding = check_node(seen, before, LAST, OWN)
    assert (finding.check, finding.status, found in finding.found) == ("node db2", status, True)


def test_nodes_that_others_do_not_reach(url: str) -> None:
    other = NodeSettings(OWN.address, "db1", "", "another-secret-of-nodes")
    refused = check_node(SeenNode(NodeState("db2", url, "following", 5, 5), 0.5), 5, 5, other)
    assert (refused.status, "another node secret" in refused.found) == ("fault", True)
    absent = f"http://127.0.0.1:{free_port()}"
    silent = check_node(SeenNode(NodeState("db2", absent, "following", 5, 5), 0.5), 5, 5, OWN)
    assert (silent.status, "can't be reached from here" in silent.found) == ("fault", True)


def test_versions_of_nodes() -> None:
    def seen(version: str) -> SeenNode:
        return SeenNode(NodeState("db2", "", "following", 5, 5, version), 0.5)

    assert check_versions([seen("1"), seen("1")]) == []
    (finding,) = check_versions([seen("1"), seen("2")])
    assert (finding.status, finding.found) == ("warning", "the nodes have 1 and 2")


def test_servers_that_can_not_be_reached_are_named() -> None:
    port, monitor = free_port(), free_port()
    settings = ServeSettings(log=f"nats://127.0.0.1:{port}/x?monitor={monitor}", node_secret=SECRET)
    server, cluster = check_cluster(settings)
    assert (server.check, server.status, str(monitor) in server.found) == (f"nats 127.0.0.1:{port}", "fault", True)
    assert (cluster.check, cluster.status) == ("cluster", "fault")
    assert [each.status for each in check_cluster(ServeSettings(log="nats://127.0.0.1/x"))] == ["fault"]
    assert check_cluster(ServeSettings()) == []


@pytest.mark.parametrize("arguments", [("join", "--data"), ("snapshot",)])
def test_commands_need_the_secret(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    code, text = ended(capsys, "cluster", *arguments, str(tmp_path), "--log", "nats://127.0.0.1:1/x")
    assert (code, "needs --node-secret" in text) == (2, True)

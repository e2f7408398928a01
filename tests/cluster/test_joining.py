"""Nodes that join with a snapshot of another one: new ones, ones that fell out of the log, and prepared folders."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import httpx

from eventkeep.cluster.jetstream_log import JetStreamLog
from eventkeep.testing import ServerProcess
from tests.cluster.clients import create_body, post
from tests.cluster.processes import REVISION, SECRET, NodeProcess, Processes, text_of

WAIT_SECONDS: Final = 90.0


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_ready(node: NodeProcess) -> bool:
    try:
        return httpx.get(f"{node.url}/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def trim(running: Processes, *nodes: NodeProcess) -> int:
    """Remove the records that these nodes have applied; returns the first position that is left."""
    up_to = min(node.position() for node in nodes) - 1
    with closing(JetStreamLog.open(running.servers.address(running.log, "trimmer"), "trimmer")) as log:
        log.trim(up_to)
        assert log.first == up_to + 1
        return log.first


def command(running: Processes, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the program with the address of the log and the secret of the nodes in its environment."""
    environment = {
        **os.environ,
        "EVENTKEEP_LOG": text_of(running.servers.address(running.log, "command")),
        "EVENTKEEP_NODE_SECRET": SECRET,
    }
    return subprocess.run(
        [sys.executable, "-m", "eventkeep", *arguments], env=environment, capture_output=True, text=True, check=False
    )


def rows(running: Processes) -> dict[str, dict[str, Any]]:
    """The nodes as the status shows them, by name."""
    done = command(running, "cluster", "status", "--json")
    assert done.returncode == 0, done.stderr
    return {row["node"]: row for row in json.loads(done.stdout)["nodes"]}


def send(running: Processes, node: NodeProcess, id: str) -> None:
    """Have an event stored through a node."""
    running.sent_beside.add(id)
    headers = {"Authorization": f"Klaviyo-API-Key {running.key}", "revision": REVISION}
    post(f"{node.url}/api/events/", create_body(f"{id}@x.com", id), headers).raise_for_status()


def everything(running: Processes, node: NodeProcess) -> None:
    """The node has everything that was acknowledged before."""
    # A client counts an event just before it notes its position.
    kept = running.kept - len(running.clients)
    found, _ = node.events(running.key, max(client.position for client in running.clients))
    assert len(found) >= kept


def test_a_new_node_joins_with_a_snapshot(running: Processes) -> None:
    running.wait_for_writes()
    first = trim(running, *running.nodes)
    joined = NodeProcess(running.servers, running.log, 4, running.folder, ())
    # As a process that was killed half-way leaves it.
    (joined.data / "joining" / "events").mkdir(parents=True)
    with joined:
        everything(running, joined)
        text = joined.log_text()
        assert "a snapshot was loaded in part, and is discarded" in text
        assert "joins with a snapshot of another node" in text
        assert joined.position() > first
        wait_until(lambda: "joined at record" in rows(running)[joined.name]["note"])
        assert rows(running)[joined.name]["role"] == "following"
    assert command(running, "cluster", "leave", joined.name).returncode == 0
    running.check()


def test_a_node_that_fell_out_of_the_log_joins_anew_by_itself(running: Processes) -> None:
    running.wait_for_writes()
    leader = running.leader()
    place = (leader + 1) % len(running.nodes)
    node, others = running.nodes[place], [each for each in running.nodes if each is not running.nodes[place]]
    node.pause()
    try:
        # The clients wait for the node that is paused.
        for number in range(20):
            send(running, others[0], f"fell-out-{number}")
        trim(running, *others)
    finally:
        node.resume()
    wait_until(lambda: "and joins anew" in node.log_text())
    wait_until(lambda: is_ready(node))
    everything(running, node)
    running.check()


def test_a_folder_is_prepared_before_its_server_starts(running: Processes, tmp_path: Path) -> None:
    running.wait_for_writes()
    trim(running, *running.nodes)
    prepared = NodeProcess(running.servers, running.log, 5, running.folder, ())
    options = ("--data", str(prepared.data), "--node", prepared.name)
    done = command(running, "cluster", "join", *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"joined  {prepared.data} at record ")
    assert "% of" in done.stderr
    again = command(running, "cluster", "join", *options)
    assert again.stdout.startswith("nothing to load"), again.stderr
    # Damage is refused by name, and mended when told to.
    (segment, *_) = sorted((prepared.data / "events").glob("*.segment"))
    segment.unlink()
    refused = command(running, "cluster", "join", *options, "--replace")
    assert refused.returncode == 0, refused.stderr
    with prepared:
        everything(running, prepared)
        assert "joins with a snapshot" not in prepared.log_text()
    assert command(running, "cluster", "leave", prepared.name).returncode == 0


def test_a_node_without_the_secret_gets_no_snapshot(running: Processes) -> None:
    url = f"{running.nodes[0].url}/cluster/snapshots"
    for method in ("GET", "POST"):
        assert httpx.request(method, url).status_code == httpx.codes.UNAUTHORIZED
    secret = {"eventkeep-node-secret": SECRET}
    assert httpx.get(url, headers=secret).status_code == httpx.codes.NO_CONTENT
    assert httpx.get(f"{url}/unknown", headers=secret).status_code == httpx.codes.NOT_FOUND
    assert httpx.delete(url, headers=secret).status_code == httpx.codes.METHOD_NOT_ALLOWED
    assert httpx.get(f"{running.nodes[0].url}/cluster/other", headers=secret).status_code == httpx.codes.NOT_FOUND


def test_a_cluster_is_backed_up_and_restored_as_one_server(running: Processes, tmp_path: Path) -> None:
    running.wait_for_writes()
    kept = running.kept - len(running.clients)
    backup, data = tmp_path / "backup", tmp_path / "restored"
    done = command(running, "cluster", "snapshot", str(backup))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"backed up  {running.log} up to record ")
    refused = command(running, "backup", "--data", str(running.nodes[0].data), str(tmp_path / "other"))
    assert refused.returncode == 2
    assert "eventkeep cluster snapshot" in refused.stderr
    restored = command(running, "restore", str(backup), "--data", str(data))
    assert restored.returncode == 0, restored.stderr
    with ServerProcess(data) as server:
        url = f"{server.url}/api/events/?page[size]=1000"
        headers = {"Authorization": f"Klaviyo-API-Key {running.key}", "revision": REVISION}
        found = 0
        while url:
            document = httpx.get(url, headers=headers).raise_for_status().json()
            found += len(document["data"])
            url = document["links"]["next"]
    assert found >= kept


def test_doctor_examines_a_cluster(running: Processes) -> None:
    running.wait_for_writes()

    def findings(*options: str) -> tuple[int, dict[str, dict[str, str]]]:
        done = command(running, "doctor", "--data", str(running.nodes[0].data), "--port", "0", "--json", *options)
        return done.returncode, {each["check"]: each for each in json.loads(done.stdout)["checks"]}

    status, found = findings()
    faults = {check: each for check, each in found.items() if each["status"] == "fault"}
    assert (status, faults) == (0, {})
    assert found["lease"]["found"].endswith("leads, and renews it")
    assert sum(check.startswith("nats ") for check in found) == 3
    for node in running.nodes:
        assert node.url in found[f"node {node.name}"]["found"]
    status, found = findings("--node-secret", "quite-another-secret")
    assert status == 1
    assert "has another node secret" in found[f"node {running.nodes[running.leader()].name}"]["found"]

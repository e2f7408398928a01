"""``eventkeep cluster demo``: a cluster in temporary folders that loses its leader and no event."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import httpx

from eventkeep.cluster.local_servers import LocalServers
from eventkeep.errors import ServerUnreachable
from eventkeep.testing import ServerProcess

NODES: Final = 3
SECRET: Final = "secret-of-the-demo"
REVISION: Final = "2026-01-15"
GIVE_UP_SECONDS: Final = 60.0


def run_demo(events: int) -> None:
    """Run it and print each step. Raises ConfigurationError without nats-server, ServerUnreachable if it fails."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="eventkeep-demo-")))
        print("starting three servers of NATS", flush=True)
        servers = opened.enter_context(LocalServers(folder))
        nodes: list[ServerProcess] = []
        for place in range(NODES):
            options = ("--log", servers.url("demo", place), "--node", f"node-{place + 1}", "--node-secret", SECRET)
            nodes.append(opened.enter_context(ServerProcess(folder / f"node-{place + 1}", options=options)))
            print(f"node-{place + 1} is ready at {nodes[-1].url}", flush=True)
        headers = {"Authorization": f"Klaviyo-API-Key {nodes[0].make_key()}", "revision": REVISION}
        half = events // 2
        position = send(nodes, headers, range(half))
        print(f"sent {half} events, through all nodes in turn", flush=True)
        leader = leading(nodes, headers)
        print(f"killing node-{leader + 1}, which leads", flush=True)
        nodes[leader].kill()
        started = time.monotonic()
        rest = [node for place, node in enumerate(nodes) if place != leader]
        send(rest, headers, range(half, half + 1))
        print(f"the next event was stored after {time.monotonic() - started:.1f} seconds", flush=True)
        position = send(rest, headers, range(half + 1, events))
        print(f"starting node-{leader + 1} again", flush=True)
        nodes[leader].start()
        for place, node in enumerate(nodes):
            found = count(node, {**headers, "eventkeep-position": str(position)})
            print(f"node-{place + 1} has {found} of {events} events", flush=True)
            if found != events:
                raise ServerUnreachable(f"node-{place + 1} has {found} events, and {events} were acknowledged")


def send(nodes: list[ServerProcess], headers: dict[str, str], numbers: range) -> int:
    """Send events, each until it is acknowledged; returns the position of the last one."""
    position = 0
    deadline = time.monotonic() + GIVE_UP_SECONDS
    with httpx.Client(headers=headers, timeout=GIVE_UP_SECONDS, trust_env=False) as http:
        for number in numbers:
            while True:
                response = http.post(f"{nodes[number % len(nodes)].url}/api/events/", json=create(number))
                if response.status_code == httpx.codes.ACCEPTED:
                    position = int(response.headers["eventkeep-position"])
                    break
                if response.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
                    raise ServerUnreachable(f"an event was not stored: {response.status_code} {response.text}")
                time.sleep(0.1)
    return position


def leading(nodes: list[ServerProcess], headers: dict[str, str]) -> int:
    """The place of the node that leads: it tells no staleness."""
    for place, node in enumerate(nodes):
        if "eventkeep-staleness" not in httpx.get(f"{node.url}/healthz", headers=headers, trust_env=False).headers:
            return place
    raise ServerUnreachable("no node leads")


def count(node: ServerProcess, headers: dict[str, str]) -> int:
    """How many different events a node has."""
    found: set[str] = set()
    url: str | None = f"{node.url}/api/events/?page[size]=1000"
    while url is not None:
        document = httpx.get(url, headers=headers, timeout=GIVE_UP_SECONDS, trust_env=False).raise_for_status().json()
        found |= {event["id"] for event in document["data"]}
        url = document["links"]["next"]
    return len(found)


def create(number: int) -> dict[str, Any]:
    """The document of a create."""
    attributes = {
        "properties": {"number": number},
        "unique_id": f"demo-{number}",
        "metric": {"data": {"type": "metric", "attributes": {"name": "Tried Cluster"}}},
        "profile": {"data": {"type": "profile", "attributes": {"email": f"customer{number % 20}@example.com"}}},
    }
    return {"data": {"type": "event", "attributes": attributes}}

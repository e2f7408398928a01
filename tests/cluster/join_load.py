"""How long a node takes to join under load: ``python -m tests.cluster.join_load [EVENTS]``.

Three nodes get the events in bulk creates; then, while two clients go on writing and reading, a fourth node joins with
an empty folder. Its time, its peak of memory and the pause of the writes are printed.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import httpx

from eventkeep.cluster.jetstream_log import JetStreamLog
from tests.cluster.processes import REVISION, NodeProcess, Processes

EVENTS: Final = 100_000
EVENTS_A_CREATE: Final = 1_000
PROFILES_A_CREATE: Final = 10


def bulk_body(number: int) -> bytes:
    """A bulk create of 1,000 events of ten profiles."""
    groups = []
    for place in range(PROFILES_A_CREATE):
        events = [
            {
                "type": "event",
                "attributes": {
                    "unique_id": f"{number}-{place}-{each}",
                    "properties": {"sku": f"article-{each % 37}", "amount": each, "page": f"/shop/{number % 91}"},
                    "metric": {"data": {"type": "metric", "attributes": {"name": f"Metric {each % 5}"}}},
                },
            }
            for each in range(EVENTS_A_CREATE // PROFILES_A_CREATE)
        ]
        email = f"customer{number * 7 + place}@example.com"
        profile = {"data": {"type": "profile", "attributes": {"email": email}}}
        groups.append({"type": "event-bulk-create", "attributes": {"profile": profile, "events": {"data": events}}})
    attributes = {"events-bulk-create": {"data": groups}}
    return json.dumps({"data": {"type": "event-bulk-create-job", "attributes": attributes}}).encode()


def peak_bytes(pid: int) -> int:
    """The peak of a process's resident memory."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    return 0 if found is None else int(found[1]) * 1_000


def load(running: Processes, events: int) -> float:
    """Store events through the leading node; returns how many a second."""
    headers = {"Authorization": f"Klaviyo-API-Key {running.key}", "revision": REVISION}
    url = f"{running.nodes[running.leader()].url}/api/event-bulk-create-jobs/"
    started = time.monotonic()
    with httpx.Client(headers=headers, timeout=60) as http:
        for number in range(events // EVENTS_A_CREATE):
            http.post(url, content=bulk_body(number)).raise_for_status()
    return events / (time.monotonic() - started)


def main(events: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="join-"))
    with Processes(folder) as running:
        print(f"stored {events:,} events, {load(running, events):,.0f} a second", flush=True)
        running.wait_for_writes()
        with closing(JetStreamLog.open(running.servers.address(running.log, "trimmer"), "trimmer")) as log:
            log.trim(min(node.position() for node in running.nodes) - 1)
        kept, started = running.kept, time.monotonic()
        with NodeProcess(running.servers, running.log, 4, running.folder, ()) as joined:
            seconds = time.monotonic() - started
            lines = [line for line in joined.log_text().splitlines() if "loaded the snapshot" in line]
            print(f"joined and caught up after {seconds:.1f} s: {lines[-1].split(maxsplit=2)[-1]}")
            print(f"its peak of memory {peak_bytes(joined.pid) / 1e6:,.0f} MB", flush=True)
            print(f"meanwhile {running.kept - kept} creates, the longest pause {running.longest_gap(started):.1f} s")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS)

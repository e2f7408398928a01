"""Runs inside an official client's own environment: events from the forked children of a pool.

    client_forks.py URL KEY CHILDREN REQUESTS EVENTS

The client is made before the pool forks, as a module's global is. The children then send
REQUESTS bulk requests of EVENTS events each, and every response has to be a success. The
parent sends nothing before: its kept-alive connection would be shared by all children, and
their requests would mix on it, whatever the server.

This file is run by the client's interpreter, so it imports nothing of the project.
"""

from __future__ import annotations

import multiprocessing
import sys
from typing import Any

from klaviyo_api import KlaviyoAPI

url, key = sys.argv[1:3]
children, requests, events = map(int, sys.argv[3:])
client: Any = KlaviyoAPI(key, max_delay=2, max_retries=3, test_host=url)


def send(number: int) -> None:
    """Send one bulk request."""
    metric = {"data": {"type": "metric", "attributes": {"name": "Tick"}}}
    listed = [
        {"type": "event", "attributes": {"properties": {}, "metric": metric, "unique_id": f"{number}-{each}"}}
        for each in range(events)
    ]
    profile = {"data": {"type": "profile", "attributes": {"email": "ada@shop.example"}}}
    item = {"type": "event-bulk-create", "attributes": {"profile": profile, "events": {"data": listed}}}
    job = {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": [item]}}}
    client.Events.bulk_create_events({"data": job})


if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(children) as pool:
        pool.map(send, range(requests), chunksize=1)

"""Runs inside an official client's own environment: sends events as that client does, and measures it.

   official_sender.py MODE URL KEY EVENTS THREADS

MODE is ``single`` (a call of create_event for each event) or ``bulk`` (one of
bulk_create_events for each 1,000). EVENTS is a file of JSON, a list of events. THREADS is
the number of threads that call the client at once. Prints a line of JSON: events, seconds,
and CPU seconds of this process.

This file is run by the client's interpreter, so it imports nothing of the project.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from klaviyo_api import KlaviyoAPI

EVENTS_PER_REQUEST = 1_000
WARM_EVENTS = 20


def attributes(event: dict[str, Any]) -> dict[str, Any]:
    """The attributes of an event in the form of the API."""
    return {
        "metric": {"data": {"type": "metric", "attributes": {"name": event["metric"]}}},
        "properties": event["properties"],
        "time": event["time"],
        "value": event["value"],
        "unique_id": event["unique_id"],
    }


def profile(event: dict[str, Any]) -> dict[str, Any]:
    return {"data": {"type": "profile", "attributes": {"email": event["email"]}}}


def single_body(event: dict[str, Any]) -> dict[str, Any]:
    """The document of create_event."""
    return {"data": {"type": "event", "attributes": {**attributes(event), "profile": profile(event)}}}


def bulk_body(events: list[dict[str, Any]]) -> dict[str, Any]:
    """The document of bulk_create_events: the events by profile."""
    items: dict[str, dict[str, Any]] = {}
    for event in events:
        item = items.setdefault(
            event["email"],
            {"type": "event-bulk-create", "attributes": {"profile": profile(event), "events": {"data": []}}},
        )
        item["attributes"]["events"]["data"].append({"type": "event", "attributes": attributes(event)})
    job = {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": [*items.values()]}}}
    return {"data": job}


def send(mode: str, client: Any, events: list[dict[str, Any]], threads: int) -> None:
    """Sends all events; an exception of the client ends the program."""
    calls: list[tuple[Callable[[Any], Any], Callable[[Any], Any], Any]]
    if mode == "single":
        calls = [(client.Events.create_event, single_body, event) for event in events]
    else:
        starts = range(0, len(events), EVENTS_PER_REQUEST)
        parts = [events[start : start + EVENTS_PER_REQUEST] for start in starts]
        calls = [(client.Events.bulk_create_events, bulk_body, part) for part in parts]
    if threads == 1:
        for operation, body, given in calls:
            operation(body(given))
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda call: call[0](call[1](call[2])), calls):
            pass


def main(mode: str, url: str, key: str, path: str, threads: str) -> None:
    """Reads the arguments, warms up, and measures."""
    events = json.loads(Path(path).read_text())
    client = KlaviyoAPI(key, max_retries=1, test_host=url)
    send(mode, client, events[:WARM_EVENTS], int(threads))
    started, used = time.perf_counter(), time.process_time()
    send(mode, client, events[WARM_EVENTS:], int(threads))
    print(
        json.dumps(
            {
                "events": len(events) - WARM_EVENTS,
                "seconds": time.perf_counter() - started,
                "cpu_seconds": time.process_time() - used,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])

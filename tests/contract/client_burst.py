"""Runs inside an official client's own environment: many creates at once, each with the client's own retries.

Arguments: the server's URL, a key, the number of events to create, the number of threads that
create them, and the maximum number of tries of the client. Prints the exception of each create
that was lost, one per line.

This file is run by the client's interpreter, so it imports nothing of the project.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from klaviyo_api import KlaviyoAPI


def body(number: int) -> dict[str, Any]:
    """The body of create_event."""
    return {
        "data": {
            "type": "event",
            "attributes": {
                "properties": {},
                "unique_id": str(number),
                "metric": {"data": {"type": "metric", "attributes": {"name": "Burst"}}},
                "profile": {"data": {"type": "profile", "attributes": {"email": "ada@shop.example"}}},
            },
        }
    }


def main(url: str, key: str, events: int, threads: int, tries: int) -> None:
    """Creates the events."""
    client = KlaviyoAPI(key, max_delay=2, max_retries=tries, test_host=url)

    def create(number: int) -> str | None:
        try:
            client.Events.create_event(body(number))
        except Exception as exc:
            return f"{number}: {type(exc).__name__}: {exc}"
        return None

    with ThreadPoolExecutor(threads) as pool:
        for lost in pool.map(create, range(events)):
            if lost is not None:
                print(lost)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))

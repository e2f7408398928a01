"""``python -m bench.predictions``: a fit in the background, and what the server's clients notice of it.

It imports all purchases at CDNOW (23,570 customers) into a new server, fits them as ``eventkeep predictions fit`` does,
and compares the latencies of reads and of creates before the fit and during it.
"""

from __future__ import annotations

import csv
import gzip
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import numpy as np

from eventkeep.limits import PREDICTIONS_FIT_SECONDS_MAX
from eventkeep.server.control import FIT_PREDICTIONS, ControlRequest, FitOptions
from eventkeep.server.folder_changes import change_folder
from eventkeep.testing import ServerProcess

PURCHASES: Final = Path(__file__).parent.parent / "examples" / "cdnow-purchases.csv.gz"
EVENTS_AT_ONCE: Final = 1_000
QUIET_SECONDS: Final = 5.0
UNTIL: Final = 899_251_199
"""The last second of the purchases' last day, 1998-06-30."""
PAUSE_SECONDS: Final = 0.01


def bulk_bodies() -> Iterator[bytes]:
    """The purchases as bodies of bulk creates."""
    with gzip.open(PURCHASES, "rt") as lines:
        rows = enumerate(csv.reader(lines))
        next(rows)
        while part := list(islice(rows, EVENTS_AT_ONCE)):
            yield bulk_body(
                [item(place, customer, date, float(dollars)) for place, (customer, date, _, dollars) in part]
            )


def item(place: int, customer: str, date: str, dollars: float) -> dict[str, Any]:
    attributes = {
        "metric": {"data": {"type": "metric", "attributes": {"name": "Placed Order"}}},
        "properties": {},
        "time": f"{date[:4]}-{date[4:6]}-{date[6:]}T12:00:00Z",
        "unique_id": str(place),
        "value": dollars,
    }
    profile = {"data": {"type": "profile", "attributes": {"external_id": customer}}}
    events = {"data": [{"type": "event", "attributes": attributes}]}
    return {"type": "event-bulk-create", "attributes": {"profile": profile, "events": events}}


def bulk_body(items: list[dict[str, Any]]) -> bytes:
    attributes = {"events-bulk-create": {"data": items}}
    return msgspec.json.encode({"data": {"type": "event-bulk-create-job", "attributes": attributes}})


def measure(ask: Callable[[], httpx.Response], is_over: Callable[[], bool]) -> list[float]:
    """The latency of each request in milliseconds, sent one after the other until it is over."""
    found = []
    while not is_over():
        began = time.perf_counter()
        ask().raise_for_status()
        found.append((time.perf_counter() - began) * 1_000)
        time.sleep(PAUSE_SECONDS)
    return found


def told(name: str, latencies: list[float]) -> str:
    middle, most = np.percentile(latencies, [50, 99]).tolist()
    return f"{name:<18}{len(latencies):>6} requests, median {middle:6.1f} ms, 99% within {most:6.1f} ms"


def main() -> None:
    """Measure, and print."""
    with tempfile.TemporaryDirectory(prefix="eventkeep-bench-") as name, ServerProcess(Path(name) / "data") as server:
        headers = {"Authorization": f"Klaviyo-API-Key {server.make_key()}", "revision": "2026-07-15"}
        json_headers = {"Content-Type": "application/json"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=60) as http:
            for body in bulk_bodies():
                http.post("/api/event-bulk-create-jobs/", content=body, headers=json_headers).raise_for_status()
            numbers = iter(range(10**9))

            def read() -> httpx.Response:
                day = next(numbers) % 27 + 1
                filter = f"less-than(datetime,1997-11-{day:02}T00:00:00Z)"
                return http.get("/api/events/", params={"filter": filter, "include": "profile"})

            def create() -> httpx.Response:
                body = bulk_body([item(10**9 + next(numbers), "1", "19970101", 5.0)])
                return http.post("/api/event-bulk-create-jobs/", content=body, headers=json_headers)

            for kind, ask in (("reads", read), ("creates", create)):
                compare(server, kind, ask)


def compare(server: ServerProcess, kind: str, ask: Callable[[], httpx.Response]) -> None:
    """Print the latencies of requests without a fit and beside one."""
    quiet_until = time.monotonic() + QUIET_SECONDS
    print(told(f"{kind} alone", measure(ask, lambda: time.monotonic() > quiet_until)))
    request = ControlRequest(FIT_PREDICTIONS, "default", fit=FitOptions(until=UNTIL))
    began = time.monotonic()
    with ThreadPoolExecutor(1) as threads:
        fitting = threads.submit(change_folder, server.data, request, PREDICTIONS_FIT_SECONDS_MAX)
        print(told(f"{kind} beside a fit", measure(ask, fitting.done)))
    last = fitting.result().fit
    customers = 0 if last is None or last.fit is None else last.fit.customers
    print(f"the fit took {time.monotonic() - began:.1f} s: {customers} customers")


if __name__ == "__main__":
    main()

"""The metrics of a scrape: requests, commits, the queue and the stores; and access to them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from eventkeep.protocol.operations import OPERATIONS
from eventkeep.testing import ServerProcess, free_port
from tests.acceptance.program import run
from tests.contract.api import Api, make_keys
from tests.contract.scrapes import Scraped, value


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    port = free_port()
    data = tmp_path_factory.mktemp("metrics") / "data"
    with ServerProcess(data, options=["--metrics-port", str(port)]) as server:
        yield Scraped(server, port)


@pytest.fixture(scope="module")
def key(scraped: Scraped) -> str:
    (made,) = make_keys(scraped.server, "default", "full")
    return made


def test_requests_are_counted_by_operation_and_status(scraped: Scraped, key: str) -> None:
    before = scraped.samples()
    with Api(scraped.server.url, key) as api, Api(scraped.server.url, None) as nobody:
        api.create(unique_id="counted")
        for _ in range(3):
            api.call("get_event", "malformed")
        nobody.call("get_events")
        api.http.get("/api/nothing/")
    after = scraped.samples()

    def grown(name: str, **labels: str) -> float:
        return value(after, name, **labels) - value(before, name, **labels)

    assert grown("requests_total", operation="create_event", status="202") == 1
    assert grown("requests_total", operation="get_event", status="400") == 3
    assert grown("requests_total", operation="get_events", status="401") == 1
    assert grown("requests_total", operation="none", status="404") == 1
    assert grown("request_seconds_count", operation="get_event") == 3
    assert grown("request_seconds_sum", operation="get_event") > 0


def test_latency_has_a_histogram_for_every_operation(scraped: Scraped) -> None:
    samples = scraped.samples()
    for operation in OPERATIONS:
        buckets = [
            (float(dict(labels)["le"]), count)
            for (name, labels), count in samples.items()
            if name == "eventkeep_request_seconds_bucket" and ("operation", operation) in labels
        ]
        counts = [count for _, count in sorted(buckets)]
        assert len(counts) > 10
        assert counts == sorted(counts)
        assert counts[-1] == value(samples, "request_seconds_count", operation=operation)


def test_commits_count_their_events_time_and_outcome(scraped: Scraped, key: str) -> None:
    before = scraped.samples()
    with Api(scraped.server.url, key) as api:
        first = {"email": "first@shop.example", "external_id": "1"}
        other = {"email": "other@shop.example"}
        events = [("Order", first, {"unique_id": str(number % 4)}) for number in range(7)]
        api.create_many([*events, ("Order", other, {"unique_id": "0"})])
        api.create("Order", {**other, "external_id": "1"}, unique_id="left")
        api.create("Order", {"email": "first@shop.example", "phone_number": "12"}, unique_id="ignored")
    after = scraped.samples()
    grown = {
        name: value(after, name) - value(before, name)
        for name in (
            "batch_events_sum",
            "batch_events_count",
            "commit_seconds_count",
            "events_stored_total",
            "events_repeated_total",
            "identifiers_left_total",
            "identifiers_ignored_total",
            "commits_failed_total",
        )
    }
    assert grown == {
        "batch_events_sum": 10,
        "batch_events_count": 3,
        "commit_seconds_count": 3,
        "events_stored_total": 7,
        "events_repeated_total": 3,
        "identifiers_left_total": 1,
        "identifiers_ignored_total": 1,
        "commits_failed_total": 0,
    }
    assert value(after, "commit_seconds_sum") > value(before, "commit_seconds_sum")
    assert value(after, "batch_events_bucket", le="10") - value(before, "batch_events_bucket", le="10") == 3


def test_queue_and_stores_tell_their_sizes(scraped: Scraped, key: str) -> None:
    with Api(scraped.server.url, key) as api:
        api.create(unique_id="sized")
        kept = len(api.events())
    deadline = time.monotonic() + 10
    # An event counts twice for a moment while it is being moved to the table.
    while value(samples := scraped.samples(), "events") != kept:
        assert time.monotonic() < deadline
    assert value(samples, "queue_events") == value(samples, "queue_bytes") == 0
    assert value(samples, "directory_bytes") > 10_000
    assert value(samples, "seen_filter_bytes") > 0
    for name in ("tail_events", "table_bytes"):
        assert (f"eventkeep_{name}", frozenset[tuple[str, str]]()) in samples
    assert samples["process_resident_memory_bytes", frozenset()] > 10_000_000


def test_many_scrapes_open_no_more_threads_than_one(scraped: Scraped) -> None:
    tasks = Path(f"/proc/{scraped.server.pid}/task")
    for _ in range(3):
        scraped.samples()
    before = len(list(tasks.iterdir()))
    for _ in range(20):
        scraped.samples()
    assert len(list(tasks.iterdir())) < before + 10


def test_metrics_are_closed_to_strangers_by_default(server: ServerProcess) -> None:
    assert httpx.get(f"{server.url}/metrics").status_code == 404
    assert "metrics are served" not in server.log_text()


def test_metrics_port_serves_no_route_of_the_api(scraped: Scraped, key: str) -> None:
    with Api(f"http://127.0.0.1:{scraped.port}", key) as api:
        assert "data" not in api.call("get_events").text


def test_setting_0_takes_a_free_port_and_logs_it(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", options=["--metrics-port", "0", "--log-format", "json"]) as server:
        found = re.search(r'"host": ?"127.0.0.1", ?"port": ?(\d+)', server.log_text())
        assert found is not None
        assert value(Scraped(server, int(found[1])).samples(), "requests_total", operation="none", status="200") >= 1


def test_port_in_use_is_reported(scraped: Scraped, tmp_path: Path) -> None:
    done = run("serve", "--data", tmp_path / "data", "--port", "0", "--metrics-port", str(scraped.port))
    assert done.code == 2
    assert f"metrics can't be served on 127.0.0.1:{scraped.port}" in done.errors
    assert "Traceback" not in done.errors

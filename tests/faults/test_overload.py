"""Far more load than a server can carry: it responds, refuses the rest, bounds its memory and recovers at once."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator

import msgspec
import pytest

from eventkeep.limits import BODIES_BYTES_MAX, BODY_BYTES_MAX, MEMORY_BYTES_MAX, PAGE_EVENTS_MAX, QUEUE_BYTES_MAX
from eventkeep.testing import ServerProcess
from tests.contract.api import Api, bulk_body, make_keys
from tests.faults.flood import Flooded
from tests.faults.memory import memory
from tests.source_tree import PROJECT

SECONDS = 4.0
LARGE_EVENTS, LARGE_CHARACTERS = 50, 90_000
"""Nearly the largest body."""
LARGE_CONNECTIONS = BODIES_BYTES_MAX // BODY_BYTES_MAX + QUEUE_BYTES_MAX // BODY_BYTES_MAX
"""More at once than there is room for, from a load that never waits."""


def flood(port: int, key: str, name: str, connections: int, events: int, characters: int) -> subprocess.Popen[bytes]:
    numbers = map(str, (connections, SECONDS, events, characters))
    command = [sys.executable, "-m", "tests.faults.flood", str(port), key, name, *numbers]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE)


def flooded(process: subprocess.Popen[bytes]) -> Flooded:
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 0
    return msgspec.json.decode(output, type=Flooded)


def events_by_metric(api: Api) -> dict[str, int]:
    """The number of events of each metric, by its name."""
    found: dict[str, int] = {}
    link: str | None = f"/eventkeep/metrics?page[size]={PAGE_EVENTS_MAX}"
    while link is not None:
        page = api.http.get(link).raise_for_status().json()
        for metric in page["data"]:
            found[metric["attributes"]["name"]] = metric["meta"]["events"]
        link = page["links"]["next"]
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("overload") / "data") as process:
        yield process


@pytest.fixture(scope="module")
def keys(server: ServerProcess) -> list[str]:
    return make_keys(server, "overload", "full", "full")


@pytest.mark.parametrize(
    ("name", "connections", "events", "characters"),
    [("large", LARGE_CONNECTIONS, LARGE_EVENTS, LARGE_CHARACTERS), ("small", 300, 1_000, 10)],
)
def test_overload_is_refused_in_bounded_memory_and_accepted_events_are_stored_once(
    server: ServerProcess, keys: list[str], name: str, connections: int, events: int, characters: int
) -> None:
    polite: Counter[int] = Counter()
    with Api(server.url, keys[0]) as api:
        flooding = flood(server.port, keys[1], name, connections, events, characters)
        while flooding.poll() is None:
            assert api.http.get("/healthz").status_code == 200
            one = bulk_body([(f"Polite {name}", {"email": "polite@shop.example"}, {"unique_id": str(polite.total())})])
            polite[api.call("bulk_create_events", body=one).status_code] += 1
            time.sleep(0.1)
        result = flooded(flooding)
        # It recovers at once: the load is over, and the first create is accepted.
        assert api.http.get("/readyz").status_code == 200
        api.create("After", unique_id=name)
        found = events_by_metric(api)
    peak = memory(server.pid).peak
    print(
        f"\n{name}: {result.statuses}, polite {dict(polite)}, cut {len(result.without_response)}, peak {peak:,} bytes"
    )
    assert result.statuses.keys() <= {202, 503}
    assert result.statuses[202] > 0
    assert result.without_retry_after == 0
    assert polite.keys() <= {202, 503}
    assert found[f"Polite {name}"] == polite[202]
    assert all(found[metric] == events for metric in result.kept)
    assert all(found.get(metric, events) == events for metric in result.without_response)
    assert {metric for metric in found if f"_{name}-" in metric} <= {*result.kept, *result.without_response}
    assert peak < MEMORY_BYTES_MAX
    if name == "large":
        assert result.statuses[503] > 0

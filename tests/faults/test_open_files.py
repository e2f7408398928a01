"""A server that may open no more files: no accepted event is lost, and closed connections bring it back."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable
from pathlib import Path

from eventkeep.testing import ServerProcess
from tests.contract.api import Api, make_keys
from tests.faults.raw_http import Wire


def test_without_free_descriptors_nothing_accepted_is_lost_and_closed_connections_help(
    tmp_path: Path,
) -> None:
    with ServerProcess(tmp_path / "data") as process:
        with Api(process.url, make_keys(process, "files", "full")[0]) as api:
            api.create(unique_id="before", properties={"name": "before"})
            open_files = len(list(Path(f"/proc/{process.pid}/fd").iterdir()))
            soft, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (open_files + 20, hard))
            wires = [Wire(process.port) for _ in range(60)]
            # An earlier connection is still served; requests that need files may be refused for now.
            responses = repeatedly(lambda: api.call("create_event").status_code, seconds=2.0)
            assert set(responses) <= {202, 503}
            for wire in wires:
                wire.close()
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (soft, hard))
            api.http.get("/readyz").raise_for_status()
            api.create(unique_id="after", properties={"name": "after"})
            names = {event["attributes"]["event_properties"].get("name") for event in api.events()}
            assert {"before", "after"} <= names
            assert len(api.events()) >= 2 + (202 in responses)
        assert process.stop() == 0


def repeatedly(act: Callable[[], int], seconds: float) -> list[int]:
    """The results of ``act``, called again and again for this long."""
    found: list[int] = []
    end = threading.Event()
    timer = threading.Timer(seconds, end.set)
    timer.start()
    while not end.is_set():
        found.append(act())
        time.sleep(0.05)
    return found

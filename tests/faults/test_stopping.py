"""The start and the end of a server: clean, alone on its folder, and without loss of accepted events."""

from __future__ import annotations

import asyncio
import signal
import threading
from pathlib import Path

import httpx
import pytest

from eventkeep.errors import ServerUnreachable
from eventkeep.testing import ServerProcess
from tests.faults.load import LARGE_FILLER, Load, headers, single_body, unique_ids


@pytest.mark.parametrize(("number", "filler"), [(signal.SIGTERM, LARGE_FILLER), (signal.SIGINT, 200)])
def test_a_signal_under_full_load_loses_nothing_that_was_accepted(
    tmp_path: Path, number: signal.Signals, filler: int
) -> None:
    with ServerProcess(tmp_path / "data") as server:
        key = server.make_key()
        load = Load(server.url, key, "stopped", filler)
        codes: list[int] = []
        stopper = threading.Timer(1.0, lambda: codes.append(server.stop(number)))
        stopper.start()
        asyncio.run(load.run(singles=16, bulks=4))
        stopper.join()
        assert codes == [0]
        assert set(load.refusals) <= {503}
        server.start()
        found = unique_ids(server.url, key)
    assert load.kept
    load.check(found)


def test_a_clean_stop_leaves_nothing_to_replay(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        key = server.make_key()
        httpx.post(f"{server.url}/api/events/", content=single_body("one", 1), headers=headers(key)).raise_for_status()
        server.stop()
        server.start()
        assert "replaying" not in server.log_text()


def test_a_second_server_on_the_same_folder_refuses_to_start_and_says_why(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        with pytest.raises(ServerUnreachable, match=f"in use by another eventkeep server \\(process {server.pid}\\)"):
            ServerProcess(tmp_path / "data").start()
        assert httpx.get(f"{server.url}/healthz").is_success


def test_a_port_in_use_is_refused_with_advice(tmp_path: Path) -> None:
    with (
        ServerProcess(tmp_path / "one") as server,
        pytest.raises(ServerUnreachable, match="choose another with --host and --port"),
    ):
        ServerProcess(tmp_path / "two", port=server.port).start()


def test_a_folder_that_can_not_be_written_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ServerUnreachable, match="data folder"):
        ServerProcess(tmp_path / "file").start()

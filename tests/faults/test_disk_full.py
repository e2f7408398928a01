"""A disk that fills up: requests without room are refused, accepted events stay, and free space brings it back."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from eventkeep.testing import ServerProcess
from tests.faults.load import Load, headers, single_body, unique_ids

SMALL, LARGE = "size=24m", "size=400m"


def mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or not mount("-t", "tmpfs", "-o", SMALL, "tmpfs", str(disk)):
        pytest.skip("mounting a small tmpfs needs root")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def test_a_full_disk_refuses_with_503_and_loses_nothing(small_disk: Path) -> None:
    with ServerProcess(small_disk / "data", environment={"NO_COLOR": "1"}) as server:
        server_key = server.make_key()
        load = Load(server.url, server_key, "filling", filler_characters=4_000)
        loading = threading.Thread(target=lambda: asyncio.run(load.run(singles=4, bulks=6)))
        loading.start()
        deadline = time.monotonic() + 60
        while load.refusals[503] < 20 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert load.refusals[503] >= 20
        assert mount("-o", f"remount,{LARGE}", str(small_disk))
        response = eventually_kept(server.url, server_key)
        assert response.status_code == 202
        server.kill()
        loading.join()
        assert set(load.refusals) == {503}
        server.start()
        load.check(unique_ids(server.url, server_key))


def eventually_kept(url: str, key: str) -> httpx.Response:
    """Send one event until it is accepted, as a client with retries would, for at most 20 seconds."""
    deadline = time.monotonic() + 20
    while True:
        body = single_body("after-the-flood", 1)
        response = httpx.post(f"{url}/api/events/", content=body, headers=headers(key), timeout=30)
        if response.status_code == 202 or time.monotonic() > deadline:
            return response
        assert response.headers["Retry-After"].isdigit()
        time.sleep(0.2)

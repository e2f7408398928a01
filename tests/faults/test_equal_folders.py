"""Two folders that were fed the same log respond alike, byte for byte, whenever each of them flushed and merged."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventkeep.config import ServeSettings
from eventkeep.files import Files
from eventkeep.ingest.queue import QueuedChange, QueuedCreates
from eventkeep.ingest.stores import LOG_FOLDER, REPLICATED, Stores
from eventkeep.log.file_log import FileLog
from eventkeep.protocol.revisions import REVISIONS
from eventkeep.server.app import App
from eventkeep.server.control import ControlRequest, make_change
from eventkeep.server.services import Services
from tests.asgi import AsgiApp
from tests.contract.api import bulk_body
from tests.faults.commit_faults import NOW, Shop
from tests.unit.directory.held import HeldClock

EMAILS: Final = [f"{name}@shop.example" for name in ("ada", "bob", "eve")]

events = st.tuples(
    st.sampled_from(["Order", "View"]),
    st.fixed_dictionaries(
        {"email": st.sampled_from(EMAILS)},
        # The same external id with another email merges two profiles.
        optional={"external_id": st.sampled_from(["1", "2"]), "first_name": st.sampled_from(["Ada", "Bob"])},
    ),
    st.fixed_dictionaries(
        {"unique_id": st.integers(0, 30).map(str), "time": st.integers(0, 9).map(lambda n: f"2025-01-01T00:00:0{n}Z")},
        optional={"value": st.integers(0, 3), "properties": st.dictionaries(st.just("size"), st.integers(0, 3))},
    ),
)
moments = st.sampled_from(["", "", "flush", "merge", "flush", "checkpoint"])
"""What a folder does after a batch."""
steps = st.lists(
    st.tuples(st.lists(events, min_size=1, max_size=4), moments, moments, st.booleans()), min_size=4, max_size=12
)


class SharedLog:
    """The log of another folder, which this one does not close."""

    def __init__(self, log: FileLog) -> None:
        self._log = log

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def close(self) -> None:
        pass


def do(stores: Stores, moment: str) -> None:
    if moment == "flush":
        stores.events.flush()
    elif moment == "merge":
        stores.events.flush()
        while stores.events.merge():
            pass
    elif moment == "checkpoint":
        stores.directory.checkpoint()


def send(shop: Shop, batch: list[tuple[str, dict[str, Any], dict[str, Any]]]) -> None:
    done: Future[Any] = Future()
    body = json.dumps(bulk_body(batch)).encode()
    shop.committer.offer(
        QueuedCreates(account=1, revision=REVISIONS[-1], is_bulk=True, bodies=[body], received_at=NOW, tickets=[done])
    )
    shop.committer.run_once()
    assert not isinstance(done.result(10), Exception)


def new_key(shop: Shop) -> str:
    done: Future[Any] = Future()
    request = ControlRequest("create_key", "default", ["full"])
    shop.committer.offer(QueuedChange(lambda directory: make_change(request, directory), done))
    shop.committer.run_once()
    key: str = done.result(10).key
    return key


def feed(base: Path, load: list[Any]) -> str:
    """Have the folder ``first`` commit a load and ``second`` follow its log; returns a key."""
    shop = Shop(base / "first", Files())
    shared: Any = SharedLog(shop.stores.log)  # type: ignore[arg-type]
    second = Stores.open(base / "second", replicated=shared)
    key = new_key(shop)
    for batch, own, others, follows in load:
        send(shop, batch)
        do(shop.stores, own)
        if follows:
            second.apply(list(shared.read(second.directory.position + 1)))
            do(second, others)
    second.apply(list(shared.read(second.directory.position + 1)))
    second.close()
    shop.committer.stop()
    shop.stores.close()
    # From now on it has a log of its own: the same.
    (base / "second" / REPLICATED).unlink()
    shutil.copytree(base / "first" / LOG_FOLDER, base / "second" / LOG_FOLDER)
    return key


FIRST_PAGES: Final = (
    "/api/events/?page[size]=3",
    "/api/events/?page[size]=3&sort=datetime&include=profile,metric",
    "/api/events/?filter=greater-than(datetime,2025-01-01T00:00:03Z)&sort=-timestamp",
    "/api/metrics/",
    "/api/profiles/?page[size]=2",
    "/api/accounts/",
)


def responses(folder: Path, key: str) -> list[tuple[str, int, bytes]]:
    """The responses to all reads of a folder: pages with what they link to, every event, profile and metric."""

    async def read() -> list[tuple[str, int, bytes]]:
        found: list[tuple[str, int, bytes]] = []
        app = AsgiApp(App(services, ServeSettings(rate_limits="off")))
        transport = httpx.ASGITransport(app)
        headers = {"Authorization": f"Klaviyo-API-Key {key}", "revision": "2024-06-15"}
        async with httpx.AsyncClient(transport=transport, base_url="http://shop.example", headers=headers) as client:

            async def get(url: str) -> Any:
                response = await client.get(url)
                found.append((url, response.status_code, response.content))
                return response.json()

            single: set[str] = set()
            for url in FIRST_PAGES:
                link: str | None = url
                while link is not None:
                    document = await get(link)
                    single.update(each["links"]["self"] for each in document["data"])
                    link = document["links"]["next"]
            for url in sorted(single):
                (kind, number) = url.rstrip("/").rsplit("/", 2)[-2:]
                await get(url)
                if kind == "events":
                    await get(f"/api/events/{number}/profile/")
                    await get(f"/api/events/{number}/relationships/metric/")
                if kind == "metrics":
                    await get(f"/api/events/?filter=equals(metric_id,'{number}')")
                if kind == "profiles":
                    await get(f"/api/events/?filter=equals(profile_id,'{number}')&sort=datetime")
        return found

    services = Services(folder, HeldClock(NOW + 1_000.0))
    try:
        with asyncio.Runner() as runner:
            return runner.run(read())
    finally:
        services.close()


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(load=steps)
def test_folders_with_one_log_respond_alike(load: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        key = feed(base, load)
        first, second = responses(base / "first", key), responses(base / "second", key)
    assert {status for _, status, _ in first} == {200}
    assert len(first) > len(FIRST_PAGES)
    for one, other in zip(first, second, strict=True):
        assert one == other

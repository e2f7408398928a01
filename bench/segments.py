"""The event store alone: ``python -m bench.segments`` fills a store and prints what writing and reading take.

python -m bench.segments --events 10000000                 events in the order of their time
python -m bench.segments --events 10000000 --order random  in random order
python -m bench.segments --events 80000 --commit 8 --flush-every 1   after many tiny flushes
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np

from bench import bodies, shop_bodies
from bench.bodies import MARKER
from eventkeep.events.selection import EventSelection
from eventkeep.events.store import EventStore
from eventkeep.model.event_columns import EventColumns, TextColumn

FIRST_TIME: Final = 1_700_000_000
EVENTS_A_SECOND: Final = 4
METRICS: Final = 5
SCATTERED_EVENTS: Final = 200
"""Events of one profile, spread over the whole store."""
PAGE: Final = 200
ROUNDS: Final = 100


class Load:
    """Events of a shop: distinct documents, profiles of a few events and some of SCATTERED_EVENTS."""

    def __init__(self, events: int, shop: bool, order: str) -> None:
        self.events, self.order = events, order
        self._choose = random.Random(1)
        self._random = np.random.default_rng(1)
        made = shop_bodies.properties if shop else bodies.properties
        documents = [json.dumps(made(self._choose), separators=(",", ":")) for _ in range(4_096)]
        self._documents = [text.replace("{", f'{{"Seen":"{MARKER}",', 1).encode() for text in documents]
        self.profiles = max(1, events // 20)
        self.scattered = max(1, events // SCATTERED_EVENTS // 100)
        self.ids: list[tuple[int, int]] = []

    def commits(self, size: int) -> Iterator[EventColumns]:
        times = FIRST_TIME + np.arange(self.events, dtype=np.int64) // EVENTS_A_SECOND
        if self.order == "random":
            self._random.shuffle(times)
        for start in range(0, self.events, size):
            yield self._columns(times[start : start + size], start)

    def _columns(self, times: np.ndarray[Any, np.dtype[np.int64]], start: int) -> EventColumns:
        count = len(times)
        draw = self._random
        ids = draw.integers(0, 2**64, count, dtype=np.uint64)
        profiles = draw.integers(1000 + self.scattered, 1000 + self.scattered + self.profiles, count)
        is_scattered = draw.random(count) < 0.01
        profiles[is_scattered] = draw.integers(1, 1 + self.scattered, int(is_scattered.sum()))
        self.ids.append((int(times[0]), int(ids[0])))
        bits, documents = self._choose.getrandbits, self._documents
        properties = [documents[bits(12)].replace(MARKER.encode(), b"%012x" % bits(48)) for _ in range(count)]
        unique_ids = [b"shop-%d-%d" % (start // 1_000, place) for place in range(start, start + count)]
        return EventColumns(
            {
                "time": times,
                "id": ids,
                "key_low": draw.integers(0, 2**64, count, dtype=np.uint64),
                "value": np.where(draw.random(count) < 0.3, draw.random(count), np.nan),
                "account": np.ones(count, dtype=np.uint32),
                "profile": profiles.astype(np.uint32),
                "metric": draw.integers(1, METRICS + 1, count).astype(np.uint32),
            },
            {
                "unique_id": _column(unique_ids),
                "currency": TextColumn(b"EUR" * count, np.full(count, 3, dtype=np.uint32)),
                "properties": _column(properties),
            },
        )


def _column(values: list[bytes]) -> TextColumn:
    return TextColumn(b"".join(values), np.array([len(value) for value in values], dtype=np.uint32))


class Stalls:
    """A thread that wants the interpreter's lock all the time, and how long it had to wait for it."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self.waits: list[float] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            before = time.perf_counter()
            time.sleep(0.001)
            self.waits.append(time.perf_counter() - before - 0.001)

    def stop(self) -> str:
        self._stopping.set()
        self._thread.join()
        waits = sorted(self.waits)
        chosen = (waits[len(waits) // 2], waits[-1 - len(waits) // 1000], waits[-1])
        return "median {:.2f} ms, 99.9 % {:.1f} ms, longest {:.1f} ms".format(*(wait * 1e3 for wait in chosen))


def timed(what: str, read: Callable[[], Any], rounds: int = ROUNDS) -> None:
    read()
    taken = []
    for _ in range(rounds):
        before = time.perf_counter()
        read()
        taken.append(time.perf_counter() - before)
    quantile = sorted(taken)[int(len(taken) * 0.95)]
    print(f"  {what:22} {statistics.median(taken) * 1e3:8.3f} ms   95 % {quantile * 1e3:8.3f} ms")


def fill(store: EventStore, load: Load, commit: int, flush_every: int) -> None:
    appending = flushing = merging = 0.0
    longest_append = 0.0
    position = 0
    for position, events in enumerate(load.commits(commit), start=1):
        before, started = time.process_time(), time.perf_counter()
        store.append(position, events)
        appending += time.process_time() - before
        longest_append = max(longest_append, time.perf_counter() - started)
        if position % flush_every == 0:
            before = time.process_time()
            store.flush()
            flushing += time.process_time() - before
            before = time.process_time()
            while store.merge():
                pass
            merging += time.process_time() - before
    before = time.process_time()
    store.flush()
    flushing += time.process_time() - before
    spent = {"append": appending, "flush": flushing, "merge": merging}
    each = ", ".join(f"{name} {seconds / load.events * 1e6:.2f}" for name, seconds in spent.items())
    print(f"  CPU an event, µs: {each}; longest append {longest_append * 1e3:.1f} ms")
    print(f"  disk bytes an event: {store.disk_bytes / load.events:.1f}, segments: {store.segments}")


def read(store: EventStore, load: Load) -> None:
    choose = random.Random(2)
    last = FIRST_TIME + load.events // EVENTS_A_SECOND

    def page(**conditions: Any) -> int:
        return len(store.page(EventSelection(account=1, count=PAGE, **conditions)))

    def moment() -> int:
        return choose.randrange(FIRST_TIME, last)

    timed("newest", page)
    timed("deep", lambda: page(time_max=moment()))
    timed("cursor", lambda: page(after=(moment(), choose.getrandbits(64))))
    timed("oldest first", lambda: page(descending=False, time_min=moment()))
    timed("metric", lambda: page(metrics=frozenset({choose.randrange(1, METRICS + 1)})))
    timed("metric, deep", lambda: page(metrics=frozenset({choose.randrange(1, METRICS + 1)}), time_max=moment()))
    timed("scattered profile", lambda: page(profiles=frozenset({choose.randrange(1, 1 + load.scattered)})))
    timed(
        "profile of 20",
        lambda: page(profiles=frozenset({choose.randrange(1000 + load.scattered, 1000 + load.profiles)})),
    )
    timed("id", lambda: store.event(1, *choose.choice(load.ids)))
    ids, lows = np.random.default_rng(3).integers(0, 2**64, (2, 1_000), dtype=np.uint64)
    timed("is_new, 1,000 keys", lambda: store.is_new(ids, lows))
    timed("counts", lambda: store.counts(1), 5)
    before = time.perf_counter()
    rows = sum(len(events) for events in store.scan(EventSelection(account=1, count=0, time_min=last - 250_000)))
    print(f"  scan: {rows / (time.perf_counter() - before):,.0f} events/s")
    before = time.perf_counter()
    rows = sum(len(chunk["time"]) for chunk in store.arrays(1))
    print(f"  arrays: {rows / (time.perf_counter() - before) / 1e6:.1f} million events/s")
    for what, one in (("newest", page), ("deep", lambda: page(time_max=moment()))):
        with ThreadPoolExecutor(8) as threads:
            before = time.perf_counter()
            list(threads.map(lambda _, one=one: one(), range(1_000)))
            print(f"  {what} pages a second, eight threads: {1_000 / (time.perf_counter() - before):,.0f}")


def anonymous_bytes() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("RssAnon:")[2].split()[0]) * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--shop", action="store_true", help="documents of a shop of about 800 bytes, not of 220")
    parser.add_argument("--order", choices=("live", "random"), default="live")
    parser.add_argument("--commit", type=int, default=10_000, help="events in one commit")
    parser.add_argument("--flush-every", type=int, default=20, help="commits before a flush")
    parser.add_argument("--folder", type=Path, help="where the store is made; it is left there")
    chosen = parser.parse_args()
    load = Load(chosen.events, chosen.shop, chosen.order)
    with tempfile.TemporaryDirectory() as temporary:
        folder = (chosen.folder or Path(temporary)) / "events"
        store = EventStore.open(folder, background=False)
        stalls = Stalls()
        print(f"{chosen.events:,} events in {chosen.order} order, commits of {chosen.commit:,}")
        fill(store, load, chosen.commit, chosen.flush_every)
        print(f"  what another thread waited for the lock: {stalls.stop()}")
        read(store, load)
        store.close()
        before = time.perf_counter()
        store = EventStore.open(folder, background=False)
        print(f"  opening: {(time.perf_counter() - before) * 1e3:.0f} ms")
        print(f"  anonymous memory {anonymous_bytes() / 1e6:.0f} MB, of it filter {store.filter_bytes / 1e6:.0f}")
        store.close()
        (folder / "filter").unlink()
        before = time.perf_counter()
        store = EventStore.open(folder, background=False)
        opened = time.perf_counter() - before
        ids, lows = np.random.default_rng(4).integers(0, 2**64, (2, 2_000), dtype=np.uint64)
        asked = time.perf_counter()
        store.is_new(ids, lows)
        asked = time.perf_counter() - asked
        while store.is_loading:
            time.sleep(0.01)
        print(f"  opening without the filter: {opened * 1e3:.0f} ms, made {time.perf_counter() - before:.2f} s later")
        print(f"  a key looked up exactly: {asked / 2_000 * 1e6:.1f} µs")
        store.close()


if __name__ == "__main__":
    main()

"""The hot path, step by step: microseconds of CPU per event of each named step, in one thread."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from bench.bodies import EVENTS_PER_REQUEST, MARKER, bulk_body
from eventkeep.clock import SystemClock
from eventkeep.events.keys import first_keys
from eventkeep.ingest.batch import Batch
from eventkeep.ingest.commit import keys_of
from eventkeep.ingest.parsing import ParsedCreates
from eventkeep.ingest.resolve import Resolver
from eventkeep.ingest.stores import Stores
from eventkeep.model.submission import Submission
from eventkeep.protocol.creates.native_parser import parse_natively
from eventkeep.protocol.creates.parser import parse_bulk_create
from eventkeep.protocol.revisions import REVISIONS

REQUESTS_PER_BATCH = 20
BATCHES = 8
WARM_BATCHES = 2
RECEIVED_AT = 1_780_000_000


class Steps:
    """Adds up the CPU time of named steps."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        started = time.process_time()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - started


def measure() -> dict[str, float]:
    """Microseconds of CPU per event, by step, in the order of the path.

    In a thread of its own, as the committer's is: the main thread of a process gives freed
    memory back to the system sooner, and must get it again.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_measured).result()


def _measured() -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="eventkeep-bench-") as name:
        folder = Path(name)
        stores = Stores.open(folder)
        resolver = Resolver(stores.directory, SystemClock())
        steps = Steps()
        for number in range(WARM_BATCHES + BATCHES):
            if number == WARM_BATCHES:
                steps.seconds.clear()
            one_batch(number, steps, resolver, stores)
        stores.close()
    events = BATCHES * REQUESTS_PER_BATCH * EVENTS_PER_REQUEST
    return {step: seconds / events * 1e6 for step, seconds in steps.seconds.items()}


def one_batch(number: int, steps: Steps, resolver: Resolver, stores: Stores) -> None:
    """One batch from bytes to the tail, step by step."""
    bodies = [
        bulk_body(seed, 20_000).replace(MARKER, f"{number}-{seed}").encode() for seed in range(REQUESTS_PER_BATCH)
    ]
    with steps.step("parse and check"):
        submissions = [parsed(body) for body in bodies]
    waiting = [ParsedCreates(1, submission, [None]) for submission in submissions]
    with steps.step("profiles and metrics"):
        resolution = resolver.resolve(waiting, None)
    with steps.step("keys"):
        batch = Batch([part.resolved for part in resolution.requests])
    with steps.step("repeats"):
        keys = batch.ids, batch.key_lows
        fresh = first_keys(keys, keys_of(None)) & stores.events.is_new(*keys)
    with steps.step("first values"):
        resolver.mark_values(resolution, fresh)
    with steps.step("columns"):
        columns = batch.columns(fresh)
    with steps.step("record"):
        changes = resolution.changes()
        made = stores.encoded(changes, columns, resolution.now_us)
    with steps.step("log"):
        stores.log.append(made.record)
    with steps.step("directory"):
        stores.directory.apply(changes, made.progress, resolution.pending)
    with steps.step("tail"):
        stores.events.append(made.record.position, columns)
    with steps.step("release"):
        del submissions, waiting, resolution, batch, columns, made


def parsed(body: bytes) -> Submission:
    """The submission of a bulk create, by the native parser if it was built."""
    submission, _ = parse_natively([body], True, REVISIONS[-1], RECEIVED_AT)
    return parse_bulk_create(body, REVISIONS[-1], RECEIVED_AT) if submission is None else submission

"""The engine alone: ``python -m bench.engine_floor FOLDER BATCHES`` prints events per second."""

from __future__ import annotations

import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from bench.bodies import EVENTS_PER_REQUEST, bulk_body
from eventkeep.eventlog.rows import ROWS_SCHEMA
from eventkeep.eventlog.table import EventTable
from eventkeep.protocol.creates.parser import parse_bulk_create
from eventkeep.protocol.revisions import REVISIONS

REQUESTS_PER_BATCH = 50
RECEIVED_AT = 1_780_000_000


def batch(number: int, texts: list[bytes]) -> pa.Table:
    """A batch as the committer makes it."""
    count = REQUESTS_PER_BATCH * EVENTS_PER_REQUEST
    random = np.random.default_rng(number)
    columns = [
        np.ones(count, dtype=np.uint32),
        (1_714_500_000 + number * 3_000 + random.integers(0, 3_600, count)).astype(np.uint32),
        random.integers(0, 2**64, count, dtype=np.uint64),
        random.integers(0, 2**64, count, dtype=np.uint64),
        random.integers(0, 20_000, count, dtype=np.uint64),
        random.integers(0, 5, count).astype(np.uint32),
        [b"r-%d-%d" % (number, place) for place in range(count)],
        random.random(count).round(2),
        [b""] * count,
        texts * REQUESTS_PER_BATCH,
    ]
    return pa.table(columns, schema=ROWS_SCHEMA)


def main(folder: Path, batches: int) -> float:
    """Events per second of appending prepared batches."""
    submission = parse_bulk_create(bulk_body(1, 20_000).encode(), REVISIONS[-1], RECEIVED_AT)
    properties = submission.texts["properties"]
    texts = [properties.joined[start:end] for start, end in pairwise(properties.offsets().tolist())]
    table = EventTable.open(folder)
    try:
        prepared = [batch(number, texts) for number in range(batches)]
        started = time.perf_counter()
        for rows in prepared:
            table.append(rows)
        return batches * REQUESTS_PER_BATCH * EVENTS_PER_REQUEST / (time.perf_counter() - started)
    finally:
        table.close()


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), int(sys.argv[2])))

"""Records for the tests of the log, small and large, from a seed."""

from __future__ import annotations

import random

import numpy as np

from eventkeep.log.record import EncodedRecord, Record, encode
from eventkeep.model.event_columns import NUMBERS, SIZE_TYPE, TEXTS, EventColumns, TextColumn


def events_of(count: int, seed: int = 0, zeros: bool = False) -> EventColumns:
    """``count`` events of chance; ``zeros`` makes most of their bytes zeros."""
    chance = np.random.default_rng(seed)
    numbers = {
        name: (np.zeros(count, dtype=kind) if zeros else chance.integers(0, 2**31, count).astype(kind))
        for name, kind in NUMBERS.items()
    }
    texts = {}
    for name in TEXTS:
        sizes = chance.integers(0, 4 if zeros else 40, count).astype(SIZE_TYPE)
        joined = bytes(int(sizes.sum())) if zeros else chance.bytes(int(sizes.sum()))
        texts[name] = TextColumn(joined, sizes)
    return EventColumns(numbers, texts)


def record_of(position: int, seed: int | None = None) -> Record:
    """A record of chance: some with changes, some with events, some with many zeros, a few large."""
    chance = random.Random(position if seed is None else seed)
    changes = chance.randbytes(chance.choice([0, 1, 7, 300, 5_000]))
    count = chance.choice([0, 1, 3, 200])
    events = events_of(count, position, zeros=chance.random() < 0.3) if count else None
    return Record(position, 1_700_000_000_000_000 + position, changes, events)


def same_events(one: EventColumns | None, other: EventColumns | None) -> bool:
    """Whether both hold the same events, byte for byte."""
    if one is None or other is None or not len(one) or not len(other):
        return (one is None or not len(one)) and (other is None or not len(other))
    return all(one.numbers[name].tobytes() == other.numbers[name].tobytes() for name in NUMBERS) and all(
        one.texts[name].joined == other.texts[name].joined
        and one.texts[name].sizes.tolist() == other.texts[name].sizes.tolist()
        for name in TEXTS
    )


def chain(count: int, log: int, start: int = 1, previous: int = 0) -> list[EncodedRecord]:
    """``count`` records that follow each other."""
    made: list[EncodedRecord] = []
    for position in range(start, start + count):
        made.append(encode(record_of(position), log, previous))
        previous = made[-1].checksum
    return made

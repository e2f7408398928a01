"""Events as columns, from numbers that a test can tell apart."""

from __future__ import annotations

import numpy as np

from eventkeep.model.event_columns import NUMBERS, SIZE_TYPE, EventColumns, TextColumn

MINUTE = 60


def event_columns(*numbers: int, account: int = 1, profile: int = 1, metric: int = 1) -> EventColumns:
    """An event for each number: its unique id is ``id-<number>``, and number and key are the same."""
    keys = np.array(numbers, dtype="<u8")
    values = {
        "time": 1_700_000_000 + keys.astype("<i8") * MINUTE,
        "id": keys * np.uint64(0x9E3779B97F4A7C15),
        "key_low": keys,
        "value": np.array(numbers, dtype="<f8"),
        "account": np.full(len(keys), account),
        "profile": np.full(len(keys), profile),
        "metric": np.full(len(keys), metric),
    }
    return EventColumns(
        {name: values[name].astype(kind) for name, kind in NUMBERS.items()},
        {
            "unique_id": texts([f"id-{number}" for number in numbers]),
            "currency": texts([""] * len(numbers)),
            "properties": texts([f'{{"number":{number}}}' for number in numbers]),
        },
    )


def texts(values: list[str]) -> TextColumn:
    encoded = [value.encode() for value in values]
    return TextColumn(b"".join(encoded), np.array([len(value) for value in encoded], dtype=SIZE_TYPE))

"""Changes of consent as a submission: the writes of the profiles, and the events that tell of them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from xxhash import xxh3_128_digest

from eventkeep.model.consent_changes import ConsentChange
from eventkeep.model.event_columns import SIZE_TYPE, TextColumn
from eventkeep.model.submission import NUMBERS, Submission

SERVICE = "api"
"""The service of the metrics that tell of consent."""
_encode = msgspec.json.Encoder().encode


def consent_submission(changes: Sequence[ConsentChange]) -> Submission:
    """One submission of all changes. An event is told apart by its second, as one without a ``unique_id`` is."""
    metrics: dict[tuple[str, str], int] = {}
    profile_index: list[int] = []
    metric_index: list[int] = []
    times: list[int] = []
    properties: list[bytes] = []
    for place, change in enumerate(changes):
        for event in change.events:
            profile_index.append(place)
            metric_index.append(metrics.setdefault((event.metric, SERVICE), len(metrics)))
            times.append(change.time // 1_000_000)
            properties.append(_encode(event.properties))
    unique_ids = [str(time).encode() for time in times]
    hashes = np.frombuffer(b"".join(map(xxh3_128_digest, unique_ids)), dtype=">u8").astype(np.uint64)
    return Submission(
        profiles=[change.write for change in changes],
        pointers=[f"/data/attributes/profiles/data/{place}" for place in range(len(changes))],
        metrics=list(metrics),
        numbers={
            "time": np.array(times, dtype=NUMBERS["time"]),
            "value": np.full(len(times), np.nan),
            "hash_high": hashes[0::2],
            "hash_low": hashes[1::2],
            "profile_index": np.array(profile_index, dtype=NUMBERS["profile_index"]),
            "metric_index": np.array(metric_index, dtype=NUMBERS["metric_index"]),
        },
        texts={
            "unique_id": column(unique_ids),
            "currency": column([b""] * len(times)),
            "properties": column(properties),
        },
    )


def column(texts: Sequence[bytes]) -> TextColumn:
    return TextColumn(b"".join(texts), np.array(list(map(len, texts)), dtype=SIZE_TYPE))

"""The contents of create requests: writes to profiles, and events as columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from eventkeep.model.event_columns import Places, TextColumn
from eventkeep.model.profile_write import ProfileWrite

NUMBERS: Final[dict[str, np.dtype[Any]]] = {
    "time": np.dtype("<i8"),
    "value": np.dtype("<f8"),
    "hash_high": np.dtype("<u8"),
    "hash_low": np.dtype("<u8"),
    "profile_index": np.dtype("<u4"),
    "metric_index": np.dtype("<u4"),
}
"""The columns of numbers of a submission, and their types.

``time`` is in Unix seconds; ``value`` is NaN if the event has none; ``hash_high`` and ``hash_low`` are the halves of
the 128-bit XXH3 of the unique id; ``profile_index`` and ``metric_index`` are places in the submission's lists.
"""


class Submission(msgspec.Struct, kw_only=True, gc=False):
    """The profile writes and events of one bulk create, or of single creates of one account.

    The events are columns, so that they reach the log without a Python object for each: ``numbers`` holds those of
    NUMBERS, ``texts`` those of ``event_columns.TEXTS``. ``unique_id`` is filled in (the second as text if none was
    sent), ``currency`` is empty if there is none, ``properties`` are raw JSON objects as they were sent.

    ``pointers`` has the place of each profile in its request; it may be longer than ``profiles``. ``metrics`` has each
    (name, service) once. With single creates, event and profile number i are those of request number i.
    """

    profiles: list[ProfileWrite]
    pointers: Sequence[str]
    metrics: list[tuple[str, str]]
    numbers: dict[str, npt.NDArray[Any]]
    texts: dict[str, TextColumn]

    def __len__(self) -> int:
        return len(self.numbers["time"])

    def ignored(self) -> list[str]:
        """The identifiers that were given and can't be used."""
        return [name for write in self.profiles for name in write.ignored]

    def take(self, places: Places) -> Submission:
        """The single creates at ``places``, in that order."""
        numbers = {name: column[places] for name, column in self.numbers.items()}
        # Metrics that none of them names must not be made.
        used, metric_index = np.unique(numbers["metric_index"], return_inverse=True)
        numbers["metric_index"] = metric_index.astype(NUMBERS["metric_index"])
        numbers["profile_index"] = np.arange(len(places), dtype=NUMBERS["profile_index"])
        return Submission(
            profiles=[self.profiles[place] for place in places.tolist()],
            pointers=self.pointers,
            metrics=[self.metrics[metric] for metric in used.tolist()],
            numbers=numbers,
            texts={name: column.take(places) for name, column in self.texts.items()},
        )

    def separated(self) -> list[Submission]:
        """Each of the single creates as a submission of its own."""
        first = np.zeros(1, dtype=NUMBERS["profile_index"])
        texts = {name: (column, column.offsets().tolist()) for name, column in self.texts.items()}
        return [
            Submission(
                profiles=[self.profiles[place]],
                pointers=self.pointers,
                metrics=[self.metrics[metric]],
                numbers={name: column[place : place + 1] for name, column in self.numbers.items()}
                | {"profile_index": first, "metric_index": first},
                texts={
                    name: TextColumn(
                        column.joined[offsets[place] : offsets[place + 1]], column.sizes[place : place + 1]
                    )
                    for name, (column, offsets) in texts.items()
                },
            )
            for place, metric in enumerate(self.numbers["metric_index"].tolist())
        ]

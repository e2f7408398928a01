"""Events side by side, as columns: the form in which they are parsed, logged, stored and scanned."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from eventkeep.model.event import StoredEvent

Keys = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]

NUMBERS: Final[dict[str, np.dtype[Any]]] = {
    "time": np.dtype("<i8"),
    "id": np.dtype("<u8"),
    "key_low": np.dtype("<u8"),
    "value": np.dtype("<f8"),
    "account": np.dtype("<u4"),
    "profile": np.dtype("<u4"),
    "metric": np.dtype("<u4"),
}
"""The columns of numbers with their types, the widest first.

``time`` is in Unix seconds; ``id`` and ``key_low`` are the two halves of the event's 128-bit key; ``value`` is NaN if
the event has none; ``profile`` and ``metric`` are numbers of the account.
"""
TEXTS: Final = ("unique_id", "currency", "properties")
"""The columns of texts in UTF-8: ``currency`` is empty if there is none, ``properties`` is a raw JSON object."""
SIZE_TYPE: Final = np.dtype("<u4")


class TextColumn:
    """A column of texts: ``joined`` holds them end to end, ``sizes`` their sizes in bytes (shape [events])."""

    __slots__ = ("joined", "sizes")

    def __init__(self, joined: bytes, sizes: npt.NDArray[np.uint32]) -> None:
        self.joined, self.sizes = joined, sizes

    @classmethod
    def of(cls, texts: Sequence[bytes]) -> TextColumn:
        return cls(b"".join(texts), np.array([len(text) for text in texts], dtype=SIZE_TYPE))

    @classmethod
    def joining(cls, columns: Sequence[TextColumn]) -> TextColumn:
        """The texts of several columns, one column after the other."""
        return cls(
            b"".join([column.joined for column in columns]), np.concatenate([column.sizes for column in columns])
        )

    def texts(self) -> list[bytes]:
        """The texts one by one."""
        offsets, joined = self.offsets().tolist(), self.joined
        return [joined[begin:end] for begin, end in pairwise(offsets)]

    def strings(self) -> list[str]:
        """The texts as strings."""
        if not self.joined.isascii():
            return [text.decode() for text in self.texts()]
        offsets, joined = self.offsets().tolist(), self.joined.decode()
        return [joined[begin:end] for begin, end in pairwise(offsets)]

    def offsets(self) -> npt.NDArray[np.int64]:
        """The start of each text, and the end of the last (shape [events + 1])."""
        offsets = np.zeros(len(self.sizes) + 1, dtype=np.int64)
        np.cumsum(self.sizes, out=offsets[1:])
        return offsets

    def part(self, start: int, end: int) -> TextColumn:
        """The texts from ``start`` to ``end``."""
        first = int(self.sizes[:start].sum(dtype=np.int64))
        sizes = self.sizes[start:end]
        return TextColumn(self.joined[first : first + int(sizes.sum(dtype=np.int64))], sizes)

    def take(self, places: Places) -> TextColumn:
        """The texts at ``places``, in that order."""
        offsets = self.offsets()
        starts, ends = offsets[places].tolist(), offsets[places + 1].tolist()
        joined = self.joined
        return TextColumn(b"".join([joined[a:b] for a, b in zip(starts, ends, strict=True)]), self.sizes[places])


class EventColumns:
    """Events side by side: ``numbers`` holds the columns of NUMBERS, ``texts`` those of TEXTS, equally long."""

    __slots__ = ("numbers", "texts")

    def __init__(self, numbers: dict[str, npt.NDArray[Any]], texts: dict[str, TextColumn]) -> None:
        self.numbers, self.texts = numbers, texts

    def __len__(self) -> int:
        return len(self.numbers["id"])

    @property
    def nbytes(self) -> int:
        """Bytes of all columns."""
        return sum(column.nbytes for column in self.numbers.values()) + sum(
            len(column.joined) + column.sizes.nbytes for column in self.texts.values()
        )

    @classmethod
    def joined(cls, parts: Sequence[EventColumns]) -> EventColumns:
        """The events of several parts, one after the other; there is at least one part."""
        return cls(
            {name: np.concatenate([part.numbers[name] for part in parts]) for name in NUMBERS},
            {name: TextColumn.joining([part.texts[name] for part in parts]) for name in TEXTS},
        )

    def take(self, places: Places) -> EventColumns:
        """The events at ``places``, in that order."""
        return EventColumns(
            {name: column[places] for name, column in self.numbers.items()},
            {name: column.take(places) for name, column in self.texts.items()},
        )


def stored_events(columns: EventColumns) -> list[StoredEvent]:
    """The events one by one."""
    numbers = {name: columns.numbers[name].tolist() for name in NUMBERS}
    texts = {name: columns.texts[name].texts() for name in TEXTS}
    return [
        StoredEvent(
            account=account,
            time=time,
            id=id,
            profile=profile,
            metric=metric,
            unique_id=unique_id.decode(),
            value=None if value != value else value,
            currency=currency.decode(),
            properties=properties,
        )
        for account, time, id, profile, metric, value, unique_id, currency, properties in zip(
            *(numbers[name] for name in ("account", "time", "id", "profile", "metric", "value")),
            *(texts[name] for name in TEXTS),
            strict=True,
        )
    ]

"""The events of a commit as plain columns: what the committer makes and the journal keeps.

They become Arrow rows when somebody wants them so: a reader, or the table. The committer
has no use for it, and each call into Arrow lets go of the interpreter's lock, for which a
commit of a few events then waits longer than for the disk.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from eventkeep.errors import EventLogError
from eventkeep.eventlog.rows import ROWS_SCHEMA
from eventkeep.model.event_columns import EventColumns

Sizes = npt.NDArray[np.uint32]

NUMBERS: Final[dict[str, np.dtype[Any]]] = {
    "id": np.dtype("<u8"),
    "key_low": np.dtype("<u8"),
    "profile": np.dtype("<u8"),
    "value": np.dtype("<f8"),
    "account": np.dtype("<u4"),
    "time": np.dtype("<u4"),
    "metric": np.dtype("<u4"),
    "has_value": np.dtype("?"),
}
"""The columns of numbers and their types, as they stand in a record: the widest first."""
TEXTS: Final = ("unique_id", "currency", "properties")
"""The columns of bytes: in a record the sizes of all their values, and then the values, end to end."""
SIZE_TYPE: Final = np.dtype("<u4")
HEAD: Final = struct.Struct("<4sIQQQ")
"""The beginning of a record: a mark, the events, and the bytes of each of TEXTS."""
MARK: Final = b"COLS"


class Texts:
    """A column of bytes: ``joined``, its values end to end, and the ``sizes`` of the values (shape [events])."""

    __slots__ = ("joined", "sizes")

    def __init__(self, joined: bytes, sizes: Sequence[int] | Sizes) -> None:
        self.joined, self.sizes = joined, np.asarray(sizes, dtype=SIZE_TYPE)

    def array(self) -> pa.Array:
        """The same as an Arrow column."""
        offsets = np.zeros(len(self.sizes) + 1, dtype=np.int32)
        np.cumsum(self.sizes, out=offsets[1:])
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(self.joined)]
        return pa.Array.from_buffers(pa.binary(), len(self.sizes), buffers)


class Columns:
    """Events side by side. ``numbers`` holds the columns of NUMBERS, ``texts`` those of TEXTS, equally long.

    Where ``has_value`` is false, the event has no value.
    """

    def __init__(self, numbers: dict[str, npt.NDArray[Any]], texts: dict[str, Texts]) -> None:
        self.numbers, self.texts = numbers, texts

    @classmethod
    def of_events(cls, events: EventColumns) -> Columns:
        """The same events, in the form of this log."""
        has_value = ~np.isnan(events.numbers["value"])
        return cls(
            {
                name: has_value if name == "has_value" else events.numbers[name].astype(kind, copy=False)
                for name, kind in NUMBERS.items()
            }
            | ({} if has_value.all() else {"value": np.where(has_value, events.numbers["value"], 0.0)}),
            {name: Texts(text.joined, text.sizes) for name, text in events.texts.items()},
        )

    @classmethod
    def of_table(cls, table: pa.Table) -> Columns:
        """The columns of Arrow rows (as ROWS_SCHEMA)."""
        has_value = table["value"].is_valid().to_numpy()
        values = table["value"].fill_null(0.0)
        numbers = {
            name: has_value if name == "has_value" else (values if name == "value" else table[name]).to_numpy()
            for name in NUMBERS
        }
        texts = {
            name: Texts(b"".join(table[name].to_pylist()), pc.binary_length(table[name]).to_numpy()) for name in TEXTS
        }
        return cls(numbers, texts)

    @classmethod
    def decode(cls, record: bytes) -> Columns:
        """What ``encode`` made a record of. Raises EventLogError where it did not."""
        if record[: len(MARK)] != MARK:
            return cls.of_table(table_of_stream(record))
        try:
            _, count, *text_bytes = HEAD.unpack_from(record)
            place = HEAD.size
            numbers: dict[str, npt.NDArray[Any]] = {}
            for name, kind in NUMBERS.items():
                numbers[name] = np.frombuffer(record, dtype=kind, count=count, offset=place)
                place += numbers[name].nbytes
            sizes = {}
            for name in TEXTS:
                sizes[name] = np.frombuffer(record, dtype=SIZE_TYPE, count=count, offset=place)
                place += sizes[name].nbytes
            texts = {}
            for name, size in zip(TEXTS, text_bytes, strict=True):
                texts[name] = Texts(record[place : place + size], sizes[name])
                place += size
                if int(sizes[name].sum(dtype=np.uint64)) != size:
                    raise ValueError(f"the values of {name} have another size than their column")
            if place != len(record):
                raise ValueError(f"{place} bytes were expected, and there are {len(record)}")
        except (struct.error, ValueError) as exc:
            raise EventLogError(f"a journal record can't be read: {exc}") from exc
        return cls(numbers, texts)

    def encode(self) -> bytes:
        """The columns as one record."""
        texts = [self.texts[name] for name in TEXTS]
        pieces = [HEAD.pack(MARK, len(self), *(len(text.joined) for text in texts))]
        pieces += [self.numbers[name].astype(kind, copy=False).tobytes() for name, kind in NUMBERS.items()]
        pieces += [text.sizes.tobytes() for text in texts]
        pieces += [text.joined for text in texts]
        return b"".join(pieces)

    def __len__(self) -> int:
        return len(self.numbers["id"])

    @cached_property
    def table(self) -> pa.Table:
        """The same as Arrow rows (as ROWS_SCHEMA)."""
        has_value = self.numbers["has_value"]
        arrays = []
        for name in ROWS_SCHEMA.names:
            if name in self.texts:
                arrays.append(self.texts[name].array())
            elif name == "value" and not has_value.all():
                arrays.append(pa.array(self.numbers[name], mask=~has_value))
            else:
                arrays.append(pa.array(self.numbers[name]))
        return pa.Table.from_arrays(arrays, schema=ROWS_SCHEMA)


def joined(parts: Sequence[Columns]) -> Columns:
    """The events of all parts, in their order."""
    if len(parts) == 1:
        return parts[0]
    return Columns(
        {name: np.concatenate([part.numbers[name] for part in parts]) for name in NUMBERS},
        {
            name: Texts(
                b"".join([part.texts[name].joined for part in parts]),
                np.concatenate([part.texts[name].sizes for part in parts]),
            )
            for name in TEXTS
        },
    )


def table_of_stream(record: bytes) -> pa.Table:
    """The rows of a record as it was written before there was a mark: a stream of Arrow's. Raises EventLogError."""
    try:
        with pa.ipc.open_stream(record) as reader:
            return reader.read_all()
    except pa.ArrowInvalid as exc:
        raise EventLogError(f"a journal record can't be read: {exc}") from exc

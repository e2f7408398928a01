"""A reader of the files that knows nothing but docs/segment-format.md."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xxhash
import zstandard

from eventkeep.events.store import EventStore
from tests.event_samples import Row, columns
from tests.unit.events.test_store import some_rows

UNSIGNED = {1: "B", 2: "H", 4: "I", 8: "Q"}


class Cursor:
    """Fields of a file, one after the other."""

    def __init__(self, content: bytes, place: int = 0) -> None:
        self.content, self.place = content, place

    def take(self, kinds: str) -> tuple[Any, ...]:
        found = struct.unpack_from(f"<{kinds}", self.content, self.place)
        self.place += struct.calcsize(f"<{kinds}")
        return found


def verified(content: bytes) -> bytes:
    assert struct.unpack("<Q", content[-8:])[0] == xxhash.xxh3_64_intdigest(content[:-8])
    return content[:-8]


def directory_of(content: bytes, magic: bytes) -> bytes:
    head, trailer = verified(content[:64]), verified(content[-32:])
    assert head[:12] == magic + struct.pack("<I", 1)
    assert trailer[:8] == magic
    size, checksum = struct.unpack("<QQ", trailer[8:])
    directory = content[-32 - size : -32]
    assert xxhash.xxh3_64_intdigest(directory) == checksum
    return directory


def documents_of(folder: Path, number: int) -> dict[int, tuple[bytes, bytes]]:
    """The documents of a file by their slots."""
    content = (folder / f"{number:010d}.documents").read_bytes()
    fields = Cursor(directory_of(content, b"EKDOCMTS"))
    blocks, table, count = fields.take("QQQ")
    found: dict[int, tuple[bytes, bytes]] = {}
    entries = Cursor(content, table)
    for block in range(blocks):
        offset, checksum, size, raw_size = entries.take("QQII")
        assert xxhash.xxh3_64_intdigest(content[offset : offset + size]) == checksum
        raw = Cursor(zstandard.ZstdDecompressor().decompress(content[offset : offset + size]))
        assert len(raw.content) == raw_size
        (documents,) = raw.take("I")
        sizes = [raw.take(f"{documents}I") for _ in range(2)]
        texts = [[raw.take(f"{size}s")[0] for size in each] for each in sizes]
        found |= {block * 16 + place: pair for place, pair in enumerate(zip(*texts, strict=True))}
    assert len(found) == count
    return found


def rows_of_segment(folder: Path, number: int) -> list[Row]:
    content = (folder / f"{number:010d}.segment").read_bytes()
    fields = Cursor(directory_of(content, b"EKSEGMNT"))
    rows, group_rows, entries, accounts, currencies, files, offset, time_base, position_base = fields.take("IIIIIIQqQ")
    metric_width, position_width, file_width, currency_width = fields.take("BBBB4x")
    orders = [fields.take("QII") for _ in range(3)]
    fields.take("12Q")
    numbers, starts, _, _ = (fields.take(f"{accounts}I") for _ in range(4))
    codes, file_numbers, _ = fields.take(f"{currencies}Q"), fields.take(f"{files}Q"), fields.take(f"{files}Q")
    documents = [documents_of(folder, each) for each in file_numbers]
    groups = -(-rows // group_rows)
    checksums, _, _ = fields.take(f"{groups}Q"), fields.take(f"{groups}I"), fields.take(f"{groups}Q")
    kinds = "QQdIII" + "".join(UNSIGNED[width] for width in (metric_width, position_width, file_width, currency_width))
    group_bytes = struct.calcsize("<" + kinds) * group_rows
    found: list[Row] = []
    for group, checksum in enumerate(checksums):
        piece = content[offset + group * group_bytes : offset + (group + 1) * group_bytes]
        assert xxhash.xxh3_64_intdigest(piece) == checksum
        reading = Cursor(piece)
        table = [reading.take(f"{group_rows}{kind}") for kind in kinds]
        for own in list(zip(*table, strict=True))[: rows - len(found)]:
            event_id, key_low, value, time, profile, slot, metric, position, file, currency = own
            assert position + position_base >= 1
            unique_id, properties = documents[file][slot]
            found.append(
                Row(
                    account=max(pair for pair in zip(starts, numbers, strict=True) if pair[0] <= len(found))[1],
                    time=time + time_base,
                    id=event_id,
                    key_low=key_low,
                    profile=profile,
                    metric=metric,
                    value=None if math.isnan(value) else value,
                    currency=codes[currency].to_bytes(8, "little").rstrip(b"\0").decode(),
                    unique_id=unique_id.decode(),
                    properties=properties,
                )
            )
    check_orders(content, fields, orders, entries, found)
    return found


def check_orders(content: bytes, fields: Cursor, orders: list[Any], entries: int, rows: list[Row]) -> None:
    keys: tuple[Callable[[int], tuple[int, ...]], ...] = (
        lambda row: (rows[row].account, rows[row].profile, row),
        lambda row: (rows[row].account, rows[row].metric, row),
        lambda row: (rows[row].id >> 32, row),
    )
    for (offset, width, pieces), key in zip(orders, keys, strict=True):
        checksums, fences = fields.take(f"{pieces}Q"), fields.take(f"{pieces}I")
        found: list[tuple[int, int]] = []
        for piece, (checksum, fence) in enumerate(zip(checksums, fences, strict=True)):
            size = entries * (4 + width)
            own = content[offset + piece * size : offset + (piece + 1) * size]
            assert xxhash.xxh3_64_intdigest(own) == checksum
            reading = Cursor(own)
            places, numbers = reading.take(f"{entries}I"), reading.take(f"{entries}{UNSIGNED[width]}")
            assert numbers[0] == fence
            found += zip(numbers, places, strict=True)
        del found[len(rows) :]
        expected = sorted(range(len(rows)), key=key)
        assert [row for _, row in found] == expected
        assert [number for number, _ in found] == [key(row)[-2] for row in expected]


def test_the_files_are_as_they_are_described(tmp_path: Path) -> None:
    store = EventStore.open(tmp_path, background=False)
    rows = [some_rows(1_500, 1), *(some_rows(40, seed) for seed in range(2, 10))]
    for position, own in enumerate(rows, start=1):
        store.append(position, columns(own))
        store.flush()
    store.append(len(rows) + 1, None)
    assert store.merge()
    store.close()
    manifest = Cursor(verified((tmp_path / "manifest").read_bytes()))
    magic, version, ranges, *_, first, flushed, documents = manifest.take("8sIIQQQQQI4x")
    assert (magic, version, first, flushed) == (b"EKMANIFS", 1, 1, len(rows) + 1)
    found: list[Row] = []
    position = first
    for _ in range(ranges):
        number, begin, end, size, _, count, live = manifest.take("QQQQQII")
        assert (begin, count) == (position, live)
        position = end + 1
        if number:
            assert (tmp_path / f"{number:010d}.segment").stat().st_size == size
            found += rows_of_segment(tmp_path, number)
    assert position == flushed + 1
    for _ in range(documents):
        number, size, _, count, live = manifest.take("QQQQQ")
        assert count == live
        assert (tmp_path / f"{number:010d}.documents").stat().st_size == size
    assert manifest.place == len(manifest.content)
    assert sorted(found, key=repr) == sorted((row for own in rows for row in own), key=repr)

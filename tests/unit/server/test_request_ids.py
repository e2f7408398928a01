"""Request ids are UUIDs that never repeat."""

from __future__ import annotations

import uuid
from typing import Self

from eventkeep.clock import SystemRandomness
from eventkeep.server.request_log import RequestIds


class Drawn:
    """Known randomness; its counter begins at its greatest value."""

    def token_bytes(self, count: int) -> bytes:
        return b"\x12" * (count - 6) + b"\xff" * 6

    def of(self, *_: str | int) -> Self:
        return self


def test_ids_are_uuids_that_differ() -> None:
    ids = RequestIds(SystemRandomness())
    drawn = [ids.next() for _ in range(1_000)]
    assert len(set(drawn)) == 1_000
    assert all(str(uuid.UUID(each)) == each and uuid.UUID(each).version == 4 for each in drawn)


def test_processes_draw_ids_apart() -> None:
    assert RequestIds(SystemRandomness()).next()[:24] != RequestIds(SystemRandomness()).next()[:24]


def test_counter_begins_again_behind_its_last() -> None:
    ids = RequestIds(Drawn())
    assert [ids.next()[-12:] for _ in range(2)] == ["f" * 12, "0" * 12]

"""A flipped byte in the file of a stream on one server: repaired by JetStream, or noticed; never served."""

from __future__ import annotations

import contextlib
import itertools
import random
import time
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from eventkeep.cluster.jetstream_log import JetStreamLog
from eventkeep.errors import LogError, LogUnreachable
from eventkeep.log.record import Record, decode, encode
from eventkeep.log.transport import KEPT
from tests.cluster.servers import ServersInNetwork

RECORDS: Final = 40
FLIPS: Final = 2
WAIT_SECONDS: Final = 10.0
NAMES: Final = (f"flip-{number}" for number in itertools.count())


def blocks(servers: ServersInNetwork, place: int, stream: str) -> list[Path]:
    """The files with the messages of a stream on one server."""
    return sorted(servers.local.server_folder(place).glob(f"store/**/streams/{stream}/msgs/*.blk"))


def flip_byte(path: Path, random_place: random.Random) -> int:
    """Flip a bit of a file; returns the byte's offset."""
    content = bytearray(path.read_bytes())
    offset = random_place.randrange(len(content))
    content[offset] ^= 1 << random_place.randrange(8)
    path.write_bytes(content)
    return offset


def make_leader(log: JetStreamLog, server: str) -> None:
    """Try to have a server lead the stream; JetStream may know better."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(LogUnreachable):
            if log.status().cluster.leader == server:
                return
            preferred = {"placement": {"preferred": server}}
            log.link.run(log.link.api(f"STREAM.LEADER.STEPDOWN.{log.names.log}", preferred))
        time.sleep(0.5)


@pytest.mark.parametrize("seed", range(FLIPS))
def test_a_flipped_byte_is_never_served(servers: ServersInNetwork, seed: int) -> None:
    name, place, chance = next(NAMES), seed % 3, random.Random(seed)
    written = [chance.randbytes(chance.randrange(10, 3_000)) for _ in range(RECORDS)]
    with closing(JetStreamLog.open(servers.address(name, f"{name}-writer", place), "writer")) as log:
        for changes in written:
            record = Record(log.last + 1, 0, changes)
            assert log.append(encode(record, log.identity, log.last_checksum)) == KEPT
        servers.local.kill(place)
        (path,) = blocks(servers, place, log.names.log)
        offset = flip_byte(path, chance)
        servers.local.start(place)
        servers.local.wait_ready(place)
        make_leader(log, f"nats-{place + 1}")
    with closing(JetStreamLog.open(servers.address(name, f"{name}-reader", place), "reader")) as reader:
        read: list[bytes] = []
        try:
            read += [decode(content, "").changes for content in reader.read(1)]
        except LogError as exc:
            assert "record" in str(exc)
        assert read == written[: len(read)], f"byte {offset} of {path.name}"
        # Two of three servers have every record: a reader that asks long enough finds it.
        assert len(read) == RECORDS

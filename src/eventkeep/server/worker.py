"""A worker: a process that reads large create bodies, so that the server's own can commit meanwhile.

It knows nothing and keeps nothing. A body comes in a slot of the memory that it shares
with the server, and what the body asks to keep goes back in the same one. It ends when
the server does, however that happens.

    python -m eventkeep.server.worker <file number of the socket> <file number of the memory>
"""

from __future__ import annotations

import mmap
import signal
import socket
import struct
import sys
from contextlib import suppress
from typing import Final

import msgspec

from eventkeep.limits import WORKER_BYTES_MAX, WORKER_SLOTS
from eventkeep.model.submission import Submission
from eventkeep.protocol.creates.parser import quick_bulk_create, quick_create_event
from eventkeep.protocol.creates.submissions import BULK_POINTERS, SINGLE_POINTERS
from eventkeep.protocol.revisions import REVISIONS
from eventkeep.server.memory import calm_collector, keep_freed_memory

TASK: Final = struct.Struct("<BBBIQ")
"""Slot, place of the revision in REVISIONS, whether it is a bulk create, bytes of the body, Unix second of arrival."""
DONE: Final = struct.Struct("<BI")
"""Slot, and the bytes of what was made of its body: none where that takes the closer look."""
READY: Final = DONE.pack(WORKER_SLOTS, 0)
"""What a worker says first."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Submission).decode


def pack(submission: Submission | None) -> bytes:
    """The submission as bytes; none for none, and for one that has no room in a slot."""
    # The pointers are as many as the profiles, and always the same.
    packed = b"" if submission is None else _encode(msgspec.structs.replace(submission, pointers=()))
    return packed if len(packed) <= WORKER_BYTES_MAX else b""


def unpack(packed: bytes, is_bulk: bool) -> Submission | None:
    """What ``pack`` was given, where it could be packed."""
    if not packed:
        return None
    submission = _decode(packed)
    submission.pointers = BULK_POINTERS if is_bulk else SINGLE_POINTERS
    return submission


def work(calls: socket.socket, memory: mmap.mmap) -> None:
    """Answer until nobody asks any more. Raises OSError where nobody is there to be answered."""
    calls.sendall(READY)
    while len(task := calls.recv(TASK.size, socket.MSG_WAITALL)) == TASK.size:
        slot, revision, is_bulk, size, received_at = TASK.unpack(task)
        start = slot * WORKER_BYTES_MAX
        read = quick_bulk_create if is_bulk else quick_create_event
        packed = pack(read(memory[start : start + size], REVISIONS[revision], received_at))
        memory[start : start + len(packed)] = packed
        calls.sendall(DONE.pack(slot, len(packed)))


def main() -> None:
    # These go to whole groups of processes: the server finishes what is under way, and hangs up then.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    calm_collector()
    keep_freed_memory()
    socket_number, memory_number = map(int, sys.argv[1:])
    with (
        socket.socket(fileno=socket_number) as calls,
        mmap.mmap(memory_number, WORKER_SLOTS * WORKER_BYTES_MAX) as memory,
        suppress(OSError),
    ):
        work(calls, memory)


if __name__ == "__main__":
    main()

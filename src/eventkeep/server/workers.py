"""The server's side of its workers: bodies out, what they ask to keep in, and a new worker for one that ended.

The first one is started when the first large body comes: a server that gets none has
none. Until one is ready, and where one is gone, the committer reads the bodies itself;
so nothing depends on a worker but the pace.
"""

from __future__ import annotations

import asyncio
import mmap
import os
import socket
import subprocess
import sys
import tempfile
from collections import deque
from contextlib import ExitStack, suppress
from typing import IO, Final

import msgspec
import structlog

from eventkeep.errors import Unavailable
from eventkeep.limits import (
    BULK_EVENTS_MAX,
    QUEUE_BYTES_MAX,
    QUEUE_EVENTS_MAX,
    RETRY_AFTER_SECONDS,
    WORKER_BYTES_MAX,
    WORKER_RESTART_SECONDS,
    WORKER_SECONDS_MAX,
    WORKER_SLOTS,
    WORKERS_BY_DEFAULT_MAX,
)
from eventkeep.native.library import is_built
from eventkeep.protocol.revisions import REVISIONS, Revision
from eventkeep.server.worker import DONE, TASK

logger = structlog.get_logger(__name__)

PROGRAM: Final = "eventkeep.server.worker"
STOP_SECONDS_MAX: Final = 5.0
"""How long a worker may take to end after the server has hung up."""
BODIES_WAITING_MAX: Final = QUEUE_EVENTS_MAX // BULK_EVENTS_MAX
"""Bodies that may wait for a worker, and may have QUEUE_BYTES_MAX bytes, as in the queue of the committer."""
REVISION_PLACES: Final = {revision.date: place for place, revision in enumerate(REVISIONS)}


def worker_count(chosen: int | None) -> int:
    """How many workers a server may have, where ``chosen`` is the setting.

    By default there are none where the compiled reader is, which is cheaper than handing a
    body over. Without it they leave a core to the server's own process, and are no more than
    can keep that one busy.
    """
    if chosen is not None:
        return chosen
    if is_built():
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores - 1, WORKERS_BY_DEFAULT_MAX)


def shared_file() -> IO[bytes]:
    """A file without a name; in memory where the system has such."""
    return os.fdopen(os.memfd_create(PROGRAM), "w+b") if hasattr(os, "memfd_create") else tempfile.TemporaryFile()


class Task(msgspec.Struct, eq=False):
    """A body to be read. ``answer`` gets what was packed of it, None where the worker ended."""

    body: bytes
    is_bulk: bool
    revision: int
    received_at: int
    answer: asyncio.Future[bytes | None]


class Worker:
    """One worker process: its socket, the memory shared with it, and ``tasks`` that it has, by their slots."""

    def __init__(self) -> None:
        """Start it. Raises OSError where there is no room for another process."""
        self.tasks: dict[int, Task] = {}
        self.is_ready = False
        self._free = list(range(WORKER_SLOTS))
        self._arrived = b""
        size = WORKER_SLOTS * WORKER_BYTES_MAX
        with ExitStack() as opened:
            file = opened.enter_context(shared_file())
            file.truncate(size)
            self._memory = mmap.mmap(file.fileno(), size)
            self.socket, theirs = socket.socketpair()
            opened.enter_context(theirs)
            numbers = theirs.fileno(), file.fileno()
            command = [sys.executable, "-m", PROGRAM, *map(str, numbers)]
            try:
                self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=numbers)
            except OSError:
                self.socket.close()
                self._memory.close()
                raise
        self.socket.setblocking(False)

    @property
    def has_room(self) -> bool:
        return self.is_ready and bool(self._free)

    def give(self, task: Task) -> None:
        """Hand over a body; there has to be room for it."""
        slot = self._free.pop()
        start = slot * WORKER_BYTES_MAX
        self._memory[start : start + len(task.body)] = task.body
        self.tasks[slot] = task
        # So few bytes always have room. Where the worker is gone, the end of the socket tells it, and all is lost then.
        with suppress(OSError):
            self.socket.send(TASK.pack(slot, task.revision, task.is_bulk, len(task.body), task.received_at))

    def take(self) -> bool:
        """Hand on what the worker has done; False where it is gone."""
        try:
            arrived = self.socket.recv(DONE.size * (WORKER_SLOTS + 1))
        except BlockingIOError:
            return True
        except OSError:
            return False
        self._arrived += arrived
        while len(self._arrived) >= DONE.size:
            slot, size = DONE.unpack_from(self._arrived)
            self._arrived = self._arrived[DONE.size :]
            if slot == WORKER_SLOTS:
                self.is_ready = True
                continue
            task = self.tasks.pop(slot)
            self._free.append(slot)
            if not task.answer.done():
                start = slot * WORKER_BYTES_MAX
                task.answer.set_result(self._memory[start : start + size])
        return bool(arrived)

    def end(self) -> None:
        """Hang up and wait for its end, which is forced where it takes too long."""
        self.socket.close()
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._memory.close()


class Workers:
    """``count`` workers at the most, of one event loop."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._workers: list[Worker] = []
        self._waiting: deque[Task] = deque()
        self._waiting_bytes = 0
        self._starts_at = 0.0

    @property
    def processes(self) -> list[int]:
        """The process ids of those that are ready."""
        return [worker.process.pid for worker in self._workers if worker.is_ready]

    async def read(self, body: bytes, is_bulk: bool, revision: Revision, received_at: int) -> bytes | None:
        """What a worker packs of the body, for ``worker.unpack``; None where there is no worker to read it.

        ``received_at`` is in Unix seconds. Raises Unavailable where too much waits for them.
        """
        loop = asyncio.get_running_loop()
        if len(self._workers) < self._count and loop.time() >= self._starts_at:
            self._start(loop)
        if not any(worker.is_ready for worker in self._workers):
            return None
        if len(self._waiting) >= BODIES_WAITING_MAX or self._waiting_bytes + len(body) > QUEUE_BYTES_MAX:
            raise Unavailable(
                f"Too many bodies wait to be read ({len(self._waiting)}, of {self._waiting_bytes} bytes).",
                RETRY_AFTER_SECONDS,
            )
        task = Task(body, is_bulk, REVISION_PLACES[revision.date], received_at, loop.create_future())
        self._waiting.append(task)
        self._waiting_bytes += len(body)
        self._hand_out()
        try:
            async with asyncio.timeout(WORKER_SECONDS_MAX):
                return await task.answer
        except TimeoutError:
            self._end_stuck(task)
            return None
        finally:
            # Where the client went away, its body is not kept for the worker.
            if task in self._waiting:
                self._waiting.remove(task)
                self._waiting_bytes -= len(body)

    def close(self) -> None:
        """End them. What waits for one is not read by any."""
        self._count = 0
        for worker in list(self._workers):
            self._lose(worker)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._starts_at = loop.time() + WORKER_RESTART_SECONDS
        try:
            worker = Worker()
        except OSError as exc:
            logger.warning("a worker could not be started; trying again", cause=exc.strerror)
            return
        self._workers.append(worker)
        loop.add_reader(worker.socket, self._take, worker)

    def _hand_out(self) -> None:
        while self._waiting:
            having_room = [worker for worker in self._workers if worker.has_room]
            if not having_room:
                break
            task = self._waiting.popleft()
            self._waiting_bytes -= len(task.body)
            min(having_room, key=lambda worker: len(worker.tasks)).give(task)

    def _end_stuck(self, task: Task) -> None:
        """End the worker that has the task; its socket tells the rest."""
        for worker in self._workers:
            if task in worker.tasks.values():
                logger.warning("a worker does not answer", seconds=WORKER_SECONDS_MAX, process=worker.process.pid)
                worker.process.kill()

    def _take(self, worker: Worker) -> None:
        if worker.take():
            self._hand_out()
            return
        # It is to end now: it may be in the middle of something.
        worker.process.kill()
        self._lose(worker)
        logger.warning("a worker ended; another one takes its place", code=worker.process.returncode)

    def _lose(self, worker: Worker) -> None:
        """Do without the worker: who waits for it gets nothing, and has to read in another way."""
        asyncio.get_running_loop().remove_reader(worker.socket)
        self._workers.remove(worker)
        worker.end()
        lost = list(worker.tasks.values())
        if not self._workers:
            lost += self._waiting
            self._waiting.clear()
            self._waiting_bytes = 0
        for task in lost:
            if not task.answer.done():
                task.answer.set_result(None)

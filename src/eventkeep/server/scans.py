"""The scan: all events of a selection as rows, in one response that is written as the client takes it.

A scan reads one snapshot of the store. It reads ahead by one frame, so that the store is read while the frame before is
sent, and no further: a client that reads slowly slows the scan down. A response ends after SCAN_SECONDS_MAX, so that a
snapshot keeps its files for no longer, and when the server stops; the client goes on behind the last event.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from eventkeep.directory import KeyRecord
from eventkeep.errors import Unavailable
from eventkeep.events.selection import EventSelection
from eventkeep.http.request import Request
from eventkeep.http.response import Response, StreamedResponse
from eventkeep.limits import RETRY_AFTER_SECONDS
from eventkeep.model.event import public_id
from eventkeep.protocol.admin.documents import AdminFrame
from eventkeep.protocol.admin.scan_query import parse_scan_query
from eventkeep.protocol.rows.frames import ALL, MEDIA_TYPE, NOT_ALL, WAITING, FrameHead, frame_head
from eventkeep.server.admin_routes import OwnHandler, query_string
from eventkeep.server.event_selections import EventSelections
from eventkeep.server.scan_rows import ScanRows
from eventkeep.server.services import Services

SCANS_MAX: Final = 4
"""Scans of all accounts at the same time, each with a thread; past it: 503."""
SCANS_PER_ACCOUNT_MAX: Final = 2
"""Scans of one account at the same time; past it: 503."""
SCAN_SECONDS_MAX: Final = 60.0
"""The time after which a scan ends its response, in seconds."""
SCAN_WAITING_SECONDS: Final = 2.0
"""How often a client hears of a scan that has found no rows yet, in seconds."""


class Scans:
    """The handler of the scan. One event loop's."""

    def __init__(self, services: Services) -> None:
        self._services, self._clock = services, services.clock
        self._selections = EventSelections(services.directory)
        self._threads = ThreadPoolExecutor(SCANS_MAX, thread_name_prefix="scan")
        services.before_close(self._threads.shutdown)
        self._running: Counter[int] = Counter()
        self._is_stopping = False
        self.handlers: dict[str, OwnHandler] = {"scan": self._scan}

    @property
    def running(self) -> int:
        """The number of scans that have not ended."""
        return self._running.total()

    def stop(self) -> None:
        """Have every scan end its response with the next frame."""
        self._is_stopping = True

    async def _scan(self, request: Request, key: KeyRecord, frame: AdminFrame, _: str) -> Response:
        account = key.account
        query = parse_scan_query(query_string(request), frame.revision, self._clock.of(account).now())
        find = self._selections.of
        selection = await asyncio.get_running_loop().run_in_executor(
            self._threads,
            lambda: find(account, query.bounds, count=0, descending=query.descending, after=query.after),
        )
        self._check_room(account)
        rows = ScanRows(self._services.directory, account, frame.revision, has_ids=query.has_ids)
        frames = self._frames(account, _Steps(self._row_frames(selection, rows)))
        return StreamedResponse(200, {"Content-Type": MEDIA_TYPE}, frames)

    def _check_room(self, account: int) -> None:
        """Raises Unavailable if too many scans run."""
        if self.running >= SCANS_MAX or self._running[account] >= SCANS_PER_ACCOUNT_MAX:
            raise Unavailable(
                f"{self.running} scans run, {self._running[account]} of this account; at most {SCANS_MAX} may, and "
                f"{SCANS_PER_ACCOUNT_MAX} of an account.",
                RETRY_AFTER_SECONDS,
            )

    async def _frames(self, account: int, steps: _Steps) -> AsyncGenerator[bytes, None]:
        """The frames of a scan, the last one with its end. It counts as running until it is closed."""
        loop, deadline = asyncio.get_running_loop(), self._clock.monotonic() + SCAN_SECONDS_MAX
        self._running[account] += 1
        coming = loop.run_in_executor(self._threads, steps.next)
        try:
            while True:
                while not (await asyncio.wait({coming}, timeout=SCAN_WAITING_SECONDS))[0]:
                    yield WAITING
                found = coming.result()
                if found is None:
                    yield ALL
                    return
                is_last = self._is_stopping or self._clock.monotonic() >= deadline
                if not is_last:
                    coming = loop.run_in_executor(self._threads, steps.next)
                yield found
                if is_last:
                    yield NOT_ALL
                    return
        finally:
            coming.cancel()
            self._running[account] -= 1
            # Behind a step that may still be taken, in its thread.
            self._threads.submit(steps.close)

    def _row_frames(self, selection: EventSelection | None, rows: ScanRows) -> Generator[bytes, None, None]:
        if selection is None:
            return
        for events in self._services.events.scan(selection):
            lines = rows.write(events)
            last = public_id(int(events.numbers["time"][-1]), int(events.numbers["id"][-1]))
            head = frame_head(FrameHead(rows=len(events), bytes=len(lines), after=last))
            yield b"".join((head, lines))


class _Steps:
    """Steps of an iterator that several threads take, one at a time."""

    def __init__(self, frames: Generator[bytes, None, None]) -> None:
        self._frames, self._lock, self._is_closed = frames, threading.Lock(), False

    def next(self) -> bytes | None:
        """The next frame; None behind the last one."""
        with self._lock:
            return None if self._is_closed else next(self._frames, None)

    def close(self) -> None:
        """Let go of the snapshot. A step that is being taken ends first."""
        with self._lock:
            self._is_closed = True
            self._frames.close()

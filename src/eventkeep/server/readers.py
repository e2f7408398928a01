"""Threads in which the stores are read, so that a slow read keeps neither the loop nor the commits waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from eventkeep.errors import Unavailable
from eventkeep.limits import READER_THREADS, READS_WAITING_MAX, RETRY_AFTER_SECONDS
from eventkeep.server.services import Services

Result = TypeVar("Result")


class Readers:
    """READER_THREADS threads for the reads of all families. One event loop's."""

    def __init__(self, services: Services) -> None:
        self._threads = ThreadPoolExecutor(READER_THREADS, thread_name_prefix="read")
        services.before_close(self._threads.shutdown)
        self._waiting = 0

    async def run(self, read: Callable[[], Result]) -> Result:
        """The result of ``read``, called in a thread. Raises Unavailable if too many reads wait already."""
        if self._waiting >= READS_WAITING_MAX:
            raise Unavailable(f"{self._waiting} reads wait already.", RETRY_AFTER_SECONDS)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, read)
        finally:
            self._waiting -= 1

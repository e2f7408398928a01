"""Sends the rows of a file through the SDK in bulk requests, a few of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Final, Protocol

import msgspec

from eventkeep.client.asynchronous.client import AsyncClient
from eventkeep.client.calls import create_call
from eventkeep.client.errors import ErrorObject, InvalidRequestError
from eventkeep.client.packing import Packing, packed
from eventkeep.client.rejections import failure_kind, rejection
from eventkeep.client.results import Created
from eventkeep.client.retries import RetryPolicy, Wait
from eventkeep.errors import EventkeepError, InvalidRequest, RowRefused
from eventkeep.exporter.walk import PATIENT
from eventkeep.importer.mapping import MappedRow
from eventkeep.limits import BODY_BYTES_MAX, CLIENT_RETRY_SECONDS_MAX, READING_RETRIES_MAX
from eventkeep.protocol.revisions import Revision

REVISION: Final = "2024-07-15"
"""The first revision that takes a profile's locale."""
IMPATIENT: Final = RetryPolicy(retries_max=READING_RETRIES_MAX, seconds_max=CLIENT_RETRY_SECONDS_MAX)
"""A server that never responded is more likely a wrong URL than one that restarts."""

OnRefused = Callable[[RowRefused, MappedRow], object]
"""Called with a row that is left out; it may raise to end the import."""


class Counts(msgspec.Struct):
    """Numbers of an import so far; ``stored`` and ``repeated`` are None if the server does not report them."""

    requests: int = 0
    sent: int = 0
    stored: int | None = 0
    repeated: int | None = 0
    retries: int = 0
    throttled: int = 0
    throttled_seconds: float = 0.0

    def add(self, created: Created, events: int) -> None:
        """Count the events of a request."""
        self.requests += 1
        self.sent += events
        self.stored = None if self.stored is None or created.stored is None else self.stored + created.stored
        self.repeated = None if self.repeated is None or created.repeated is None else self.repeated + created.repeated

    def add_wait(self, wait: Wait) -> None:
        """Count a wait for another try."""
        self.retries += 1
        if wait.status == HTTPStatus.TOO_MANY_REQUESTS:
            self.throttled += 1
            self.throttled_seconds += wait.seconds


def pack(rows: Iterable[MappedRow], on_refused: OnRefused) -> Iterator[Packing[MappedRow]]:
    """Yield bulk requests that hold every row once, in order, except for rows larger than a request may be."""
    request: Packing[MappedRow] = Packing()
    for row in rows:
        if request.add(row):
            continue
        if request:
            yield request
            request = Packing()
        if not request.add(row):
            detail = f"the event is larger than a request may be ({BODY_BYTES_MAX:,} bytes)"
            on_refused(RowRefused(row.number, detail), row)
    if request:
        yield request


class Receiver(Protocol):
    """Takes a bulk request. Raises InvalidRequestError if events of it are refused."""

    async def __call__(self, request: Packing[MappedRow]) -> None: ...


class Sender:
    """Sends the requests of an iterator, ``at_once`` of them side by side.

    A request that meets a server without room is sent again. That is safe, because every
    event has its ``unique_id``. Rows that are refused go to ``on_refused``, and the other
    rows of their request are sent again without them.
    """

    def __init__(
        self,
        at_once: int,
        on_refused: OnRefused,
        on_progress: Callable[[Counts], object] = lambda counts: None,
        on_wait: Callable[[Wait], object] = lambda wait: None,
    ) -> None:
        self.counts = Counts()
        self._at_once, self._on_refused = at_once, on_refused
        self._on_progress, self._on_wait = on_progress, on_wait

    def refuse(self, refusal: RowRefused, row: MappedRow) -> None:
        """Leave out a row that no request can hold."""
        self._on_refused(refusal, row)

    def send(self, requests: Iterator[Packing[MappedRow]], client: Callable[[], AsyncClient]) -> None:
        """Send all requests; ``counts`` is right also after an error.

        Raises the error of ``on_refused``, and ClientError. Requests in flight when one
        fails are finished.
        """

        async def send() -> None:
            async with client() as connected:

                async def create(request: Packing[MappedRow]) -> None:
                    await self._create(connected, request)

                await self._run(requests, create)

        asyncio.run(send())

    def check(self, requests: Iterator[Packing[MappedRow]], revision: Revision, received_at: int) -> None:
        """Check all requests by the rules of the server, without one. ``received_at`` is in Unix seconds."""
        # The server's parser needs libraries that sending does not.
        from eventkeep.protocol.creates.parser import parse_bulk_create

        async def check(request: Packing[MappedRow]) -> None:
            try:
                parse_bulk_create(request.body(), revision, received_at)
            except InvalidRequest as exc:
                errors = [ErrorObject(detail=fault.detail, pointer=fault.pointer) for fault in exc.faults]
                raise InvalidRequestError(str(exc), HTTPStatus.BAD_REQUEST, errors) from exc
            self.counts.sent += len(request)
            self._on_progress(self.counts)

        asyncio.run(self._run(requests, check))

    async def _run(self, requests: Iterator[Packing[MappedRow]], receive: Receiver) -> None:
        errors: list[EventkeepError] = []

        async def work() -> None:
            while not errors:
                try:
                    request = next(requests, None)
                    if request is None:
                        return
                    # Parts of a request that was refused, the first one last.
                    parts = [request]
                    while parts:
                        parts += await self._deliver(parts.pop(), receive)
                except EventkeepError as exc:
                    errors.append(exc)

        await asyncio.gather(*(work() for _ in range(self._at_once)))
        if errors:
            raise errors[0]

    async def _deliver(self, request: Packing[MappedRow], receive: Receiver) -> list[Packing[MappedRow]]:
        """Pass on a request; returns the parts that have to be sent again, the first one last."""
        try:
            await receive(request)
        except InvalidRequestError as error:
            if failure_kind(error) != "events":
                raise
            found = rejection(error, request)
            details = _details(error, request)
            for row in found.refused:
                self._on_refused(RowRefused(row.number, details.get(row.number, str(error))), row)
            return [packed(rows) for rows in reversed(found.again)]
        return []

    async def _create(self, client: AsyncClient, request: Packing[MappedRow]) -> None:
        policy = PATIENT if self.counts.requests else IMPATIENT

        def count_wait(wait: Wait) -> None:
            self.counts.add_wait(wait)
            self._on_wait(wait)

        response = await client.perform(
            create_call("bulk_create_events", request.body()), policy, asyncio.sleep, count_wait
        )
        self.counts.add(response.data, len(request))
        self._on_progress(self.counts)


def _details(error: InvalidRequestError, request: Packing[MappedRow]) -> dict[int, str]:
    """Return the reason for each row that the error's pointers name."""
    found: dict[int, str] = {}
    for each in error.errors:
        for row in request.events_at(each.pointer or ""):
            found[row.number] = f"{found[row.number]} {each.detail}" if row.number in found else each.detail
    return found

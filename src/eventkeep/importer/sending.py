"""Sending bulk requests: a few at once, again where the server had no room, and the answers counted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Final

import httpx
import msgspec

from eventkeep.errors import ConfigurationError, ImportStopped, KeyRefused, RowRefused, ServerUnreachable
from eventkeep.importer.packing import BulkRequest
from eventkeep.limits import IMPORT_ATTEMPTS_MAX, IMPORT_FAULTS_SHOWN_MAX, IMPORT_WAIT_SECONDS_MAX

BULK_PATH: Final = "/api/event-bulk-create-jobs/"
REVISION: Final = "2024-07-15"
"""The first that takes a profile's locale."""
STORED_HEADER: Final = "Eventkeep-Events-Stored"
REPEATED_HEADER: Final = "Eventkeep-Events-Repeated"
_TIMEOUT_SECONDS: Final = 60.0
_BACKOFF_SECONDS_MIN: Final = 0.25
_BACKOFF_SECONDS_MAX: Final = 10.0
_TRY_AGAIN: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


class Counts(msgspec.Struct):
    """What was sent so far; ``stored`` and ``repeated`` are None where the server does not tell (not eventkeep)."""

    requests: int = 0
    sent: int = 0
    stored: int | None = 0
    repeated: int | None = 0
    tries_repeated: int = 0


class _Source(msgspec.Struct):
    pointer: str = ""


class _Fault(msgspec.Struct):
    detail: str = ""
    source: _Source = msgspec.field(default_factory=_Source)


class _Problems(msgspec.Struct):
    errors: list[_Fault] = []


class Sender:
    """Sends the requests of an iterator, ``at_once`` of them side by side.

    A request that meets 429, 502, 503, 504 or a broken connection is sent again
    after ``Retry-After`` (else an exponential wait), up to IMPORT_ATTEMPTS_MAX
    times. That is safe, because every event carries its ``unique_id``.
    """

    def __init__(self, url: str, api_key: str, at_once: int, on_sent: Callable[[Counts], None]) -> None:
        """Raises ConfigurationError for a URL that is none."""
        self.counts = Counts()
        self._url = _checked_url(url)
        self._headers = {
            "Authorization": f"Klaviyo-API-Key {api_key}",
            "Content-Type": "application/json",
            "revision": REVISION,
        }
        self._at_once = at_once
        self._on_sent = on_sent

    def send(self, requests: Iterator[BulkRequest]) -> Counts:
        """Sends all of them; ``counts`` is right also when it raises.

        Raises RowRefused (a bad row, found here or by the server), KeyRefused and
        ServerUnreachable. Requests that are under way when one fails are finished.
        """
        asyncio.run(self._send_all(requests))
        return self.counts

    async def _send_all(self, requests: Iterator[BulkRequest]) -> None:
        limits = httpx.Limits(max_connections=self._at_once)
        async with httpx.AsyncClient(
            base_url=self._url, headers=self._headers, timeout=_TIMEOUT_SECONDS, limits=limits
        ) as client:
            stopped: list[ImportStopped] = []
            await asyncio.gather(*(self._work(client, requests, stopped) for _ in range(self._at_once)))
        if stopped:
            raise stopped[0]

    async def _work(
        self, client: httpx.AsyncClient, requests: Iterator[BulkRequest], stopped: list[ImportStopped]
    ) -> None:
        while not stopped:
            try:
                request = next(requests, None)
                if request is None:
                    return
                self._count(request, await self._post(client, request))
            except ImportStopped as exc:
                stopped.append(exc)

    async def _post(self, client: httpx.AsyncClient, request: BulkRequest) -> httpx.Response:
        """The 202. Raises ImportStopped for what another try won't change."""
        trouble = ""
        for attempt in range(IMPORT_ATTEMPTS_MAX):
            if attempt:
                self.counts.tries_repeated += 1
            try:
                response = await client.post(BULK_PATH, content=request.body)
            except httpx.TransportError as exc:
                trouble = f"{type(exc).__name__}: {exc}"
                if isinstance(exc, httpx.ConnectError) and not self.counts.requests:
                    # Nothing was ever there: more likely a wrong URL than a restart.
                    raise ServerUnreachable(f"no connection to {self._url}: {exc}") from exc
                wait_seconds = _backoff_seconds(attempt)
            else:
                if response.status_code == HTTPStatus.ACCEPTED:
                    return response
                if response.status_code not in _TRY_AGAIN:
                    raise _refusal(response, request)
                trouble = f"status {response.status_code}"
                wait_seconds = _asked_seconds(response) or _backoff_seconds(attempt)
            if attempt + 1 < IMPORT_ATTEMPTS_MAX:
                await asyncio.sleep(min(wait_seconds, IMPORT_WAIT_SECONDS_MAX))
        raise ServerUnreachable(
            f"{self._url} did not take a request in {IMPORT_ATTEMPTS_MAX} tries; the last: {trouble}"
        )

    def _count(self, request: BulkRequest, response: httpx.Response) -> None:
        counts = self.counts
        counts.requests += 1
        counts.sent += request.event_count
        counts.stored = _added(counts.stored, response.headers.get(STORED_HEADER))
        counts.repeated = _added(counts.repeated, response.headers.get(REPEATED_HEADER))
        self._on_sent(counts)


def _checked_url(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as exc:
        raise ConfigurationError(f"--url: expected a URL such as http://127.0.0.1:8340, got {url!r}: {exc}") from exc
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ConfigurationError(f"--url: expected a URL such as http://127.0.0.1:8340, got {url!r}")
    return url.rstrip("/")


def _added(total: int | None, told: str | None) -> int | None:
    return None if total is None or told is None else total + int(told)


def _asked_seconds(response: httpx.Response) -> float | None:
    asked = response.headers.get("Retry-After", "")
    return float(asked) if asked.isascii() and asked.isdecimal() else None


def _backoff_seconds(attempt: int) -> float:
    # With jitter, so that requests that failed together don't come back together.
    return min(_BACKOFF_SECONDS_MAX, _BACKOFF_SECONDS_MIN * 2.0**attempt) * random.uniform(0.5, 1.0)


def _refusal(response: httpx.Response, request: BulkRequest) -> ImportStopped:
    """The error that an answer other than 202 means, with the rows that it is about."""
    try:
        faults = msgspec.json.decode(response.content, type=_Problems).errors
    except msgspec.DecodeError:
        faults = []
    details = [fault.detail for fault in faults] or [f"status {response.status_code}"]
    if response.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return KeyRefused(f"the server refuses the API key: {'; '.join(details)}")
    rows = [row_of(fault.source.pointer, request) for fault in faults]
    told = [(row, fault.detail) for row, fault in zip(rows, faults, strict=True) if row is not None]
    if response.status_code != HTTPStatus.BAD_REQUEST or not told:
        return ImportStopped(f"the server refuses a request with status {response.status_code}: {'; '.join(details)}")
    first, *others = sorted(told)[:IMPORT_FAULTS_SHOWN_MAX]
    return RowRefused(first[0], "\n".join([first[1], *(f"row {row}: {detail}" for row, detail in others)]))


def row_of(pointer: str, request: BulkRequest) -> int | None:
    """The row that a JSON pointer into the body is about: the event's, or the first one of the profile."""
    numbers = [int(part) for part in pointer.split("/") if part.isascii() and part.isdecimal()]
    if not numbers or numbers[0] >= len(request.rows):
        return None
    group = request.rows[numbers[0]]
    return (
        group[numbers[1]] if len(numbers) > 1 and "/events/data/" in pointer and numbers[1] < len(group) else group[0]
    )

"""``AsyncClient``: the connection, the retries, and the short form of creating an event."""

from __future__ import annotations

import datetime
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import msgspec

from eventkeep.client.asynchronous import waiting
from eventkeep.client.asynchronous.accounts import AsyncAccounts
from eventkeep.client.asynchronous.batch import AsyncBatch
from eventkeep.client.asynchronous.connections import make_transport
from eventkeep.client.asynchronous.events import AsyncEvents
from eventkeep.client.asynchronous.metrics import AsyncMetrics
from eventkeep.client.asynchronous.profiles import AsyncProfiles
from eventkeep.client.batch_settings import BatchSettings, OnRefused, WhenFull
from eventkeep.client.call import Call
from eventkeep.client.calls import create_call, identify_call
from eventkeep.client.drafts import draft_attributes, draft_profile, event_body
from eventkeep.client.errors import ClosedError
from eventkeep.client.responses import response_error, unreadable
from eventkeep.client.results import ApiResponse, Created, Profile
from eventkeep.client.retries import REAL, Outcome, RetryPolicy, Wait, attempts
from eventkeep.client.settings import client_settings
from eventkeep.limits import (
    BATCH_BUFFER_BYTES_MAX,
    BATCH_BUFFER_EVENTS_MAX,
    BATCH_CLOSE_SECONDS_MAX,
    BATCH_DELAY_SECONDS,
    BATCH_GIVE_UP_SECONDS,
    CLIENT_RETRIES_MAX,
    CLIENT_RETRY_SECONDS_MAX,
    CLIENT_TIMEOUT_SECONDS,
)
from eventkeep.protocol.operations import OPERATIONS

Result = TypeVar("Result")


class AsyncClient:
    """Sends and reads events, with an eventkeep server or with the hosted service.

    ::

        async with AsyncClient(api_key="pk_…") as client:
            await client.track("Placed Order", {"email": "ada@shop.example"}, value=9.99)
            async for event in client.events.iterate(metric="Placed Order", include=["profile"]):
                print(event.datetime, event.value, event.profile.email)

    ``events``, ``metrics``, ``profiles`` and ``accounts`` have the operations of the API. One
    client serves any number of tasks. It may be used in several event loops, and in the child
    of a fork: it makes connections of its own there.
    """

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        revision: str | None = None,
        *,
        timeout: float = CLIENT_TIMEOUT_SECONDS,
        max_retries: int = CLIENT_RETRIES_MAX,
        retry_seconds_max: float = CLIENT_RETRY_SECONDS_MAX,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Make a client; it connects on first use. Raises ConfigurationError.

        - ``api_key``: by default EVENTKEEP_API_KEY.
        - ``base_url``: by default EVENTKEEP_URL, or else http://127.0.0.1:8340.
        - ``revision``: a date; by default EVENTKEEP_REVISION, or else 2024-06-15.
        - ``timeout``: seconds, for connecting, for sending a request and for each part of a response.
        - ``max_retries``: how often a request is tried again after 429, 502, 503, 504 or a
          broken connection. ``Retry-After`` is obeyed; without it the waits double.
        - ``retry_seconds_max``: seconds that all tries of a request and their waits may take.
        - ``transport``: a transport of httpx, ASGITransport for example, to use instead of
          the client's own connections.
        """
        self.settings = client_settings(api_key, base_url, revision, timeout, max_retries, retry_seconds_max)
        self._policy = RetryPolicy(retries_max=max_retries, seconds_max=retry_seconds_max)
        self._headers = httpx.Headers(self.settings.headers)
        self._headers_with_body = httpx.Headers(
            {**self.settings.headers, "Content-Type": self.settings.revision.media_type}
        )
        # Parsing a URL takes longer than making a small event, and those of creates are always the same.
        self._create_urls = {
            operation.path: httpx.URL(self.settings.base_url + operation.path)
            for operation in OPERATIONS.values()
            if operation.method == "POST"
        }
        self.is_own_transport = transport is None
        self._transport = transport or make_transport(self.settings.base_url)
        self._is_closed = False
        self.events = AsyncEvents(self)
        self.metrics = AsyncMetrics(self)
        self.profiles = AsyncProfiles(self)
        self.accounts = AsyncAccounts(self)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        self._is_closed = True
        await self._transport.aclose()

    async def track(
        self,
        metric: str,
        profile: Mapping[str, Any],
        *,
        properties: Mapping[str, Any] | None = None,
        time: datetime.datetime | str | None = None,
        value: float | Decimal | None = None,
        value_currency: str | None = None,
        unique_id: str | None = None,
        service: str | None = None,
    ) -> Created:
        """Create one event; it is stored when this returns.

        - ``metric``: the name of the metric, such as ``Placed Order``.
        - ``profile``: the person. Identifiers (``id``, ``external_id``, ``email``,
          ``phone_number``, ``anonymous_id``, ``_kx``; one at least), attributes such as
          ``first_name``, ``location`` and ``properties``, which are written to the profile,
          and ``patch_properties``.
        - ``properties``: details of the event; see ``eventkeep.client.encoding`` for their types.
        - ``time``: a datetime (one without an offset is in UTC) or ISO 8601 text; now by default.
        - ``value``, ``value_currency``: an amount, and the ISO 4217 code of its currency.
        - ``unique_id``: identifies the event among those of the profile and the metric: a
          second one is a duplicate. By default it is random, so that retries are safe.
        - ``service``: another integration for the metric.

        Raises ArgumentError before anything is sent, and ClientError.
        """
        attributes = draft_attributes(
            metric,
            properties=properties,
            time=time,
            value=value,
            value_currency=value_currency,
            unique_id=unique_id,
            service=service,
        )
        body = event_body(attributes, draft_profile(profile), self.settings.revision)
        return (await self.perform(create_call("create_event", body))).data

    async def identify(self, profile: Mapping[str, Any]) -> Profile:
        """Create a profile, or change the one that an identifier finds, and return it.

        ``profile`` is that of ``track``. A field that is None is cleared, one that is absent
        stays, and ``properties`` are merged. Needs a revision from 2024-02-15 on. Raises
        ArgumentError before anything is sent, and ClientError.
        """
        return (await self.perform(identify_call(draft_profile(profile)))).data

    def batch(
        self,
        *,
        on_refused: OnRefused | None = None,
        spool: Path | str | None = None,
        when_full: WhenFull = "block",
        buffer_events_max: int = BATCH_BUFFER_EVENTS_MAX,
        buffer_bytes_max: int = BATCH_BUFFER_BYTES_MAX,
        delay_seconds: float = BATCH_DELAY_SECONDS,
        requests_at_once: int = 1,
        give_up_seconds: float = BATCH_GIVE_UP_SECONDS,
        close_seconds_max: float = BATCH_CLOSE_SECONDS_MAX,
        flush_on_sigterm: bool = True,
    ) -> AsyncBatch:
        """Send many events in few requests, beside the program; see AsyncBatch.

        - ``on_refused``: called with an event and an error for each event that can't be
          delivered; without it, ``flush`` and the end of the batch raise EventsRefusedError.
        - ``spool``: a file that holds the events until the server has responded.
        - ``when_full``: when the buffer is full, ``track`` waits (``"block"``) or raises
          BufferFullError (``"refuse"``).
        - ``buffer_events_max``, ``buffer_bytes_max``: the size of the buffer, which holds
          the events that wait and those in flight.
        - ``delay_seconds``: how long an event waits for others to fill its request.
        - ``requests_at_once``: with one, changes to a profile are applied in the order of
          the events; more are faster.
        - ``give_up_seconds``: how long one request is tried.
        - ``close_seconds_max``: how long the end of the batch goes on trying.
        - ``flush_on_sigterm``: whether SIGTERM sends all events that wait.

        Raises ConfigurationError.
        """
        settings = BatchSettings(
            on_refused=on_refused,
            spool=None if spool is None else Path(spool),
            when_full=when_full,
            buffer_events_max=buffer_events_max,
            buffer_bytes_max=buffer_bytes_max,
            delay_seconds=delay_seconds,
            requests_at_once=requests_at_once,
            give_up_seconds=give_up_seconds,
            close_seconds_max=close_seconds_max,
            flush_on_sigterm=flush_on_sigterm,
        )
        settings.check(self.settings.revision)
        return AsyncBatch(self, settings)

    async def perform(
        self,
        call: Call[Result],
        policy: RetryPolicy | None = None,
        pause: Callable[[float], Awaitable[None]] = waiting.pause,
        on_wait: Callable[[Wait], object] | None = None,
    ) -> ApiResponse[Result]:
        """Make a call with its retries, and read the response. Raises ClientError.

        ``on_wait`` is called before each wait for another try.
        """
        flow = attempts(policy or self._policy, is_repeatable=call.is_repeatable)
        try:
            step = next(flow)
            while True:
                if isinstance(step, Wait):
                    if on_wait is not None:
                        on_wait(step)
                    await pause(step.seconds)
                    step = flow.send(None)
                else:
                    step = flow.send(await self._try(call, step.seconds_max))
        except StopIteration as stop:
            finished = stop.value
        response = finished.response
        if response.status_code not in call.statuses:
            raise response_error(response, finished.tries, REAL.now())
        try:
            data = call.read(response)
        except msgspec.DecodeError as exc:
            raise unreadable(response, "a document of the API", exc) from exc
        return ApiResponse(data, response.status_code, response.headers)

    async def _try(self, call: Call[Result], seconds_max: float) -> Outcome:
        if self._is_closed:
            raise ClosedError("the client is closed")
        timeout = min(self.settings.timeout, seconds_max)
        # The transport is called directly: a client of httpx adds cookies, redirects and authentication.
        request = httpx.Request(
            call.method,
            self._create_urls.get(call.target) or self.settings.base_url + call.target,
            content=call.body,
            headers=self._headers if call.body is None else self._headers_with_body,
            extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), timeout)},
        )
        try:
            response = await self._transport.handle_async_request(request)
            await response.aread()
        except httpx.RequestError as exc:
            exc.request = request
            return exc
        response.request = request
        return response

"""The scan of an eventkeep server: rows as the server streams them, and the scan continues if the connection breaks."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from http import HTTPStatus
from typing import Final
from urllib.parse import urlencode

import httpx
import msgspec

from eventkeep.client.errors import ConnectionFailedError, UnexpectedResponseError
from eventkeep.client.proxies import proxy_for
from eventkeep.client.responses import response_error
from eventkeep.client.retries import REAL, RetryPolicy, Wait, attempts
from eventkeep.client.synchronous.client import Client
from eventkeep.exporter.lots import Lot
from eventkeep.exporter.pages import Query
from eventkeep.exporter.walk import PATIENT
from eventkeep.limits import CLIENT_BACKOFF_SECONDS_MAX, RESPONSE_HEAD_BYTES_MAX
from eventkeep.protocol.admin.operations import ADMIN_OPERATIONS
from eventkeep.protocol.rows.frames import MEDIA_TYPE, FrameHead, decode_head

POSITION: Final = "eventkeep-position"
"""The header that says how far the node of a cluster is: another node that goes on with the scan is no less far."""
NO_SUCH_ROUTE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED})
LOSSES_MAX: Final = 8
"""How often the connection may break at the same place before the export gives up."""
LOSS_SECONDS: Final = 0.1
"""The pause after the first break, in seconds; it doubles with each that follows at the same place."""


class Scan:
    """The rows of a query by a scan, which continues after a break until it is complete."""

    def __init__(self, client: Client, query: Query) -> None:
        self._settings = client.settings
        url = httpx.URL(self._settings.base_url)
        proxy = proxy_for(url)
        self._http = httpx.Client(
            proxy=None if proxy is None else proxy.url,
            trust_env=False,
            timeout=self._settings.timeout,
            # To load the trusted certificates takes a while.
            verify=url.scheme == "https",
        )
        self._parameters = {"sort": query.sort, "ids": "true" if query.has_ids else "false"}
        if query.filter is not None:
            self._parameters["filter"] = query.filter
        self._after: str | None = None
        self._position: str | None = None
        self._response: httpx.Response | None = None

    def close(self) -> None:
        """End the scan, at the server too."""
        if self._response is not None:
            self._response.close()
        self._http.close()

    def begin(self) -> bool:
        """Ask for the first rows; False if the server has no such route. Raises ClientError for any other refusal."""
        settings = self._settings
        response = self._request(RetryPolicy(retries_max=settings.max_retries, seconds_max=settings.retry_seconds_max))
        if response.status_code in NO_SUCH_ROUTE:
            return False
        self._response = self._accepted(response)
        # Some hosts have a page for every path.
        return bool(response.headers.get("Content-Type") == MEDIA_TYPE)

    def lots(self) -> Iterator[Lot]:
        """All rows, after ``begin``. Raises ClientError."""
        response, losses = self._response, 0
        while response is not None:
            after = self._after
            try:
                is_all = yield from self._frames(response)
            except (httpx.TransportError, httpx.StreamError) as exc:
                # What came whole is kept; the rest comes again.
                is_all, losses = False, losses + 1 if self._after == after else 1
                if losses > LOSSES_MAX:
                    raise ConnectionFailedError(
                        f"the scan was cut off {losses} times in one place: {exc}", losses
                    ) from exc
                time.sleep(min(LOSS_SECONDS * 2 ** (losses - 1), CLIENT_BACKOFF_SECONDS_MAX))
            finally:
                response.close()
            response = self._response = None if is_all else self._accepted(self._request(PATIENT))

    def _frames(self, response: httpx.Response) -> Generator[Lot, None, bool]:
        """The whole frames of a response; returns whether they are all.

        Raises httpx.TransportError if it is cut off, UnexpectedResponseError if these are no frames.
        """
        reader = _Reader(response.iter_raw())
        while True:
            try:
                head = decode_head(reader.line())
            except msgspec.DecodeError as exc:
                why = f"GET {response.request.url.path}: expected the frames of a scan: {exc}"
                raise UnexpectedResponseError(why, response.status_code) from exc
            if head.end is not None:
                return head.end
            if head.rows:
                yield self._lot(reader, head)

    def _lot(self, reader: _Reader, head: FrameHead) -> Lot:
        lines = reader.exactly(head.bytes)
        self._after = head.after
        return Lot(head.rows, lines)

    def _request(self, policy: RetryPolicy) -> httpx.Response:
        """A response without its body, after retries. Raises ConnectionFailedError."""
        flow = attempts(policy, is_repeatable=True)
        try:
            step = next(flow)
            while True:
                if isinstance(step, Wait):
                    time.sleep(step.seconds)
                    step = flow.send(None)
                else:
                    step = flow.send(self._try())
        except StopIteration as stop:
            response: httpx.Response = stop.value.response
            return response

    def _try(self) -> httpx.Response | httpx.RequestError:
        after = {} if self._after is None else {"after": self._after}
        path = ADMIN_OPERATIONS["scan"].path
        headers = {**self._settings.headers, "Accept-Encoding": "identity"}
        if self._position is not None:
            headers[POSITION] = self._position
        request = self._http.build_request(
            "GET", f"{self._settings.base_url}{path}?{urlencode({**self._parameters, **after})}", headers=headers
        )
        try:
            response = self._http.send(request, stream=True)
            if response.status_code != HTTPStatus.OK:
                response.read()
        except httpx.RequestError as exc:
            return exc
        return response

    def _accepted(self, response: httpx.Response) -> httpx.Response:
        """The response if it is a success. Raises ResponseError."""
        if response.status_code != HTTPStatus.OK:
            raise response_error(response, 1, REAL.now())
        self._position = response.headers.get(POSITION)
        return response


class _Reader:
    """Lines and exact numbers of bytes out of pieces. Raises httpx.RemoteProtocolError at their end."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._unread, self._place = pieces, b"", 0

    def line(self) -> bytes:
        """The next line, without its end."""
        found = b""
        while (end := self._unread.find(b"\n", self._place)) < 0 and len(found) <= RESPONSE_HEAD_BYTES_MAX:
            found += self._rest()
            self._next()
        line = found + self._unread[self._place : end]
        self._place = end + 1
        return line

    def exactly(self, count: int) -> bytes:
        """So many bytes."""
        parts: list[bytes] = []
        missing = count
        while missing > len(self._unread) - self._place:
            parts.append(self._rest())
            missing -= len(parts[-1])
            self._next()
        parts.append(self._unread[self._place : self._place + missing])
        self._place += missing
        return b"".join(parts)

    def _rest(self) -> bytes:
        return self._unread[self._place :] if self._place else self._unread

    def _next(self) -> None:
        try:
            self._unread, self._place = next(self._pieces), 0
        except StopIteration:
            raise httpx.RemoteProtocolError("the server ended the scan before its last frame") from None

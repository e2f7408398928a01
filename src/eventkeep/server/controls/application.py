"""The application with controls around it: it lets requests fail as the rules of their accounts say."""

from __future__ import annotations

import asyncio
import sys
from typing import Final
from urllib.parse import parse_qs

from eventkeep.clock import SystemRandomness
from eventkeep.directory import Directory
from eventkeep.errors import NotAuthenticated, RequestRefused
from eventkeep.http.application import Application, Cancellable, Respond
from eventkeep.http.body import Body, BodyMemory
from eventkeep.http.broken_responses import BrokenResponse
from eventkeep.http.request import Head, Request
from eventkeep.http.response import Response
from eventkeep.limits import BODY_BYTES_MAX
from eventkeep.protocol.admin.controls import CONTROL_PREFIX
from eventkeep.protocol.operations import OPERATIONS
from eventkeep.server.admission import authenticate
from eventkeep.server.controls.fault_responses import response_instead, response_with
from eventkeep.server.controls.states import AccountStates
from eventkeep.server.json_bodies import decompressed, is_gzip
from eventkeep.server.pending_response import REPEATED, STORED
from eventkeep.server.request_log import RequestIds
from eventkeep.server.routing import Router, with_single_slashes
from eventkeep.server.services import Services
from eventkeep.server.shards import CLIENT_PREFIX, COMPANY_ID
from eventkeep.standin.faults import EXECUTES, Call, Effect
from eventkeep.standin.journal import kept_body, kept_headers, masked

NO_OPERATION: Final = "none"
"""The operation of a request to a path that the API does not have."""
MEDIA_TYPE: Final = "application/vnd.api+json"


class ControlledApplication:
    """An application whose requests meet the faults of their account. Belongs to the loop's thread."""

    def __init__(self, application: Application, services: Services, states: AccountStates) -> None:
        self.application, self.clock, self.states = application, services.clock, states
        self._directory: Directory = services.directory
        self._router = Router(OPERATIONS.values())
        self.request_ids = RequestIds(SystemRandomness())
        # The bodies are counted by the connections that they came from.
        self.memory = BodyMemory(sys.maxsize)

    def begin(self, request: Request, respond: Respond) -> Cancellable:
        """Start to respond, unless the request is one of our own or of no account."""
        try:
            path = with_single_slashes(request.path)
            account = None if path.startswith(CONTROL_PREFIX) else self._account_of(request, path)
        except RequestRefused:
            account = None
        if account is None:
            return self.application.begin(request, respond)
        call = ControlledCall(self, account, request, respond)
        call.start()
        return call

    def refuse(self, refusal: RequestRefused) -> Response:
        return self.application.refuse(refusal)

    def operation_of(self, request: Request) -> str:
        """The name of the operation that a request asks for."""
        try:
            return self._router.find(request.method, with_single_slashes(request.path))[0].name
        except RequestRefused:
            return NO_OPERATION

    def _account_of(self, request: Request, path: str) -> int | None:
        if path.startswith(CLIENT_PREFIX):
            named = parse_qs(request.query_string).get(COMPANY_ID)
            return self._directory.accounts.find_public_id(named[0]) if named else None
        try:
            return authenticate(self._directory.keys, request.headers.get("authorization")).record.account
        except NotAuthenticated:
            return None


class ControlledCall:
    """A request on its way through the controls: its body is read, it is executed or fails, and it is noted."""

    _inner: Cancellable | None = None
    _timer: asyncio.TimerHandle | None = None
    _taken: tuple[int, Effect, float] | None = None
    _body = b""

    def __init__(self, controlled: ControlledApplication, account: int, request: Request, respond: Respond) -> None:
        self._controlled, self._account = controlled, account
        self._request, self._respond = request, respond

    def start(self) -> None:
        """Read the body; if that fails, the application meets the same failure and tells of it."""
        try:
            body = self._request.begin_body(BODY_BYTES_MAX, self._read)
        except RequestRefused:
            self._inner = self._controlled.application.begin(self._request, self._respond)
        else:
            if body is not None:
                self._read(body)

    def cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._inner is not None:
            self._inner.cancel()

    def _read(self, body: bytes | RequestRefused) -> None:
        controlled = self._controlled
        if isinstance(body, RequestRefused):
            self._inner = controlled.application.begin(self._request, self._respond)
            return
        self._body = body
        self._call = described(self._request, body, controlled.operation_of(self._request))
        taken = self._taken = controlled.states.of(self._account).faults.take(self._call, self._now())
        if taken is None or taken[1].kind in EXECUTES:
            self._inner = controlled.application.begin(self._copied(), self._executed)
            return
        _, effect, latency = taken
        response = response_instead(effect, controlled.request_ids.next(), MEDIA_TYPE)
        self._note(None if isinstance(response, BrokenResponse) else response)
        # At the earliest when the caller has returned.
        self._timer = asyncio.get_running_loop().call_later(latency, self._respond, response)

    def _executed(self, response: Response) -> None:
        self._note(response)
        if self._taken is None:
            self._respond(response)
            return
        _, effect, latency = self._taken
        broken = response_with(effect, response)
        self._timer = asyncio.get_running_loop().call_later(latency, self._respond, broken)

    def _note(self, response: Response | None) -> None:
        """Put the request into the journal; ``response`` is the one without the fault."""
        request, call = self._request, self._call
        query = f"?{request.query_string}" if request.query_string else ""
        headers = {} if response is None else lines_of(response)
        self._controlled.states.journal_of(self._account).add(
            time=self._now(),
            operation=call.operation,
            method=call.method,
            path=masked(call.path + query),
            headers=kept_headers(call.headers),
            body=kept_body(call.body),
            status=None if response is None else response.status,
            response="" if response is None else kept_body(response.body),
            fault=None if self._taken is None else self._taken[0],
            kind=None if self._taken is None else self._taken[1].kind.value,
            stored=count(headers.get(STORED.lower())),
            repeated=count(headers.get(REPEATED.lower())),
        )

    def _now(self) -> float:
        return self._controlled.clock.of(self._account).now()

    def _copied(self) -> Request:
        """The request with its whole body, and a head that nothing is remembered of.

        An application remembers with a head some facts of one time, and clocks of accounts move.
        """
        body = Body(len(self._body), self._controlled.memory)
        if self._body:
            body.add(self._body)
        body.complete()
        head = self._request.head
        return Request(Head(head.method, head.target, head.version, head.headers, head.keeps_alive), body)


def described(request: Request, body: bytes, operation: str) -> Call:
    """A request as rules look at it, its body decompressed if that is possible."""
    try:
        content = decompressed(body) if is_gzip(request) else body
    except RequestRefused:
        content = body
    path = with_single_slashes(request.path)
    return Call(operation, request.method, path, dict(request.headers.items()), content)


def lines_of(response: Response) -> dict[str, str]:
    """The headers that a response has in their final form."""
    pairs = (line.partition(": ") for line in response.lines.split("\r\n") if line)
    return {name: value for name, _, value in pairs}


def count(text: str | None) -> int | None:
    return None if text is None else int(text)

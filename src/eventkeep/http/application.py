"""The program behind the HTTP server, as the server sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from eventkeep.errors import RequestRefused
from eventkeep.http.request import Request
from eventkeep.http.response import Response

Respond = Callable[[Response], None]


class Cancellable(Protocol):
    """A request that has no response yet."""

    def cancel(self) -> object:
        """The client is gone: no response is wanted any more."""
        ...


class Application(Protocol):
    """Responds to requests, in the thread of the event loop."""

    def begin(self, request: Request, respond: Respond) -> Cancellable:
        """Start to respond, and call ``respond`` once, after this returned. It may not raise."""
        ...

    def refuse(self, refusal: RequestRefused) -> Response:
        """The response to a message that is not a request."""
        ...

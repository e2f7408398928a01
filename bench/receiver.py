"""A server that receives bodies and drops them, the floor of every create: ``python -m bench.receiver PORT``."""

from __future__ import annotations

import asyncio
import sys

import uvloop

from eventkeep.clock import SystemClock
from eventkeep.errors import RequestRefused
from eventkeep.http.application import Respond
from eventkeep.http.listener import Listener, bind
from eventkeep.http.request import Request
from eventkeep.http.response import Response
from eventkeep.limits import BODY_BYTES_MAX


class Receiver:
    """Responds with 202 to every request whose body has arrived."""

    def begin(self, request: Request, respond: Respond) -> asyncio.Handle:
        loop = asyncio.get_running_loop()
        # So that the head is remembered.
        request.memo = True

        def done(_: bytes | RequestRefused) -> None:
            loop.call_soon(respond, Response(202))

        body = request.begin_body(BODY_BYTES_MAX, done)
        return loop.call_soon(lambda: None) if body is None else loop.call_soon(respond, Response(202))

    def refuse(self, refusal: RequestRefused) -> Response:
        return Response(400)


async def receive(port: int) -> None:
    """Serve until the process is ended."""
    listener = Listener(Receiver(), bind("127.0.0.1", port), SystemClock())
    listener.start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(receive(int(sys.argv[1])))

"""The routes that only the nodes of a cluster ask for: commands for the leader, and snapshots for a node that joins.

::

    POST /cluster/control                      a command, as the control socket takes it
    POST /cluster/snapshots?least=             have a snapshot taken, or share one at this position or later
    GET  /cluster/snapshots/ID                 its `SnapshotState`: the list of its files once it is taken
    GET  /cluster/snapshots/ID?file=&offset=   bytes of a file, some megabytes at most
    POST /cluster/moves                        a `MoveMessage` about an account that moves to another shard
    GET  /cluster/secret                       the secret of the directory, which all shards of a log share
    GET  /cluster/snapshots                    nothing, if the secret is the right one

A snapshot is read in pieces, so that no response takes long, and a lost one costs a piece.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from typing import Final
from urllib.parse import parse_qs

import msgspec

from eventkeep.errors import Fault, InvalidRequest, MethodNotAllowed, NotAuthenticated, NotBegun, NotFound, StoreError
from eventkeep.http.request import Request
from eventkeep.http.response import Response
from eventkeep.ingest.committer import Committer
from eventkeep.ingest.stores import Stores
from eventkeep.limits import BODY_BYTES_MAX, MOVE_BODY_BYTES_MAX
from eventkeep.server.arrivals import Arrivals
from eventkeep.server.control import ControlResponse, respond
from eventkeep.server.departures import Departures
from eventkeep.server.move_messages import (
    AbandonMove,
    BeginMove,
    CancelMove,
    LookMove,
    MoveMessage,
    MovePiece,
    MoveReport,
    StartMove,
    TakeAccount,
    decode_message,
)
from eventkeep.server.node import Node
from eventkeep.server.node_settings import CONTROL_PATH, MOVES_PATH, SECRET, SECRET_PATH, SNAPSHOTS_PATH

JSON: Final = {"Content-Type": "application/json"}
BYTES: Final = {"Content-Type": "application/octet-stream"}
DIGITS_MAX: Final = 18


class NodeRoutes:
    """Responds to other nodes."""

    def __init__(self, node: Node, committer: Committer, stores: Stores, is_stopping: Callable[[], bool]) -> None:
        self._node, self._committer, self._stores, self._is_stopping = node, committer, stores, is_stopping

    async def respond(self, request: Request) -> Response:
        """Raises NotAuthenticated if no node has sent the request, and the errors of the routes."""
        sent = request.headers.get(SECRET) or ""
        if not hmac.compare_digest(sent.encode(), self._node.settings.secret.encode()):
            raise NotAuthenticated([Fault(f"Only the nodes of the cluster may ask for {request.path}.")])
        path = request.path.removesuffix("/")
        if path == CONTROL_PATH:
            return await self._control(request)
        if path == MOVES_PATH:
            check_method(request, "POST")
            content = await request.read_body(MOVE_BODY_BYTES_MAX)
            report = await asyncio.to_thread(self._moved, content)
            return Response(200, BYTES, msgspec.msgpack.encode(report))
        if path == SECRET_PATH:
            check_method(request, "GET")
            return Response(200, BYTES, self._stores.directory.secret)
        if path == SNAPSHOTS_PATH:
            return await self._begin(request)
        if path.startswith(f"{SNAPSHOTS_PATH}/"):
            return await self._read(request, path.removeprefix(f"{SNAPSHOTS_PATH}/"))
        raise NotFound([Fault(f"There is no path {request.path}.")])

    def _moved(self, content: bytes) -> MoveReport:
        """Carry out a message about a move. Raises Unavailable, InvalidRequest."""
        try:
            message = decode_message(content)
        except msgspec.MsgspecError as exc:
            raise InvalidRequest([Fault(f"Expected a message about a move: {exc}")]) from exc
        return report_of(message, self._node.arrivals, self._node.departures)

    async def _control(self, request: Request) -> Response:
        """Carry out a command."""
        check_method(request, "POST")
        content = await request.read_body(BODY_BYTES_MAX)
        try:
            response = await asyncio.to_thread(respond, content, self._committer, self._stores, self._is_stopping)
        except NotBegun as exc:
            response = ControlResponse(error=str(exc), is_not_begun=True)
        return Response(200, JSON, msgspec.json.encode(response))

    async def _begin(self, request: Request) -> Response:
        """Have a snapshot taken; a GET only shows that the secret is the right one."""
        check_method(request, "POST", "GET")
        if request.method == "GET":
            return Response(204)
        assert self._node.snapshots is not None
        least = number_in(parse_qs(request.query_string), "least")
        return Response(200, JSON, msgspec.json.encode(self._node.snapshots.begin(least)))

    async def _read(self, request: Request, id: str) -> Response:
        """The state of a snapshot, or bytes of one of its files."""
        check_method(request, "GET")
        assert self._node.snapshots is not None
        query = parse_qs(request.query_string, keep_blank_values=True)
        if "file" not in query:
            return Response(200, JSON, msgspec.json.encode(self._node.snapshots.state(id)))
        name, offset = query["file"][0], number_in(query, "offset")
        try:
            piece = await asyncio.to_thread(self._node.snapshots.piece, id, name, offset)
        except OSError as exc:
            raise StoreError(f"the file {name} of the snapshot {id} can't be read: {exc}") from exc
        return Response(200, BYTES, piece)


def report_of(message: MoveMessage, arrivals: Arrivals, departures: Departures) -> MoveReport:
    """Carry out a message about a move. Raises Unavailable, and StoreError if it is damaged."""
    match message:
        case BeginMove():
            return arrivals.begin(message)
        case MovePiece():
            return arrivals.add(message)
        case TakeAccount():
            return arrivals.take(message)
        case CancelMove():
            return arrivals.cancel(message)
        case StartMove():
            return departures.start(message)
        case AbandonMove():
            return departures.abandon(message)
        case LookMove():
            return departures.look(message)


def number_in(query: dict[str, list[str]], name: str) -> int:
    """A whole number in a query, 0 if there is none. Raises InvalidRequest for anything else."""
    value = query.get(name, ["0"])[0]
    if not (value.isascii() and value.isdigit() and len(value) <= DIGITS_MAX):
        raise InvalidRequest([Fault("Expected a whole number.", parameter=name)])
    return int(value)


def check_method(request: Request, *methods: str) -> None:
    """Raises MethodNotAllowed for another method."""
    if request.method not in methods:
        allowed = ", ".join(methods)
        raise MethodNotAllowed([Fault(f"Method {request.method!r} is not allowed here; allowed: {allowed}.")], methods)

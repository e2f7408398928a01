"""Against a small server that responds as a test says, for responses that a healthy server does not send."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from eventkeep import AsyncClient, AuthenticationError, ClientError, ConnectionFailedError, PermissionDeniedError
from eventkeep.client.packing import Packing
from eventkeep.client.retries import RetryPolicy
from eventkeep.errors import RowRefused
from eventkeep.importer import sending
from eventkeep.importer.mapping import MappedRow
from eventkeep.importer.sending import REVISION, Counts, Sender, pack
from eventkeep.limits import BODY_BYTES_MAX, BULK_EVENTS_MAX
from eventkeep.protocol.revisions import REVISIONS
from eventkeep.testing import free_port

Response = tuple[int, dict[str, str], Any]
KEPT: Response = (202, {"Eventkeep-Events-Stored": "2", "Eventkeep-Events-Repeated": "1"}, None)


class ScriptedServer(http.server.ThreadingHTTPServer):
    """Gives its responses in order, the last one for ever; a response of status 0 cuts the connection."""

    def __init__(self, responses: list[Response]) -> None:
        super().__init__(("127.0.0.1", 0), ScriptedHandler)
        self.responses = responses
        self.bodies: list[bytes] = []
        self.headers_seen: list[dict[str, str]] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class ScriptedHandler(http.server.BaseHTTPRequestHandler):
    server: ScriptedServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.bodies.append(body)
            self.server.headers_seen.append({name.lower(): value for name, value in self.headers.items()})
            status, headers, document = (
                self.server.responses.pop(0) if len(self.server.responses) > 1 else self.server.responses[0]
            )
        self.close_connection = not status
        if not status:
            return
        content = b"" if document is None else msgspec.json.encode(document)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: the tests look at the requests."""


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    with ScriptedServer([KEPT]) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventkeep.client.retries.CLIENT_BACKOFF_SECONDS_MAX", 0.01)
    monkeypatch.setattr(sending, "PATIENT", RetryPolicy(retries_max=None, seconds_max=0.5))


def row(number: int, identity: bytes = b"a", padding: int = 0) -> MappedRow:
    return MappedRow(number, identity, b'"%b"' % identity, b'{"number":%d,"x":"%b"}' % (number, b"x" * padding))


def requests(count: int) -> Iterator[Packing[MappedRow]]:
    """Requests of three rows each, two of the first profile and one of the second."""
    for number in range(count):
        request: Packing[MappedRow] = Packing()
        for each in (row(number), row(100 + number), row(200 + number, b"b")):
            request.add(each)
        yield request


def stop(refusal: RowRefused, refused: MappedRow) -> None:
    assert refusal.row == refused.number
    raise refusal


def problems(status: int, *faults: tuple[str, str]) -> Response:
    errors = [{"detail": detail, "source": {"pointer": pointer}, "status": status} for pointer, detail in faults]
    return status, {}, {"errors": errors}


def client(url: str) -> AsyncClient:
    return AsyncClient("pk_test", url, REVISION)


def send(server: ScriptedServer, count: int = 3, at_once: int = 1) -> Counts:
    sender = Sender(at_once, stop)
    sender.send(requests(count), lambda: client(server.url))
    return sender.counts


def test_rows_fill_requests_and_stay_in_order() -> None:
    packed = list(pack((row(number) for number in range(2 * BULK_EVENTS_MAX + 1)), stop))
    assert [len(request) for request in packed] == [BULK_EVENTS_MAX, BULK_EVENTS_MAX, 1]
    assert [each.number for request in packed for each in request.events()] == list(range(2 * BULK_EVENTS_MAX + 1))


def test_row_that_no_request_can_hold_is_refused() -> None:
    refused: list[str] = []
    rows = [row(1), row(2, padding=BODY_BYTES_MAX), row(3)]
    packed = list(pack(rows, lambda refusal, row: refused.append(str(refusal))))
    assert [[each.number for each in request.events()] for request in packed] == [[1], [3]]
    assert len(refused) == 1
    assert refused[0].startswith("row 2: the event is larger than a request may be")


def test_counts_come_from_the_responses(scripted: ScriptedServer) -> None:
    assert send(scripted) == Counts(requests=3, sent=9, stored=6, repeated=3)
    assert scripted.headers_seen[0]["authorization"] == "Klaviyo-API-Key pk_test"
    assert scripted.headers_seen[0]["revision"] == REVISION


def test_every_request_is_sent_once_with_several_at_once(scripted: ScriptedServer) -> None:
    assert send(scripted, 50, at_once=8).requests == 50
    assert sorted(scripted.bodies) == sorted(request.body() for request in requests(50))


def test_counts_are_unknown_if_the_server_does_not_report_them(scripted: ScriptedServer) -> None:
    scripted.responses = [(202, {}, None)]
    counts = send(scripted)
    assert (counts.sent, counts.stored, counts.repeated) == (9, None, None)


@pytest.mark.parametrize("status", [429, 502, 503, 504, 0])
def test_request_is_sent_again_if_the_server_had_no_room(scripted: ScriptedServer, status: int) -> None:
    scripted.responses = [KEPT, (status, {"Retry-After": "0"}, None), (status, {}, None), KEPT]
    counts = send(scripted)
    assert (counts.requests, counts.retries, counts.throttled) == (3, 2, 2 if status == 429 else 0)
    assert scripted.bodies[1] == scripted.bodies[2] == scripted.bodies[3]


def test_tries_end(scripted: ScriptedServer) -> None:
    scripted.responses = [KEPT, (503, {}, None)]
    with pytest.raises(ClientError, match=r"503: .* tries\)"):
        send(scripted, 2)


def test_server_that_was_never_there_is_not_waited_for() -> None:
    sender = Sender(2, stop)
    with pytest.raises(ConnectionFailedError, match=r"no response from .* in 3 tries"):
        sender.send(requests(3), lambda: client(f"http://127.0.0.1:{free_port()}"))


@pytest.mark.parametrize(("status", "kind"), [(401, AuthenticationError), (403, PermissionDeniedError)])
def test_refused_key_ends_the_import(scripted: ScriptedServer, status: int, kind: type[Exception]) -> None:
    scripted.responses = [problems(status, ("/data/", "Missing or invalid private key."))]
    with pytest.raises(kind, match=r"Missing or invalid private key\."):
        send(scripted)
    assert len(scripted.bodies) == 1


DATA = "/data/attributes/events-bulk-create/data"
FAULTS = problems(
    400,
    (f"{DATA}/1/attributes/profile/data/attributes/email", "bad email"),
    (f"{DATA}/0/attributes/events/data/1/attributes/time", "too early"),
)


def test_first_row_that_is_refused_ends_the_import(scripted: ScriptedServer) -> None:
    scripted.responses = [KEPT, FAULTS]
    with pytest.raises(RowRefused, match=r"^row 101: too early$"):
        send(scripted)
    assert len(scripted.bodies) == 2


def test_rows_that_are_refused_are_left_out(scripted: ScriptedServer) -> None:
    scripted.responses = [KEPT, FAULTS, KEPT]
    refused: list[str] = []
    sender = Sender(1, lambda refusal, row: refused.append(str(refusal)))
    sender.send(requests(3), lambda: client(scripted.url))
    assert refused == ["row 101: too early", "row 201: bad email"]
    assert (sender.counts.requests, sender.counts.sent) == (3, 7)
    assert (
        scripted.bodies[2]
        == scripted.bodies[1].replace(b',{"number":101,"x":""}', b"").partition(b',{"type":"event-bulk-create"')[0]
        + b"]}}}}"
    )


@pytest.mark.parametrize(
    "response",
    [(404, {}, {"detail": "no such thing"}), (302, {"Location": "/"}, None), (405, {}, None)],
)
def test_other_refusals_end_the_import(scripted: ScriptedServer, response: Response) -> None:
    scripted.responses = [response]
    with pytest.raises(ClientError, match=str(response[0])):
        send(scripted)
    assert len(scripted.bodies) == 1


@pytest.mark.parametrize(
    "response",
    [problems(400, (f"{DATA}/9/attributes", "wrong")), problems(413, ("/", "too large")), (400, {}, None)],
)
def test_request_is_halved_if_no_row_is_named(scripted: ScriptedServer, response: Response) -> None:
    scripted.responses = [response]
    refused: list[int] = []
    Sender(1, lambda refusal, row: refused.append(row.number)).send(requests(1), lambda: client(scripted.url))
    assert refused == [0, 100, 200]
    assert len(scripted.bodies) == 5


def test_counts_are_right_when_a_row_ends_the_import(scripted: ScriptedServer) -> None:
    def broken() -> Iterator[Packing[MappedRow]]:
        yield from requests(2)
        raise RowRefused(7, "no event")

    sender = Sender(1, stop)
    with pytest.raises(RowRefused, match="row 7: no event"):
        sender.send(broken(), lambda: client(scripted.url))
    assert sender.counts.sent == 6


def test_check_uses_the_rules_of_the_server_without_one() -> None:
    refused: list[str] = []
    sender = Sender(1, lambda refusal, row: refused.append(str(refusal)))
    sender.check(requests(1), REVISIONS[-1], 1_718_452_800)
    assert [each.partition(":")[0] for each in refused] == ["row 0", "row 100", "row 200"]
    assert sender.counts.sent == 0

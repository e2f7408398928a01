"""Against a small server on a socket with scripted responses that a healthy server does not give."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from eventkeep.errors import ConfigurationError, ImportStopped, KeyRefused, RowRefused, ServerUnreachable
from eventkeep.importer import sending
from eventkeep.importer.packing import BulkRequest
from eventkeep.importer.sending import REVISION, Counts, Sender
from eventkeep.limits import IMPORT_ATTEMPTS_MAX
from eventkeep.testing import free_port

ApiResponse = tuple[int, dict[str, str], Any]
KEPT: ApiResponse = (202, {"Eventkeep-Events-Stored": "2", "Eventkeep-Events-Repeated": "1"}, None)


class ScriptedServer(http.server.ThreadingHTTPServer):
    """Gives its responses in order and repeats the last one; a response of status 0 cuts the connection."""

    def __init__(self, answers: list[ApiResponse]) -> None:
        super().__init__(("127.0.0.1", 0), ScriptedHandler)
        self.answers = answers
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
                self.server.answers.pop(0) if len(self.server.answers) > 1 else self.server.answers[0]
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
        """Log nothing: the tests look at the received requests."""


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
    monkeypatch.setattr(sending, "_BACKOFF_SECONDS_MAX", 0.01)


def requests(count: int) -> Iterator[BulkRequest]:
    return (BulkRequest(b'{"number":%d}' % number, [[number, 100 + number], [200 + number]]) for number in range(count))


def problems(status: int, *faults: tuple[str, str]) -> ApiResponse:
    errors = [{"detail": detail, "source": {"pointer": pointer}, "status": status} for pointer, detail in faults]
    return status, {}, {"errors": errors}


def send(server: ScriptedServer, count: int = 3, at_once: int = 1) -> Counts:
    return Sender(server.url, "pk_test", at_once, lambda counts: None).send(requests(count))


def test_counts_come_from_the_responses(scripted: ScriptedServer) -> None:
    assert send(scripted) == Counts(requests=3, sent=9, stored=6, repeated=3)
    assert scripted.headers_seen[0]["authorization"] == "Klaviyo-API-Key pk_test"
    assert scripted.headers_seen[0]["revision"] == REVISION


def test_every_request_is_sent_once_with_several_at_once(scripted: ScriptedServer) -> None:
    assert send(scripted, 50, at_once=8).requests == 50
    assert sorted(scripted.bodies) == sorted(request.body for request in requests(50))


def test_server_that_tells_no_counts_is_not_believed_to_have_stored(scripted: ScriptedServer) -> None:
    scripted.answers = [(202, {}, None)]
    counts = send(scripted)
    assert (counts.sent, counts.stored, counts.repeated) == (9, None, None)


@pytest.mark.parametrize("status", [429, 502, 503, 504, 0])
def test_request_is_sent_again_if_the_server_had_no_room(scripted: ScriptedServer, status: int) -> None:
    scripted.answers = [KEPT, (status, {"Retry-After": "0"}, None), (status, {}, None), KEPT]
    counts = send(scripted)
    assert (counts.requests, counts.tries_repeated) == (3, 2)
    assert scripted.bodies[1] == scripted.bodies[2] == scripted.bodies[3]


def test_tries_end(scripted: ScriptedServer) -> None:
    scripted.answers = [(503, {}, None)]
    with pytest.raises(ServerUnreachable, match=f"in {IMPORT_ATTEMPTS_MAX} tries; the last: status 503"):
        send(scripted, 1)
    assert len(scripted.bodies) == IMPORT_ATTEMPTS_MAX


def test_server_that_was_never_there_is_not_waited_for() -> None:
    with pytest.raises(ServerUnreachable, match="no connection to"):
        Sender(f"http://127.0.0.1:{free_port()}", "pk_test", 2, lambda counts: None).send(requests(3))


@pytest.mark.parametrize("status", [401, 403])
def test_refused_key_ends_the_import(scripted: ScriptedServer, status: int) -> None:
    scripted.answers = [problems(status, ("/data/", "Missing or invalid private key."))]
    with pytest.raises(KeyRefused, match=r"Missing or invalid private key\."):
        send(scripted)
    assert len(scripted.bodies) == 1


def test_faults_name_the_rows_that_they_are_about(scripted: ScriptedServer) -> None:
    data = "/data/attributes/events-bulk-create/data"
    scripted.answers = [
        KEPT,
        problems(
            400,
            (f"{data}/1/attributes/profile/data/attributes/email", "bad email"),
            (f"{data}/0/attributes/events/data/1/attributes/time", "too early"),
        ),
    ]
    with pytest.raises(RowRefused) as refused:
        send(scripted)
    assert str(refused.value) == "row 101: too early\nrow 201: bad email"
    assert refused.value.row == 101


@pytest.mark.parametrize(
    "answer",
    [
        problems(400, ("/data/type", "wrong")),
        problems(400, ("/data/attributes/events-bulk-create/data/9/attributes", "wrong")),
        problems(413, ("/", "too large")),
        (400, {}, None),
        (404, {}, {"detail": "no such thing"}),
        (302, {"Location": "/"}, None),
    ],
)
def test_other_refusals_are_told_as_they_came(scripted: ScriptedServer, answer: ApiResponse) -> None:
    scripted.answers = [answer]
    with pytest.raises(ImportStopped, match=f"status {answer[0]}"):
        send(scripted)


def test_counts_are_right_when_a_row_stops_the_import(scripted: ScriptedServer) -> None:
    def broken() -> Iterator[BulkRequest]:
        yield from requests(2)
        raise RowRefused(7, "no event")

    sender = Sender(scripted.url, "pk_test", 1, lambda counts: None)
    with pytest.raises(RowRefused, match="row 7: no event"):
        sender.send(broken())
    assert sender.counts.sent == 6


@pytest.mark.parametrize("url", ["localhost:8340", "ftp://a", "http://", "http://[::", ""])
def test_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="--url: expected a URL"):
        Sender(url, "pk_test", 1, lambda counts: None)

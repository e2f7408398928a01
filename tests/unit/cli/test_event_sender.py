from __future__ import annotations

import io

import pytest

from eventkeep import Client
from eventkeep.cli.event_sender import send_input
from eventkeep.client.errors import ArgumentError
from eventkeep.errors import EventkeepError, EventRefused, RowRefused
from eventkeep.limits import BODY_BYTES_MAX
from eventkeep.testing import free_port


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        (b"", ArgumentError, "standard input: expected an event, got nothing"),
        (b" \n\n", ArgumentError, "got nothing"),
        (b"[1]", RowRefused, "row 1: expected a document of the API, or a short form"),
        (b'{"metric": "A"}', RowRefused, "missing required field `profile`"),
        (b'{"metric": "A", "profile": {}, "colour": 1}', RowRefused, "unknown field `colour`"),
        (b'{"metric": "A", "profile": {}}', ArgumentError, "profile: expected one of id, external_id"),
    ],
)
def test_invalid_events_are_named(given: bytes, error: type[EventkeepError], told: str) -> None:
    with (
        Client("pk_any", f"http://127.0.0.1:{free_port()}", max_retries=0) as client,
        pytest.raises(error, match=told),
    ):
        send_input(client, io.BytesIO(given))


@pytest.mark.parametrize(
    ("given", "told", "refused"),
    [
        (b"no json\n", "row 1: expected", 1),
        (b"\n\xff\n", "row 2: expected", 1),
        (b"{\n" + b" " * BODY_BYTES_MAX + b"}", "row 1: expected", 2),
    ],
)
def test_lines_that_are_not_json_are_counted_and_named(
    given: bytes, told: str, refused: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with Client("pk_any", f"http://127.0.0.1:{free_port()}", max_retries=0) as client:
        sent = send_input(client, io.BytesIO(given))
    assert isinstance(sent.refused, EventRefused)
    assert (sent.stored, sent.refused_count) == (0, refused)
    assert told in capsys.readouterr().err

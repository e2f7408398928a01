from __future__ import annotations

import io

import pytest

from eventkeep import Client
from eventkeep.cli.event_sender import send_input
from eventkeep.client.errors import ArgumentError
from eventkeep.errors import EventkeepError, RowRefused
from eventkeep.limits import BODY_BYTES_MAX
from eventkeep.testing import free_port


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        (b"", ArgumentError, "standard input: expected an event, got nothing"),
        (b" \n\n", ArgumentError, "got nothing"),
        (b"no json\n", RowRefused, "row 1: expected a JSON object on the line"),
        (b"\n\xff\n", RowRefused, "row 2: expected a JSON object on the line"),
        (b"{\n" + b" " * BODY_BYTES_MAX + b"}", RowRefused, "or one JSON document in all"),
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

"""Sends documents and lines of standard input, and finds the id of an event."""

from __future__ import annotations

import codecs
import datetime
import io
import itertools
import math
import sys
from collections.abc import Iterable, Iterator
from typing import IO, Any, Final

import msgspec

from eventkeep.client.calls import create_call
from eventkeep.client.drafts import (
    completed_bulk,
    completed_event,
    draft_attributes,
    draft_profile,
    event_body,
)
from eventkeep.client.errors import ArgumentError, ClientError, InvalidRequestError
from eventkeep.client.synchronous.batch import Batch
from eventkeep.client.synchronous.client import Client
from eventkeep.errors import EventkeepError, EventRefused, RowRefused
from eventkeep.exporter.pages import Query
from eventkeep.exporter.records import Record
from eventkeep.limits import BODY_BYTES_MAX, PAGE_EVENTS_MAX
from eventkeep.protocol.filters import Filter

BULK_TYPE: Final = "event-bulk-create-job"
LOOK_UP_PAGES_MAX: Final = 5
"""Pages of events of the same second that are looked through for an event's id."""


class Sent(msgspec.Struct):
    """The result for events. ``stored`` and ``repeated`` are None if the server does not report them.

    ``event_id`` and ``unique_id`` are those of a single event, as far as they are known.
    ``refused`` is the error to end with if events were refused, ``refused_count`` their
    number; it is None for a single event.
    """

    stored: int | None = 0
    repeated: int | None = 0
    event_id: str | None = None
    unique_id: str | None = None
    partial_failure: tuple[str, ...] = ()
    refused: EventkeepError | None = None
    refused_count: int | None = None

    def add(self, more: Sent) -> None:
        """Count more events."""
        self.stored = None if self.stored is None or more.stored is None else self.stored + more.stored
        self.repeated = None if self.repeated is None or more.repeated is None else self.repeated + more.repeated
        self.partial_failure = tuple(dict.fromkeys((*self.partial_failure, *more.partial_failure)))


class ShortForm(msgspec.Struct, forbid_unknown_fields=True):
    """An event on a line, with the arguments of ``client.track``."""

    metric: str
    profile: dict[str, Any]
    properties: dict[str, Any] | None = None
    time: str | None = None
    value: float | None = None
    value_currency: str | None = None
    unique_id: str | None = None
    service: str | None = None


class _Typed(msgspec.Struct):
    type: str


class _Document(msgspec.Struct):
    data: _Typed


class _Identifiers(msgspec.Struct):
    external_id: str | None = None
    email: str | None = None


class _Event(msgspec.Struct):
    """The values of a single create that its event is found by."""

    metric: str
    unique_id: str
    time: str
    profile_id: str | None
    identifiers: _Identifiers


def send_body(client: Client, body: bytes) -> Sent:
    """Send a complete single create, and find the id of its event. Raises ClientError."""
    created = client.perform(create_call("create_event", body)).data
    attributes = msgspec.json.decode(body)["data"]["attributes"]
    profile = attributes["profile"]["data"]
    event = _Event(
        metric=attributes["metric"]["data"]["attributes"]["name"],
        unique_id=attributes["unique_id"],
        time=attributes["time"],
        profile_id=profile.get("id"),
        identifiers=msgspec.convert(profile["attributes"], _Identifiers),
    )
    return Sent(created.stored, created.repeated, _event_id(client, event), event.unique_id, created.partial_failure)


def send_input(client: Client, file: IO[bytes]) -> Sent:
    """Send the content of a file: one document over all its lines, or an object on each line.

    A line that is refused is reported on standard error, and the others are sent. Raises
    ArgumentError if the input is empty, and ClientError.
    """
    lines = _numbered_lines(file)
    first = next(lines, None)
    if first is None:
        raise ArgumentError("standard input: expected an event, got nothing")
    if not _is_json(first[1]):
        # A document over several lines, or a line that is broken.
        start = first[1] + file.read(BODY_BYTES_MAX + 1)
        if len(start) <= BODY_BYTES_MAX and _is_json(start):
            return _send_line(client, 1, start)
        return _send_lines(client, _numbered_lines(_Joined(start, file), first[0]))
    second = next(lines, None)
    if second is None:
        return _send_line(client, *first)
    return _send_lines(client, itertools.chain((first, second), lines))


def _send_lines(client: Client, lines: Iterable[tuple[int, bytes]]) -> Sent:
    """Send each line; a line that is refused, here or by the server, keeps no other from being sent."""
    sent = Sent()
    refused: list[EventkeepError] = []

    def report(text: str, error: EventkeepError) -> None:
        print(text, file=sys.stderr)
        refused.append(error)

    with client.batch(on_refused=lambda event, error: report(f"{event} is refused: {error}", error)) as batch:
        for number, line in lines:
            try:
                if _type_of(line) is None:
                    _track(batch, number, line)
                else:
                    sent.add(_send_line(client, number, line))
            except (RowRefused, ArgumentError) as exc:
                text = str(exc) if isinstance(exc, RowRefused) else f"row {number}: {exc}"
                report(text, exc)
            except InvalidRequestError as exc:
                report(f"row {number}: {exc}", exc)
    sent.add(Sent(batch.counts.stored, batch.counts.repeated))
    sent.refused_count = len(refused)
    if refused:
        # An error of an event was reported with it; one of the key or the server is the same for all events.
        is_about_events = isinstance(refused[0], InvalidRequestError | RowRefused | ArgumentError)
        text = "1 event is refused" if len(refused) == 1 else f"{len(refused)} events are refused"
        again = "the others are kept; send the refused ones again when they are repaired"
        sent.refused = EventRefused(f"{text}; {again}") if is_about_events else refused[0]
    return sent


class _Joined:
    """Bytes that were read of a file, and the rest of the file, as lines."""

    def __init__(self, start: bytes, file: IO[bytes]) -> None:
        self._start, self._file = io.BytesIO(start), file

    def readline(self, size: int) -> bytes:
        line = self._start.readline(size)
        return line if line.endswith(b"\n") or len(line) == size else line + self._file.readline(size - len(line))


def _numbered_lines(file: IO[bytes] | _Joined, first: int = 1) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank with their numbers; a line longer than a body may be comes in parts."""
    for number in itertools.count(first):
        line = file.readline(BODY_BYTES_MAX + 1)
        if not line:
            return
        if not line.isspace():
            yield number, line.removeprefix(codecs.BOM_UTF8) if number == 1 else line


def _is_json(text: bytes) -> bool:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _type_of(text: bytes) -> str | None:
    """Return the type of a document; None if the text is no document."""
    try:
        return msgspec.json.decode(text, type=_Document).data.type
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _send_line(client: Client, number: int, line: bytes) -> Sent:
    """Send a document, or a short form alone."""
    kind = _type_of(line)
    if kind == BULK_TYPE:
        body, is_repeatable = completed_bulk(_decoded(number, line))
        created = client.perform(create_call("bulk_create_events", body, is_repeatable)).data
        return Sent(created.stored, created.repeated, partial_failure=created.partial_failure)
    if kind is not None:
        return send_body(client, completed_event(_decoded(number, line))[0])
    short = _short_form(number, line)
    profile = draft_profile(short.pop("profile"))
    return send_body(client, event_body(draft_attributes(**short), profile, client.settings.revision))


def _track(batch: Batch, number: int, line: bytes) -> None:
    try:
        batch.track(**_short_form(number, line))
    except ArgumentError as exc:
        raise RowRefused(number, str(exc)) from exc


def _short_form(number: int, line: bytes) -> dict[str, Any]:
    try:
        return msgspec.structs.asdict(msgspec.json.decode(line, type=ShortForm))
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise RowRefused(number, f"expected a document of the API, or a short form of an event: {exc}") from exc


def _decoded(number: int, line: bytes) -> dict[str, Any]:
    try:
        document: dict[str, Any] = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise RowRefused(number, f"expected a document of the API: {exc}") from exc
    return document


def _event_id(client: Client, event: _Event) -> str | None:
    """Return the id of an event that was just sent; None if the key may not read it."""
    try:
        moment = datetime.datetime.fromisoformat(event.time)
    except ValueError:
        return None
    second = math.floor((moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp())
    same_second = Filter.greater_or_equal("timestamp", second) & Filter.less_or_equal("timestamp", second)
    query = Query(filter=str(same_second), page_size=PAGE_EVENTS_MAX)
    found: list[Record] = []
    cursor: str | None = None
    try:
        for _ in range(LOOK_UP_PAGES_MAX):
            page = client.perform(query.call(client.settings, cursor)).data
            found += [
                record
                for record in page.records
                if record.unique_id == event.unique_id and record.metric.name == event.metric
            ]
            cursor = page.next_cursor
            if cursor is None:
                break
    except ClientError:
        # The event is kept. A key for writing need not be one for reading.
        return None
    own = [record for record in found if len(found) == 1 or _is_of(record, event)]
    return own[0].id if len(own) == 1 else None


def _is_of(record: Record, event: _Event) -> bool:
    """Return whether the record's profile is the event's, by the identifiers that are read as they were sent."""
    given, profile = event.identifiers, record.profile
    if event.profile_id is not None:
        return event.profile_id == profile.id
    if given.external_id is not None:
        return given.external_id == profile.external_id
    return given.email is not None and given.email.strip().lower() == profile.email

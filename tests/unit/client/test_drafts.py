from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from eventkeep.client.drafts import (
    EventDefaults,
    batched_event,
    completed_bulk,
    completed_event,
    draft_attributes,
    draft_profile,
    event_body,
    identity_of,
)
from eventkeep.client.errors import ArgumentError
from eventkeep.protocol.creates.documents import ProfileAttributes as Attributes
from eventkeep.protocol.creates.documents import SingleEventAttributes, event_create, metric, profile
from eventkeep.protocol.creates.parser import parse_bulk_create, parse_create_event
from eventkeep.protocol.revisions import REVISIONS, Revision
from tests.submitted import numbers, unique_ids, values

NOW = 1_718_452_800
EMAIL = {"email": "ada@shop.example"}
DEFAULTS = EventDefaults(now=lambda: datetime.datetime.fromtimestamp(NOW, datetime.UTC), new_unique_id=lambda: "made")


def body(revision: Revision, given: Mapping[str, Any] | None = None, **event: Any) -> bytes:
    return event_body(draft_attributes("Tick", defaults=DEFAULTS, **event), draft_profile(given or EMAIL), revision)


def attributes(**event: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(body(REVISIONS[-1], **event))["data"]["attributes"]
    return found


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: revision.date)
def test_server_reads_the_short_form_in_every_revision(revision: Revision) -> None:
    given = {"email": "ada@shop.example", "first_name": "Ada", "location": {"city": "London"}, "properties": {"a": [1]}}
    given |= {"id": "01M1PA9MBA7VB258TP74BXMQTG", "patch_properties": {"append": {"tags": "new"}, "unset": ["old"]}}
    content = body(revision, given, value=9, unique_id="order-1", properties={"items": ["Teapot"]})
    submission = parse_create_event(content, revision, NOW)
    (write,) = submission.profiles
    assert (write.id, write.email, write.attributes) == (given["id"], given["email"], {"first_name": "Ada"})
    assert (write.location, write.append, write.unset) == ({"city": "London"}, {"tags": "new"}, ("old",))
    assert (unique_ids(submission), numbers(submission, "time"), values(submission)) == (["order-1"], [NOW], [9.0])
    assert msgspec.json.decode(submission.texts["properties"].joined) == {"items": ["Teapot"]}


def test_unique_id_and_time_are_filled_in() -> None:
    found = attributes()
    assert (found["unique_id"], found["time"]) == ("made", "2024-06-15T12:00:00+00:00")


def test_made_unique_ids_differ() -> None:
    made = {draft_attributes("Tick").unique_id for _ in range(1_000)}
    assert len(made) == 1_000


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (datetime.datetime(2024, 6, 15, 12), "2024-06-15T12:00:00+00:00"),
        (datetime.datetime(2024, 6, 15, 12, tzinfo=datetime.UTC), "2024-06-15T12:00:00+00:00"),
        (
            datetime.datetime(2024, 6, 15, 14, tzinfo=datetime.timezone(datetime.timedelta(hours=2))),
            "2024-06-15T14:00:00+02:00",
        ),
        ("2024-06-15", "2024-06-15"),
    ],
)
def test_time_is_a_datetime_or_text(time: datetime.datetime | str, text: str) -> None:
    assert attributes(time=time)["time"] == text


def test_values_of_python_become_json() -> None:
    found = attributes(value=Decimal("9.99"), properties={"at": datetime.date(2024, 6, 15), "big": 2**63 - 1})
    assert found["value"] == 9.99
    assert found["properties"] == {"at": "2024-06-15", "big": 2**63 - 1}


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"unique_id": ""}, "unique_id: expected text of 1 to 255 characters, got ''"),
        ({"unique_id": "x" * 256}, "unique_id: expected text of 1 to 255 characters, got 256 characters"),
        ({"unique_id": 7}, "unique_id: expected text of 1 to 255 characters, got 7"),
        ({"value": "much"}, "value: expected a number, got 'much'"),
        ({"value": float("nan")}, "value: expected a finite number, got nan"),
        ({"time": 1718452800}, "time: expected a datetime or ISO 8601 text, got int"),
        ({"properties": [1]}, "properties: expected a mapping, got list"),
        ({"properties": {"a": {"b": [1.0, float("inf")]}}}, "properties: expected finite numbers, got inf"),
        ({"properties": {"a": object()}}, "properties: can't be written as JSON: Encoding objects of type object"),
        ({"properties": {"a": "\ud800"}}, "properties: can't be written as JSON: 'utf-8' codec can't encode"),
    ],
)
def test_invalid_events_are_refused_before_sending(event: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(message)):
        body(REVISIONS[-1], **event)


def test_properties_that_hold_themselves_are_refused() -> None:
    properties: dict[str, Any] = {}
    properties["self"] = properties
    with pytest.raises(ArgumentError, match="nested too deeply"):
        draft_attributes("Tick", properties=properties)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "expected one of id, external_id, email, phone_number, anonymous_id, _kx, got nothing"),
        ({"first_name": "Ada", "email": None}, "expected one of id"),
        ({"emial": "ada@shop.example"}, "got emial"),
        (EMAIL | {"frist_name": "Ada"}, "unknown field `frist_name`; attributes of your own go into its 'properties'"),
        (EMAIL | {"first_name": 1}, r"Expected `str | null`, got `int` - at `$.first_name`"),
        (
            EMAIL | {"patch_properties": {"add": {}}},
            "Object contains unknown field `add`; expected 'append'",
        ),
        ({"id": 7}, "expected text as its id, got int"),
        ("ada@shop.example", "expected a mapping such as {'email': …}, got str"),
    ],
)
def test_profile_that_is_none_is_refused(given: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(message)):
        draft_profile(given)


def test_profile_is_known_by_its_strongest_identifier() -> None:
    assert draft_profile({"phone_number": "+15005550006", "external_id": "7"}).identity == "external_id 7"
    given = {"_kx": "k", "anonymous_id": "a"}
    event = batched_event(draft_attributes("Tick"), draft_profile(given))
    assert event.identity == identity_of(event.profile) == "anonymous_id a"


def test_event_of_a_batch_shows_the_tracked_values() -> None:
    given = {"id": "01M1PA9MBA7VB258TP74BXMQTG", "first_name": "Ada", "patch_properties": {"unset": "old"}}
    event = batched_event(
        draft_attributes("Tick", properties={"a": 1}, value=2, unique_id="u1", defaults=DEFAULTS), draft_profile(given)
    )
    assert (event.metric, event.unique_id, event.profile_attributes) == ("Tick", "u1", given)
    time = "2024-06-15T12:00:00+00:00"
    assert event.event_attributes == {"properties": {"a": 1}, "value": 2, "unique_id": "u1", "time": time}
    assert str(event) == "'Tick' of id 01M1PA9MBA7VB258TP74BXMQTG with unique_id 'u1'"


def single(**event: Any) -> dict[str, Any]:
    named = {"data": {"type": "metric", "attributes": {"name": "Tick"}}}
    known = {"data": {"type": "profile", "attributes": dict(EMAIL)}}
    return {"data": {"type": "event", "attributes": {"metric": named, "profile": known, "properties": {}, **event}}}


def test_whole_document_is_completed_and_left_as_it_was() -> None:
    document = single()
    content, is_complete = completed_event(document, DEFAULTS)
    assert is_complete
    assert document == single()
    submission = parse_create_event(content, REVISIONS[-1], NOW)
    assert (unique_ids(submission), numbers(submission, "time")) == (["made"], [NOW])


def test_values_of_a_document_are_kept() -> None:
    content, _ = completed_event(single(unique_id="mine", time="2024-01-01"), DEFAULTS)
    assert msgspec.json.decode(content) == single(unique_id="mine", time="2024-01-01")


def test_typed_document_is_completed() -> None:
    typed = event_create(
        SingleEventAttributes(
            metric=metric("Tick"),
            profile=profile(Attributes(email="ada@shop.example")),
            properties=msgspec.Raw(b'{"big":9223372036854775807}'),
        )
    )
    content, is_complete = completed_event(typed, DEFAULTS)
    assert is_complete
    submission = parse_create_event(content, REVISIONS[-1], NOW)
    assert (unique_ids(submission), submission.texts["properties"].joined) == (["made"], b'{"big":9223372036854775807}')


def test_every_event_of_a_bulk_document_is_completed() -> None:
    attributes: dict[str, Any] = single()["data"]["attributes"]
    known = attributes.pop("profile")
    events = [{"type": "event", "attributes": each} for each in (attributes, {**attributes, "unique_id": "mine"})]
    item = {
        "type": "event-bulk-create",
        "attributes": {"profile": known, "events": {"data": events}},
    }
    job = {"data": {"type": "event-bulk-create-job", "attributes": {"events-bulk-create": {"data": [item]}}}}
    content, is_complete = completed_bulk(job, DEFAULTS)
    assert is_complete
    assert unique_ids(parse_bulk_create(content, REVISIONS[-1], NOW)) == ["made", "mine"]


@pytest.mark.parametrize("document", [{}, {"data": None}, {"data": {"attributes": []}}, {"data": []}])
def test_document_that_is_none_goes_to_the_server_unchanged_and_only_once(document: dict[str, Any]) -> None:
    assert completed_event(document, DEFAULTS) == (msgspec.json.encode(document), False)
    assert completed_bulk(document, DEFAULTS) == (msgspec.json.encode(document), False)


def test_document_with_numbers_that_json_lacks_is_refused() -> None:
    with pytest.raises(ArgumentError, match="event_create_query_v2: expected finite numbers, got nan"):
        completed_event(single(value=float("nan")), DEFAULTS)

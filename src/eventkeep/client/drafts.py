"""Events to be sent: from Python values to the documents of the API, each with a ``unique_id`` and a ``time``.

With both filled in before the first try, a create may be sent again as often as need
be: the server keeps the event once.
"""

from __future__ import annotations

import datetime
import math
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from eventkeep.client.errors import ArgumentError
from eventkeep.limits import ECHO_CHARACTERS_MAX, METRIC_NAME_CHARACTERS_MAX, UNIQUE_ID_CHARACTERS_MAX
from eventkeep.protocol.creates import documents
from eventkeep.protocol.revisions import Revision

IDENTIFIERS: Final = ("id", "external_id", "email", "phone_number", "anonymous_id", "_kx")
"""What a profile can be known by, the strongest first."""


class EventDefaults(msgspec.Struct, frozen=True, kw_only=True):
    """What gives an event the time and the unique_id that it was not given."""

    now: Callable[[], datetime.datetime] = lambda: datetime.datetime.now(datetime.UTC)
    new_unique_id: Callable[[], str] = lambda: os.urandom(16).hex()


REAL: Final = EventDefaults()


class DraftProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A profile as it was given; ``identity`` is its strongest identifier, ``json`` its attributes as they are sent."""

    attributes: documents.ProfileAttributes
    json: bytes
    id: str | None
    patch: documents.PatchProperties | UnsetType
    identity: str

    def document(self, place: str) -> documents.Data[documents.Profile]:
        """The profile with its patch in ``meta``: beside the attributes (``profile``) or inside (``attributes``)."""
        if self.patch is UNSET:
            return documents.profile(self.attributes, self.id)
        meta = documents.ProfileMeta(patch_properties=self.patch)
        if place == "attributes":
            return documents.profile(msgspec.structs.replace(self.attributes, meta=meta), self.id)
        document = documents.profile(self.attributes, self.id)
        document.data.meta = meta
        return document


# It refers to nothing that could refer to it: the collector need not look at the many that wait.
class BatchedEvent(msgspec.Struct, kw_only=True, gc=False):
    """An event that a batch sends: its profile and itself as JSON, as a bulk request has them.

    ``number`` counts the events of a batch, ``arrived`` is a moment on the monotonic
    clock. ``identity`` tells which profile it is.
    """

    identity: str
    profile: bytes
    event: bytes
    number: int = 0
    arrived: float = 0.0
    size: int = 0
    """Bytes of the profile and the event."""

    def __post_init__(self) -> None:
        self.size = len(self.profile) + len(self.event)

    @property
    def profile_attributes(self) -> dict[str, Any]:
        """The profile as it was given to ``track``."""
        profile: dict[str, Any] = msgspec.json.decode(self.profile)
        attributes = dict(profile["attributes"])
        if "id" in profile:
            attributes["id"] = profile["id"]
        patch = profile.get("meta", {}).get("patch_properties")
        return attributes if patch is None else {**attributes, "patch_properties": patch}

    @property
    def event_attributes(self) -> dict[str, Any]:
        """``properties``, ``time``, ``value``, ``value_currency`` and ``unique_id``, as far as the event has them."""
        attributes: dict[str, Any] = msgspec.json.decode(self.event)["attributes"]
        return {name: value for name, value in attributes.items() if name != "metric"}

    @property
    def metric(self) -> str:
        """The metric's name."""
        name: str = msgspec.json.decode(self.event)["attributes"]["metric"]["data"]["attributes"]["name"]
        return name

    @property
    def unique_id(self) -> str:
        """What a repeat of the event is known by."""
        unique_id: str = self.event_attributes["unique_id"]
        return unique_id

    def __str__(self) -> str:
        return f"{self.metric!r} of {self.identity} with unique_id {self.unique_id!r}"


def draft_profile(given: Mapping[str, Any]) -> DraftProfile:
    """The profile that a mapping describes.

    Its keys are the identifiers (``id``, ``external_id``, ``email``, ``phone_number``,
    ``anonymous_id``, ``_kx``; one at least), the attributes of a profile, and
    ``patch_properties``. Raises ArgumentError.
    """
    # A dict is told from other things faster than a mapping.
    if not isinstance(given, dict | Mapping):
        raise ArgumentError(f"profile: expected a mapping such as {{'email': …}}, got {type(given).__name__}")
    for name in IDENTIFIERS:
        if given.get(name):
            break
    else:
        raise ArgumentError(f"profile: expected one of {', '.join(IDENTIFIERS)}, got {', '.join(given) or 'nothing'}")
    attributes = dict(given)
    id_ = attributes.pop("id", None)
    if id_ is not None and not isinstance(id_, str):
        raise ArgumentError(f"profile: expected text as its id, got {type(id_).__name__}")
    patch = attributes.pop("patch_properties", None)
    json = given_json("profile", attributes)
    return DraftProfile(
        attributes=_typed("profile", json, attributes, documents.ProfileAttributes),
        json=json,
        id=id_,
        patch=UNSET if patch is None else _patch(patch),
        identity=f"{name} {given[name]}",
    )


def draft_attributes(
    metric: str,
    *,
    properties: Mapping[str, Any] | None = None,
    time: datetime.datetime | str | None = None,
    value: float | None = None,
    value_currency: str | None = None,
    unique_id: str | None = None,
    service: str | None = None,
    maker: EventDefaults = REAL,
) -> documents.EventAttributes:
    """The attributes of an event. Raises ArgumentError."""
    _require_text("metric", metric, METRIC_NAME_CHARACTERS_MAX)
    if unique_id is not None:
        _require_text("unique_id", unique_id, UNIQUE_ID_CHARACTERS_MAX)
    return documents.EventAttributes(
        metric=documents.metric(metric, service),
        properties=_raw_properties(properties or {}),
        time=_time_text(time, maker),
        value=UNSET if value is None else _number(value),
        value_currency=UNSET if value_currency is None else value_currency,
        unique_id=maker.new_unique_id() if unique_id is None else unique_id,
    )


def event_body(attributes: documents.EventAttributes, profile: DraftProfile, revision: Revision) -> bytes:
    """The body of a single create."""
    place = "attributes" if revision.create_event_meta == ("attributes",) else "profile"
    given = {name: getattr(attributes, name) for name in attributes.__struct_fields__}
    body = documents.event_create(documents.SingleEventAttributes(**given, profile=profile.document(place)))
    return encoded("event", body)


def batched_event(attributes: documents.EventAttributes, profile: DraftProfile) -> BatchedEvent:
    """An event for a bulk request."""
    return BatchedEvent(
        identity=profile.identity,
        profile=_profile_json(profile),
        event=encoded("event", documents.Event(type="event", attributes=attributes)),
    )


def _profile_json(profile: DraftProfile) -> bytes:
    if profile.id is None and profile.patch is UNSET:
        return b'{"type":"profile","attributes":%b}' % profile.json
    return encoded("profile", profile.document("profile").data)


def identity_of(profile: bytes) -> str:
    """The strongest identifier of an encoded profile."""
    document = msgspec.json.decode(profile)
    known = {**document["attributes"], "id": document.get("id")}
    return next((f"{name} {known[name]}" for name in IDENTIFIERS if known.get(name)), "")


def completed_event(body: documents.EventCreate | Mapping[str, Any], maker: EventDefaults = REAL) -> tuple[bytes, bool]:
    """The body of a single create as JSON, and whether its event has a unique_id, as given or filled in.

    A body that is no event create is left as it is: the server says what is wrong with it.
    Raises ArgumentError for what can't be JSON.
    """
    document = _document("event_create_query_v2", body)
    is_complete = _complete(_members(document, "data", "attributes"), maker)
    return encoded("event_create_query_v2", document), is_complete


def completed_bulk(body: documents.BulkCreate | Mapping[str, Any], maker: EventDefaults = REAL) -> tuple[bytes, bool]:
    """The body of a bulk create, likewise: whether all of its events have a unique_id."""
    document = _document("events_bulk_create_job", body)
    groups = _items(_members(document, "data", "attributes", "events-bulk-create"))
    events = [event for group in groups for event in _items(_members(group, "attributes", "events"))]
    # All of them are completed before the question is answered.
    complete = [_complete(_members(event, "attributes"), maker) for event in events]
    return encoded("events_bulk_create_job", document), bool(complete) and all(complete)


def encoded(name: str, value: Any) -> bytes:
    """The value as JSON. Raises ArgumentError that names the argument."""
    try:
        return _encode(value)
    except RecursionError as exc:
        raise ArgumentError(f"{name}: can't be written as JSON: it is nested too deeply") from exc
    except (TypeError, ValueError, OverflowError) as exc:
        raise ArgumentError(f"{name}: can't be written as JSON: {exc}") from exc


def given_json(name: str, value: Any) -> bytes:
    """What a caller gave, as JSON. Raises ArgumentError also for NaN and infinities, which JSON does not have."""
    content = encoded(name, value)
    # The encoder writes null for them: where there is none, nothing needs to be looked at.
    if b"null" in content:
        _refuse_not_finite(value, name)
    return content


_HINTS: Final = {
    "profile": "; attributes of your own go into its 'properties'",
    "patch_properties": "; expected 'append', 'unappend' or 'unset'",
}
_NESTED: Final = frozenset({dict, list, tuple})
_encode: Final = msgspec.json.Encoder().encode


def _raw_properties(properties: Mapping[str, Any]) -> msgspec.Raw:
    if not isinstance(properties, dict | Mapping):
        raise ArgumentError(f"properties: expected a mapping, got {type(properties).__name__}")
    return msgspec.Raw(given_json("properties", properties))


def _refuse_not_finite(value: Any, name: str) -> None:
    inner: Iterable[Any] = value.values() if isinstance(value, dict) else value if type(value) in _NESTED else (value,)
    for member in inner:
        if type(member) is float:
            if not math.isfinite(member):
                raise ArgumentError(f"{name}: expected finite numbers, got {member}")
        elif type(member) in _NESTED:
            _refuse_not_finite(member, name)


def _patch(given: Mapping[str, Any]) -> documents.PatchProperties:
    json = given_json("patch_properties", given)
    patch: documents.PatchProperties = _typed("patch_properties", json, given, documents.PatchProperties)
    return patch


def _typed(name: str, json: bytes, given: Mapping[str, Any], kind: type[documents.Document]) -> Any:
    try:
        return msgspec.json.decode(json, type=kind)
    except msgspec.ValidationError as exc:
        unknown = [key for key in given if key not in kind.__struct_encode_fields__]
        raise ArgumentError(f"{name}: {exc}{_HINTS[name] if unknown else ''}") from exc


def _require_text(name: str, value: object, characters_max: int) -> None:
    if not isinstance(value, str) or not 0 < len(value) <= characters_max:
        is_long = isinstance(value, str) and len(value) > characters_max
        shown = f"{len(str(value))} characters" if is_long else repr(value)[:ECHO_CHARACTERS_MAX]
        raise ArgumentError(f"{name}: expected text of 1 to {characters_max} characters, got {shown}")


def _time_text(time: datetime.datetime | str | None, maker: EventDefaults) -> str:
    if isinstance(time, str):
        return time
    moment = maker.now().replace(microsecond=0) if time is None else time
    if not isinstance(moment, datetime.datetime):
        raise ArgumentError(f"time: expected a datetime or ISO 8601 text, got {type(moment).__name__}")
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).isoformat()


def _number(value: float) -> float:
    try:
        number = value if type(value) is int else float(value)
    except (TypeError, ValueError, OverflowError) as exc:
        raise ArgumentError(f"value: expected a number, got {value!r}") from exc
    if not math.isfinite(number):
        raise ArgumentError(f"value: expected a finite number, got {value!r}")
    return number


def _document(name: str, body: Any) -> Any:
    """A copy that may be changed."""
    return msgspec.json.decode(given_json(name, body))


def _members(document: Any, *names: str) -> Any:
    for name in names:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _items(wrapped: Any) -> list[Any]:
    data = _members(wrapped, "data")
    return data if isinstance(data, list) else []


def _complete(attributes: Any, maker: EventDefaults) -> bool:
    if not isinstance(attributes, dict):
        return False
    if attributes.get("time") is None:
        attributes["time"] = _time_text(None, maker)
    if attributes.get("unique_id") is None:
        attributes["unique_id"] = maker.new_unique_id()
    return True

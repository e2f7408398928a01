"""Events to be sent: from Python values to the documents of the API, each with a ``unique_id`` and a ``time``.

With both filled in before the first try, a create may be sent again as often as need
be: the server keeps the event once.
"""

from __future__ import annotations

import datetime
import math
import os
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from eventkeep.client.encoding import encoded, exact_text
from eventkeep.client.errors import ArgumentError
from eventkeep.limits import ECHO_CHARACTERS_MAX, METRIC_NAME_CHARACTERS_MAX, UNIQUE_ID_CHARACTERS_MAX
from eventkeep.protocol.creates import documents
from eventkeep.protocol.revisions import Revision

IDENTIFIERS: Final = ("id", "external_id", "email", "phone_number", "anonymous_id", "_kx")
"""The identifiers of a profile, the strongest first."""


class EventDefaults(msgspec.Struct, frozen=True, kw_only=True):
    """Gives an event a time and a unique_id if it has none."""

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
        """A unique_id, which identifies repeats of the event."""
        unique_id: str = self.event_attributes["unique_id"]
        return unique_id

    def __str__(self) -> str:
        return f"{self.metric!r} of {self.identity} with unique_id {self.unique_id!r}"


def draft_profile(given: Mapping[str, Any]) -> DraftProfile:
    """Return the profile that a mapping describes.

    Its keys are the identifiers (``id``, ``external_id``, ``email``, ``phone_number``,
    ``anonymous_id``, ``_kx``; at least one), the attributes of a profile, and
    ``patch_properties``. Raises ArgumentError.
    """
    # isinstance is faster for a dict than for a mapping.
    if not isinstance(given, dict | Mapping):
        raise ArgumentError(f"profile: expected a mapping such as {{'email': …}}, got {type(given).__name__}")
    attributes = dict(given)
    for name in IDENTIFIERS:
        identifier = attributes.get(name)
        if identifier is not None and not (isinstance(identifier, str) and identifier == ""):
            break
    else:
        got = ", ".join(map(str, given)) or "nothing"
        raise ArgumentError(f"profile: expected one of {', '.join(IDENTIFIERS)}, got {got}")
    id_ = attributes.pop("id", None)
    if id_ is not None and not isinstance(id_, str):
        raise ArgumentError(f"profile: expected text as its id, got {type(id_).__name__}")
    patch = attributes.pop("patch_properties", None)
    json = encoded("profile", attributes)
    return DraftProfile(
        attributes=_typed("profile", json, attributes, documents.ProfileAttributes),
        json=json,
        id=None if id_ is None else exact_text(id_),
        patch=UNSET if patch is None else _patch(patch),
        identity=f"{name} {identifier}",
    )


def draft_attributes(
    metric: str,
    *,
    properties: Mapping[str, Any] | None = None,
    time: datetime.datetime | str | None = None,
    value: float | Decimal | None = None,
    value_currency: str | None = None,
    unique_id: str | None = None,
    service: str | None = None,
    defaults: EventDefaults = REAL,
) -> documents.EventAttributes:
    """Return the attributes of an event. Raises ArgumentError."""
    name = _text("metric", metric, METRIC_NAME_CHARACTERS_MAX)
    return documents.EventAttributes(
        metric=documents.metric(name, None if service is None else _text("service", service)),
        properties=_raw_properties(properties),
        time=_time_text(time, defaults),
        value=UNSET if value is None else _number(value),
        value_currency=UNSET if value_currency is None else _text("value_currency", value_currency),
        unique_id=(
            defaults.new_unique_id() if unique_id is None else _text("unique_id", unique_id, UNIQUE_ID_CHARACTERS_MAX)
        ),
    )


def event_body(attributes: documents.EventAttributes, profile: DraftProfile, revision: Revision) -> bytes:
    """The body of a single create."""
    place = "attributes" if revision.create_event_meta == ("attributes",) else "profile"
    given = {name: getattr(attributes, name) for name in attributes.__struct_fields__}
    body = documents.event_create(documents.SingleEventAttributes(**given, profile=profile.document(place)))
    return encoded("event", body, is_checked=True)


def batched_event(attributes: documents.EventAttributes, profile: DraftProfile) -> BatchedEvent:
    """An event for a bulk request."""
    return BatchedEvent(
        identity=profile.identity,
        profile=profile_json(profile),
        event=encoded("event", documents.Event(type="event", attributes=attributes), is_checked=True),
    )


def profile_json(profile: DraftProfile) -> bytes:
    """Return the profile as JSON, its patch beside its attributes."""
    if profile.id is None and profile.patch is UNSET:
        return b'{"type":"profile","attributes":%b}' % profile.json
    return encoded("profile", profile.document("profile").data, is_checked=True)


def identity_of(profile: bytes) -> str:
    """The strongest identifier of an encoded profile."""
    document = msgspec.json.decode(profile)
    known = {**document["attributes"], "id": document.get("id")}
    return next((f"{name} {known[name]}" for name in IDENTIFIERS if known.get(name)), "")


def completed_event(
    body: documents.EventCreate | Mapping[str, Any], defaults: EventDefaults = REAL
) -> tuple[bytes, bool]:
    """The body of a single create as JSON, and whether its event has a unique_id, as given or filled in.

    A body that is no event create is left as it is, because the server reports its faults.
    Raises ArgumentError for a value that can't be JSON.
    """
    document = _document("event_create_query_v2", body)
    is_complete = _complete(_members(document, "data", "attributes"), defaults)
    return encoded("event_create_query_v2", document, is_checked=True), is_complete


def completed_bulk(
    body: documents.BulkCreate | Mapping[str, Any], defaults: EventDefaults = REAL
) -> tuple[bytes, bool]:
    """The body of a bulk create, likewise: whether all of its events have a unique_id."""
    document = _document("events_bulk_create_job", body)
    groups = _items(_members(document, "data", "attributes", "events-bulk-create"))
    events = [event for group in groups for event in _items(_members(group, "attributes", "events"))]
    # The tuple completes all of them before it looks for a unique_id.
    complete = [_complete(_members(event, "attributes"), defaults) for event in events]
    return encoded("events_bulk_create_job", document, is_checked=True), bool(complete) and all(complete)


_HINTS: Final = {
    "profile": "; attributes of your own go into its 'properties'",
    "patch_properties": "; expected 'append', 'unappend' or 'unset'",
}
_NO_PROPERTIES: Final = msgspec.Raw(b"{}")


def _raw_properties(properties: Mapping[str, Any] | None) -> msgspec.Raw:
    if properties is None:
        return _NO_PROPERTIES
    if not isinstance(properties, dict | Mapping):
        raise ArgumentError(f"properties: expected a mapping, got {type(properties).__name__}")
    return msgspec.Raw(encoded("properties", properties))


def _patch(given: Mapping[str, Any]) -> documents.PatchProperties:
    json = encoded("patch_properties", given)
    patch: documents.PatchProperties = _typed("patch_properties", json, given, documents.PatchProperties)
    return patch


def _typed(name: str, json: bytes, given: Mapping[str, Any], kind: type[documents.Document]) -> Any:
    try:
        return msgspec.json.decode(json, type=kind)
    except msgspec.ValidationError as exc:
        unknown = [key for key in given if key not in kind.__struct_encode_fields__]
        raise ArgumentError(f"{name}: {exc}{_HINTS[name] if unknown else ''}") from exc


def _text(name: str, value: object, characters_max: int | None = None) -> str:
    if not isinstance(value, str) or (characters_max is not None and not 0 < len(value) <= characters_max):
        expected = "text" if characters_max is None else f"text of 1 to {characters_max} characters"
        raise ArgumentError(f"{name}: expected {expected}, got {_shown_text(value)}")
    return exact_text(value)


def _shown_text(value: object) -> str:
    if isinstance(value, str) and len(value) > ECHO_CHARACTERS_MAX:
        return f"{len(value)} characters"
    return repr(value)[:ECHO_CHARACTERS_MAX]


def _time_text(time: datetime.datetime | str | None, defaults: EventDefaults) -> str:
    if isinstance(time, str):
        return exact_text(time)
    moment = defaults.now().replace(microsecond=0) if time is None else time
    if not isinstance(moment, datetime.datetime):
        raise ArgumentError(f"time: expected a datetime or ISO 8601 text, got {type(moment).__name__}")
    if moment != moment:
        # NaT of pandas is a datetime that equals nothing, itself included.
        raise ArgumentError(f"time: expected a datetime or ISO 8601 text, got {moment}")
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).isoformat()


def _number(value: float | Decimal) -> float:
    try:
        number = value if type(value) is int else float(value)
        is_finite = math.isfinite(number)
    except (TypeError, ValueError, OverflowError) as exc:
        raise ArgumentError(f"value: expected a number, got {repr(value)[:ECHO_CHARACTERS_MAX]}") from exc
    if not is_finite:
        raise ArgumentError(f"value: expected a finite number, got {value!r}")
    return number


def _document(name: str, body: Any) -> Any:
    """A copy that may be changed."""
    return msgspec.json.decode(encoded(name, body))


def _members(document: Any, *names: str) -> Any:
    for name in names:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _items(wrapped: Any) -> list[Any]:
    data = _members(wrapped, "data")
    return data if isinstance(data, list) else []


def _complete(attributes: Any, defaults: EventDefaults) -> bool:
    if not isinstance(attributes, dict):
        return False
    if attributes.get("time") is None:
        attributes["time"] = _time_text(None, defaults)
    if attributes.get("unique_id") is None:
        attributes["unique_id"] = defaults.new_unique_id()
    return True

"""The validation of a create body: every fault, with its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import UNSET

from eventkeep.errors import Fault
from eventkeep.limits import (
    BULK_EVENTS_MAX,
    EVENT_FUTURE_SECONDS_MAX,
    METRIC_NAME_CHARACTERS_MAX,
    SERVICE_NAME_CHARACTERS_MAX,
    UNIQUE_ID_CHARACTERS_MAX,
)
from eventkeep.model.currency import normal_currency
from eventkeep.protocol.creates.documents import EventContent
from eventkeep.protocol.creates.event_times import TIME_FORM, is_in_window, parse_time, start_of_year
from eventkeep.protocol.creates.profile_validation import check_type, validate_profile
from eventkeep.protocol.creates.tolerance import tolerate
from eventkeep.protocol.json_values import (
    Faults,
    check_json,
    check_number,
    check_object,
    check_text,
    parse,
    shown,
)
from eventkeep.protocol.revisions import Revision

EVENT_ATTRIBUTES: Final = frozenset(EventContent.__struct_encode_fields__) - {"properties"}
"""The optional attributes of an event, in all revisions together."""


def faults_of_create_event(body: bytes, revision: Revision, received_at: int) -> list[Fault]:
    """Faults of the body of POST /api/events/; none if it is accepted."""
    validation = Validation(revision, received_at)
    validation.single(body)
    return validation.faults.found


def faults_of_bulk_create(body: bytes, revision: Revision, received_at: int) -> list[Fault]:
    """Faults of the body of POST /api/event-bulk-create-jobs/; none if it is accepted."""
    validation = Validation(revision, received_at)
    validation.bulk(body)
    return validation.faults.found


class Validation:
    """Validates one body by the rules of a revision, received at a Unix second."""

    def __init__(self, revision: Revision, received_at: int) -> None:
        self.revision, self.received_at = revision, received_at
        self.time_min = start_of_year(revision.event_year_min)
        self.faults = Faults()

    def single(self, body: bytes) -> None:
        document = parse(body, self.faults)
        if self.faults.found:
            return
        event = self.data(document, "")
        if event is not UNSET:
            self.event(event, "/data", with_profile=True)

    def bulk(self, body: bytes) -> None:
        document = parse(body, self.faults)
        if self.faults.found:
            return
        job = self.data(document, "")
        if job is UNSET:
            return
        attributes = self.resource(job, "/data", "event-bulk-create-job", required=("events-bulk-create",))
        if attributes is None or "events-bulk-create" not in attributes:
            return
        place = "/data/attributes/events-bulk-create"
        items = self.array(self.data(attributes["events-bulk-create"], place), f"{place}/data") or []
        events = 0
        for number, item in enumerate(items):
            if self.faults.full:
                return
            events += self.item(item, f"{place}/data/{number}")
        if events > BULK_EVENTS_MAX:
            self.faults.add(
                f"{place}/data", f"Expected at most {BULK_EVENTS_MAX} events over all profiles, got {events}."
            )

    def item(self, value: Any, pointer: str) -> int:
        """Validate one profile with its events. Returns the number of events."""
        attributes = self.resource(
            value, pointer, "event-bulk-create", required=("profile", "events"), optional=self.backfill()
        )
        if attributes is None:
            return 0
        inside = f"{pointer}/attributes"
        self.profile(attributes, inside)
        self.check_backfill(attributes, inside)
        if "events" not in attributes:
            return 0
        place = f"{inside}/events"
        events = self.array(self.data(attributes["events"], place), f"{place}/data") or []
        # Past the limit the number of events is the fault, and the events are not validated.
        for number, event in enumerate(events[:BULK_EVENTS_MAX]):
            if self.faults.full:
                break
            self.event(event, f"{place}/data/{number}", with_profile=False)
        return len(events)

    def event(self, value: Any, pointer: str, with_profile: bool) -> None:
        required = ("metric", "profile", "properties") if with_profile else ("metric", "properties")
        attributes = self.resource(
            value, pointer, "event", required, tuple(EVENT_ATTRIBUTES & self.revision.create_event_attributes)
        )
        if attributes is None:
            return
        inside = f"{pointer}/attributes"
        if with_profile:
            self.profile(attributes, inside)
        self.metric(attributes, inside)
        self.properties(attributes, inside)
        self.time(attributes.get("time"), f"{inside}/time")
        if attributes.get("value") is not None:
            check_number(attributes["value"], f"{inside}/value", self.faults)
        self.currency(attributes.get("value_currency"), f"{inside}/value_currency")
        if attributes.get("unique_id") is not None:
            check_text(attributes["unique_id"], f"{inside}/unique_id", self.faults, 1, UNIQUE_ID_CHARACTERS_MAX)
        self.check_backfill(attributes, inside)

    def profile(self, attributes: Mapping[str, Any], pointer: str) -> None:
        if "profile" in attributes:
            profile = self.data(attributes["profile"], f"{pointer}/profile")
            if profile is not UNSET:
                tolerate(profile)
                validate_profile(profile, f"{pointer}/profile/data", self.revision, self.faults)

    def metric(self, attributes: Mapping[str, Any], pointer: str) -> None:
        if "metric" not in attributes:
            return
        place = f"{pointer}/metric"
        metric = self.data(attributes["metric"], place)
        if metric is UNSET:
            return
        named = self.resource(metric, f"{place}/data", "metric", required=("name",), optional=("service",))
        if named is None:
            return
        inside = f"{place}/data/attributes"
        if "name" in named:
            check_text(named["name"], f"{inside}/name", self.faults, 1, METRIC_NAME_CHARACTERS_MAX)
        if named.get("service") is not None:
            check_text(named["service"], f"{inside}/service", self.faults, 1, SERVICE_NAME_CHARACTERS_MAX)

    def properties(self, attributes: Mapping[str, Any], pointer: str) -> None:
        if "properties" not in attributes:
            return
        properties, place = attributes["properties"], f"{pointer}/properties"
        if properties == []:
            # PHP's empty object.
            return
        if not isinstance(properties, dict):
            self.faults.add(place, f"Expected an object, got {shown(properties)}.")
            return
        most = self.revision.properties_max
        if len(properties) > most:
            self.faults.add(place, f"Expected at most {most} properties, got {len(properties)}.")
        check_json(properties, place, self.faults)

    def time(self, value: Any, pointer: str) -> None:
        if value is None:
            return
        seconds = parse_time(value) if isinstance(value, str) else None
        if seconds is None:
            self.faults.add(pointer, f"Expected {TIME_FORM}, got {shown(value)}.")
        elif not is_in_window(seconds, self.received_at, self.time_min):
            expected = (
                f"a time not before {self.revision.event_year_min}-01-01T00:00:00+00:00"
                if seconds < self.time_min
                else f"a time at most {EVENT_FUTURE_SECONDS_MAX // 86400} days ahead"
            )
            self.faults.add(pointer, f"Expected {expected}, got {shown(value)}.")

    def currency(self, value: Any, pointer: str) -> None:
        if value is not None and not (isinstance(value, str) and normal_currency(value)):
            self.faults.add(pointer, f"Expected an ISO 4217 currency code such as 'USD', got {shown(value)}.")

    def backfill(self) -> tuple[str, ...]:
        """The name of the member, if the revision has it. An event and an item may have it."""
        return tuple(self.revision.create_event_attributes & {"backfill"})

    def check_backfill(self, attributes: Mapping[str, Any], pointer: str) -> None:
        backfill = attributes.get("backfill")
        if backfill is not None and not isinstance(backfill, bool):
            self.faults.add(f"{pointer}/backfill", f"Expected true or false, got {shown(backfill)}.")

    def data(self, value: Any, pointer: str) -> Any:
        """The ``data`` of an object that holds nothing else; UNSET, and a fault, if there is none."""
        members = check_object(value, pointer, self.faults, required=("data",))
        return UNSET if members is None else members.get("data", UNSET)

    def resource(
        self, value: Any, pointer: str, type: str, required: tuple[str, ...], optional: tuple[str, ...] = ()
    ) -> dict[str, Any] | None:
        """The attributes of a resource of this type; None, and a fault, if there are none."""
        members = check_object(value, pointer, self.faults, required=("type", "attributes"))
        if members is None:
            return None
        # A resource of another type has other attributes.
        if not check_type(members, type, pointer, self.faults) or "attributes" not in members:
            return None
        return check_object(members["attributes"], f"{pointer}/attributes", self.faults, required, optional)

    def array(self, value: Any, pointer: str) -> list[Any] | None:
        """The elements of an array that is not empty; None, and a fault, for anything else."""
        if value is UNSET:
            return None
        if not isinstance(value, list):
            self.faults.add(pointer, f"Expected an array, got {shown(value)}.")
            return None
        if not value:
            self.faults.add(pointer, "Expected an array with at least one element, got an empty one.")
            return None
        return value

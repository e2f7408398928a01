"""The bodies of the jobs that change consent: parsed, checked, and made changes of single profiles."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, cast

from msgspec import UNSET, UnsetType

from eventkeep.limits import JOB_PROFILES_MAX
from eventkeep.model.consent import Channel
from eventkeep.model.consent_changes import ConsentChange, subscription, suppression, unsubscription
from eventkeep.model.identifiers import normal_email, normal_phone_number
from eventkeep.model.profile_write import ProfileWrite
from eventkeep.model.ulid import ULID_CHARACTERS, is_ulid
from eventkeep.protocol.consent.documents import (
    CHANNELS_NAMED_SINCE,
    CHANNELS_REQUIRED_SINCE,
    Channels,
    EndedChannels,
    GroupRelationships,
    ListRelationship,
    OldSubscribe,
    OldSubscriptions,
    Subscribe,
    Suppress,
    Unsubscribe,
    Unsuppress,
    has_member,
)
from eventkeep.protocol.creates.event_times import TIME_FORM, parse_time
from eventkeep.protocol.json_values import Faults, below, shown
from eventkeep.protocol.profiles.parsing import check_email, check_phone_number
from eventkeep.protocol.revisions import Revision
from eventkeep.protocol.shapes import Has, parse_body

MORE_PROFILES_SINCE: Final = "2024-07-15"
"""The first revision whose subscribe jobs hold SUBSCRIBED_PROFILES_MAX profiles."""
LIST_REQUIRED: Final = ("2023-09-15", "2023-10-15")
"""The revisions whose subscribe jobs have to name a list."""
PROFILES: Final = "/data/attributes/profiles/data"
SECOND: Final = 1_000_000

MEDIA: Final[dict[str, str]] = {"email": "email", "sms": "sms", "whatsapp": "whatsapp", "push": "mobile_push"}
"""The names in ``subscriptions`` of the channels of a request."""
ADDRESSED_BY: Final[dict[str, str]] = {"email": "email", "sms": "phone_number", "whatsapp": "phone_number"}
"""The identifier that a channel needs, unless the profile's id is given."""


def parse_subscribe(body: bytes, revision: Revision, now_us: int) -> list[ConsentChange]:
    """Parse a job that subscribes, at ``now_us`` in Unix microseconds.

    Raises InvalidRequest with every fault.
    """
    is_old = revision.date < CHANNELS_NAMED_SINCE

    def check(value: Any, faults: Faults) -> None:
        attributes = value["data"]["attributes"]
        profiles = attributes["profiles"]["data"]
        if revision.date < MORE_PROFILES_SINCE and len(profiles) > JOB_PROFILES_MAX:
            faults.add(PROFILES, f"Expected an array of at most {JOB_PROFILES_MAX} elements, got {len(profiles)}.")
        is_historical = attributes.get("historical_import") is True
        for number, profile in enumerate(profiles):
            if faults.full:
                return
            place = below(PROFILES, number)
            check_person(profile, place, faults)
            if revision.date >= CHANNELS_REQUIRED_SINCE and profile["attributes"].get("subscriptions") is None:
                faults.add(f"{place}/attributes/subscriptions", "The member 'subscriptions' is missing.")
            if not is_old:
                check_consent_times(profile, place, is_historical, now_us, faults)
        if revision.date in LIST_REQUIRED and list_of_json(value) is None:
            faults.add("/data/relationships", "The member 'relationships' is missing.")

    has = has_in(revision)
    document = parse_body(body, OldSubscribe, has, check) if is_old else parse_body(body, Subscribe, has, check)
    attributes = document.data.attributes
    list_id = list_of(document.data.relationships)
    return [
        subscription(
            person(profile.attributes.email, profile.attributes.phone_number, profile.id),
            channels_of(profile.attributes, now_us),
            now_us,
            custom_source=attributes.custom_source or None,
            list_id=list_id,
        )
        for profile in attributes.profiles.data
    ]


def parse_unsubscribe(body: bytes, revision: Revision, now_us: int) -> list[ConsentChange]:
    """Parse a job that unsubscribes. Raises InvalidRequest with every fault."""

    def check(value: Any, faults: Faults) -> None:
        for number, profile in enumerate(value["data"]["attributes"]["profiles"]["data"]):
            if faults.full:
                return
            place = below(PROFILES, number)
            check_person(profile, place, faults)
            if revision.date >= CHANNELS_REQUIRED_SINCE and profile["attributes"].get("subscriptions") is None:
                faults.add(f"{place}/attributes/subscriptions", "The member 'subscriptions' is missing.")

    document = parse_body(body, Unsubscribe, has_in(revision), check)
    list_id = list_of(document.data.relationships)
    return [
        unsubscription(
            person(profile.attributes.email, profile.attributes.phone_number),
            [channel for channel, _ in channels_of(profile.attributes, now_us)],
            now_us,
            list_id,
        )
        for profile in document.data.attributes.profiles.data
    ]


def parse_suppression(body: bytes, revision: Revision, now_us: int, *, is_suppressed: bool) -> list[ConsentChange]:
    """Parse a job that suppresses (``is_suppressed``) or ends that. Raises InvalidRequest with every fault.

    A list or a segment has no members here, so one changes nothing.
    """

    def check(value: Any, faults: Faults) -> None:
        profiles = value["data"]["attributes"].get("profiles")
        groups = group_names(value)
        if profiles is None and not groups:
            faults.add("/data/attributes/profiles", "Expected profiles, or a relationship to a list or a segment.")
        elif (profiles is not None) + len(groups) > 1:
            faults.add("/data/relationships", "Expected profiles or one list or one segment, got more of them.")
        for number, profile in enumerate((profiles or {}).get("data", ())):
            check_email(profile["attributes"]["email"], f"{PROFILES}/{number}/attributes/email", faults)

    has = has_in(revision)
    document = parse_body(body, Suppress, has, check) if is_suppressed else parse_body(body, Unsuppress, has, check)
    attributes = document.data.attributes
    if not attributes.profiles:
        return []
    emails = dict.fromkeys(normal_email(profile.attributes.email) for profile in attributes.profiles.data)
    return [suppression(email, is_suppressed, now_us) for email in emails if email is not None]


def has_in(revision: Revision) -> Has:
    """``has_member`` of one revision."""
    return lambda kind, name: has_member(revision, kind, name)


def check_person(profile: dict[str, Any], pointer: str, faults: Faults) -> None:
    """Faults of the profile that an item names, and of channels that need another identifier."""
    attributes = profile["attributes"]
    inside = f"{pointer}/attributes"
    if attributes.get("email") is not None:
        check_email(attributes["email"], f"{inside}/email", faults)
    if attributes.get("phone_number") is not None:
        check_phone_number(attributes["phone_number"], f"{inside}/phone_number", faults)
    profile_id = profile.get("id")
    if profile_id is not None and not is_ulid(profile_id):
        expected = f"a profile id, a ULID of {ULID_CHARACTERS} characters"
        faults.add(f"{pointer}/id", f"Expected {expected}, got {shown(profile_id)}.")
    push = (attributes.get("subscriptions") or {}).get("push") or {}
    if profile_id is None and not push.get("anonymous_id"):
        check_addresses(attributes, inside, faults)


def check_addresses(attributes: dict[str, Any], pointer: str, faults: Faults) -> None:
    """A fault if nobody is named, and for each channel whose address is missing."""
    if attributes.get("email") is None and attributes.get("phone_number") is None:
        faults.add(pointer, "Expected an email or a phone_number; got none.")
        return
    for channel, given in (attributes.get("subscriptions") or {}).items():
        identifier = ADDRESSED_BY.get(channel)
        if given and identifier is not None and attributes.get(identifier) is None:
            faults.add(f"{pointer}/{identifier}", f"The channel {channel!r} needs the member {identifier!r}.")


def check_consent_times(
    profile: dict[str, Any], pointer: str, is_historical: bool, now_us: int, faults: Faults
) -> None:
    """Faults of each ``consented_at``: a historical import needs one in the past, anything else may have none."""
    for channel, kinds in (profile["attributes"].get("subscriptions") or {}).items():
        for kind, given in (kinds or {}).items():
            if not isinstance(given, dict) or kind in ("open_tracking", "click_tracking"):
                continue
            place = f"{pointer}/attributes/subscriptions/{channel}/{kind}/consented_at"
            text = given.get("consented_at")
            seconds = None if text is None else parse_time(text)
            if text is not None and not is_historical:
                faults.add(place, "Expected no 'consented_at' without 'historical_import'.")
            elif text is not None and seconds is None:
                faults.add(place, f"Expected {TIME_FORM}, got {shown(text)}.")
            elif is_historical and (seconds is None or seconds * SECOND > now_us):
                faults.add(place, "Expected a 'consented_at' in the past, since 'historical_import' is true.")


def channels_of(attributes: Any, now_us: int) -> list[tuple[Channel, int]]:
    """The channels that are named, each with the time of its consent; marketing by every address if none is."""
    named = getattr(attributes, "subscriptions", UNSET)
    if isinstance(named, OldSubscriptions):
        media = [medium for medium in ("email", "sms") if getattr(named, medium)]
    elif isinstance(named, Channels | EndedChannels):
        return list(_named_channels(named, now_us))
    else:
        media = [medium for medium in ("email", "sms") if getattr(attributes, ADDRESSED_BY[medium])]
    return [(cast(Channel, f"{medium}.marketing"), now_us) for medium in media]


def _named_channels(named: Channels | EndedChannels, now_us: int) -> Iterator[tuple[Channel, int]]:
    for medium, name in MEDIA.items():
        channel = getattr(named, medium)
        for kind in channel.__struct_fields__ if channel else ():
            consent = getattr(channel, kind)
            if not hasattr(consent, "consent"):
                continue
            text = getattr(consent, "consented_at", None)
            seconds = parse_time(text) if isinstance(text, str) else None
            yield cast(Channel, f"{name}.{kind}"), now_us if seconds is None else seconds * SECOND


def person(
    email: str | UnsetType | None, phone_number: str | UnsetType | None, profile_id: str | UnsetType | None = None
) -> ProfileWrite:
    """A write that names a profile, and changes nothing."""
    return ProfileWrite(
        id=profile_id or None,
        email=normal_email(email) if email else None,
        phone_number=normal_phone_number(phone_number) if phone_number else None,
    )


def list_of(relationships: ListRelationship | GroupRelationships | UnsetType) -> str | None:
    """The id of the list that is named, if one is."""
    if relationships is UNSET or relationships.list is UNSET or relationships.list.data is UNSET:
        return None
    return relationships.list.data.id


def list_of_json(value: Any) -> str | None:
    """The same of parsed JSON."""
    named: str | None = value["data"].get("relationships", {}).get("list", {}).get("data", {}).get("id")
    return named


def group_names(value: Any) -> list[str]:
    """Which of list and segment are named."""
    relationships = value["data"].get("relationships", {})
    return [name for name in ("list", "segment") if relationships.get(name, {}).get("data") is not None]

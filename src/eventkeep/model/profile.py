"""Profiles, and the result of a write to one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from eventkeep.model.consent import NOTHING, Consent, joined
from eventkeep.model.profile_write import ProfileWrite

IDENTIFIER_KINDS: Final = ("external_id", "email", "phone_number", "anonymous_id", "kx")
"""The identifiers that find a profile, in order of priority; a profile's ``id`` goes before them all."""

EMPTY: Final[dict[str, Any]] = {}
"""The location and the properties of a new profile. No object of its own for each: the collector looks at all."""

_encode = msgspec.json.Encoder().encode


class Profile(msgspec.Struct, kw_only=True, gc=False):
    """One profile's state, as the directory keeps it. Never changed in place: a change makes another.

    ``number`` is the directory's own, ``id`` the public ULID. A profile may own several
    identifiers of a kind; of its emails, phone numbers and external ids the attribute
    shows the one that was added last, of its anonymous ids the first. ``location`` has
    only members that are set. ``created`` and ``updated`` are Unix microseconds.
    """

    number: int
    id: str
    account: int
    email: str | None = None
    phone_number: str | None = None
    external_id: str | None = None
    anonymous_id: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    organization: str | None = None
    locale: str | None = None
    title: str | None = None
    image: str | None = None
    location: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    consent: Consent = NOTHING
    created: int
    updated: int


class StoredProfile(NamedTuple):
    """The attributes of a profile as the directory stores them; location and properties are JSON objects."""

    id: str
    external_id: str | None
    email: str | None
    phone_number: str | None
    anonymous_id: str | None
    first_name: str | None
    last_name: str | None
    organization: str | None
    locale: str | None
    title: str | None
    image: str | None
    location: str
    properties: str


def merged(profile: Profile, write: ProfileWrite, now_us: int) -> Profile:
    """The profile after a write of its attributes, location and properties; the same object if nothing changes.

    Identifiers are not its business (see ``eventkeep.model.identity_resolution``). Merging the same
    write again changes nothing. Rules: a given attribute overwrites and null clears it;
    properties merge key by key, a null among them is stored; then values are appended,
    unappended, and keys unset; a statement joins what the consent says. ``updated`` becomes
    ``now_us``, in Unix microseconds, if anything changed.
    """
    changes: dict[str, Any] = {
        name: value for name, value in write.attributes.items() if getattr(profile, name) != value
    }
    if write.location or write.clears_location:
        location = merged_location(profile.location, write)
        if not same_json(location, profile.location):
            changes["location"] = location
    if write.properties or write.append or write.unappend or write.unset:
        properties = merged_properties(profile.properties, write)
        if not same_json(properties, profile.properties):
            changes["properties"] = properties
    if write.consent is not None:
        consent = joined(profile.consent, write.consent)
        if consent is not profile.consent:
            changes["consent"] = consent
    if not changes:
        return profile
    return msgspec.structs.replace(profile, **changes, updated=now_us)


def merged_location(location: dict[str, Any], write: ProfileWrite) -> dict[str, Any]:
    """The location after a write: given members overwrite, a null clears one, a null for all clears all."""
    if write.clears_location:
        return {}
    if not write.location:
        return location
    both = location | write.location
    return {name: value for name, value in both.items() if value is not None}


def merged_properties(properties: Mapping[str, Any], write: ProfileWrite) -> dict[str, Any]:
    """The properties after a write and its patches, as a new object."""
    result = {**properties, **(write.properties or {})}
    for key, given in (write.append or {}).items():
        result[key] = appended(result.get(key), given)
    for key, given in (write.unappend or {}).items():
        if isinstance(result.get(key), list):
            result[key] = unappended(result[key], given)
    for key in write.unset:
        result.pop(key, None)
    return result


def appended(old: Any, given: Any) -> list[Any]:
    """``old`` as an array, with the value or values of ``given`` that it lacks at its end."""
    array = [] if old is None else [*old] if isinstance(old, list) else [old]
    present = simple_values(array)
    for value in given if isinstance(given, list) else [given]:
        if (mark := _mark(value)) not in present:
            present.add(mark)
            array.append(value)
    return array


def unappended(array: Iterable[Any], given: Any) -> list[Any]:
    """``array`` without the value or values of ``given``."""
    gone = simple_values(given if isinstance(given, list) else [given])
    return [value for value in array if isinstance(value, list | dict) or _mark(value) not in gone]


def simple_values(values: Iterable[Any]) -> set[tuple[bool, Any]]:
    """The strings, numbers and booleans among the values, each so that equal ones are equal in JSON."""
    return {_mark(value) for value in values if not isinstance(value, list | dict)}


def _mark(value: Any) -> tuple[bool, Any]:
    # In Python True equals 1; in JSON it does not.
    return isinstance(value, bool), value


def same_json(one: Any, other: Any) -> bool:
    """Whether two JSON values are the same as text, also in the order of their members."""
    return one is other or _encode(one) == _encode(other)

"""The validation of a profile in a create body: every fault, with its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from eventkeep.limits import (
    EMAIL_CHARACTERS_MAX,
    IDENTIFIER_CHARACTERS_MAX,
    PROFILE_ATTRIBUTE_CHARACTERS_MAX,
)
from eventkeep.model.identifiers import normal_email, normal_phone_number
from eventkeep.model.ulid import ULID_CHARACTERS, is_ulid
from eventkeep.protocol.creates.documents import Location
from eventkeep.protocol.creates.profile_writes import PLAIN_ATTRIBUTES
from eventkeep.protocol.json_values import (
    Faults,
    below,
    check_bytes,
    check_characters,
    check_elements,
    check_json,
    check_number,
    check_object,
    check_repeats,
    check_text,
    shown,
)
from eventkeep.protocol.revisions import Revision

OPAQUE_IDENTIFIERS: Final = ("external_id", "anonymous_id", "_kx")
IDENTIFIERS: Final = ("external_id", "email", "phone_number", "anonymous_id", "_kx")
COORDINATES: Final = ("latitude", "longitude")


def validate_profile(value: Any, pointer: str, revision: Revision, faults: Faults) -> None:
    """Faults of a profile: an object with ``type``, ``attributes`` and perhaps ``id`` and ``meta``."""
    profile = check_object(value, pointer, faults, required=("type", "attributes"), optional=("id", "meta"))
    if profile is None or not check_type(profile, "profile", pointer, faults):
        return
    attributes: dict[str, Any] | None = None
    inside = below(pointer, "attributes")
    if "attributes" in profile:
        attributes = check_object(
            profile["attributes"], inside, faults, optional=revision.create_profile_attributes | {"meta"}
        )
    validate_identifiers(profile.get("id"), attributes, pointer, revision, faults)
    if attributes is not None:
        validate_attributes(attributes, inside, faults)
    metas = [
        (meta, f"{place}/meta")
        for meta, place in ((profile.get("meta"), pointer), ((attributes or {}).get("meta"), inside))
        if meta is not None
    ]
    if len(metas) > 1:
        faults.add(metas[1][1], "Expected 'meta' beside the attributes or inside them, got both.")
    for meta, place in metas:
        validate_meta(meta, place, faults)


def check_type(resource: Mapping[str, Any], expected: str, pointer: str, faults: Faults) -> bool:
    """Whether the resource has this ``type`` or none. Another one is a fault."""
    if "type" in resource and resource["type"] != expected:
        faults.add(below(pointer, "type"), f"Expected the string {expected!r}, got {shown(resource['type'])}.")
        return False
    return True


def validate_identifiers(
    id: Any, attributes: Mapping[str, Any] | None, pointer: str, revision: Revision, faults: Faults
) -> None:
    """Faults of the identifiers; having none is one."""
    given = attributes or {}
    inside = below(pointer, "attributes")
    if id is not None:
        text = check_text(id, below(pointer, "id"), faults)
        if text is not None and not is_ulid(text):
            faults.add(
                below(pointer, "id"),
                f"Expected a profile id, a ULID of {ULID_CHARACTERS} characters, got {shown(text)}.",
            )
    if given.get("email") is not None:
        place = below(inside, "email")
        text = check_text(given["email"], place, faults)
        if text is not None and normal_email(text) is None:
            faults.add(
                place,
                f"Expected an email address of at most {EMAIL_CHARACTERS_MAX} characters such as "
                f"'sarah@example.org', got {shown(text)}.",
            )
    for name in OPAQUE_IDENTIFIERS:
        if given.get(name) is not None:
            check_text(given[name], below(inside, name), faults, least=1, most=IDENTIFIER_CHARACTERS_MAX)
    others = id is not None or any(given.get(name) is not None for name in IDENTIFIERS if name != "phone_number")
    phone_number = given.get("phone_number")
    if phone_number is not None:
        place = below(inside, "phone_number")
        text = check_text(phone_number, place, faults)
        # Beside another identifier, a phone number that can't be used is ignored.
        if text is not None and not others and normal_phone_number(text) is None:
            faults.add(place, f"Expected a phone number in E.164 form such as '+15005550006', got {shown(text)}.")
    elif not others and attributes is not None:
        names = [name for name in IDENTIFIERS if name in revision.create_profile_attributes]
        faults.add(inside, f"Expected an identifier of the profile: its id, or one of {', '.join(names)}; got none.")


def validate_attributes(attributes: Mapping[str, Any], pointer: str, faults: Faults) -> None:
    """Faults of the attributes that are not identifiers."""
    for name in PLAIN_ATTRIBUTES:
        if attributes.get(name) is not None:
            check_text(attributes[name], below(pointer, name), faults, most=PROFILE_ATTRIBUTE_CHARACTERS_MAX)
    if attributes.get("location") is not None:
        validate_location(attributes["location"], below(pointer, "location"), faults)
    properties = attributes.get("properties")
    if isinstance(properties, dict):
        check_json(properties, below(pointer, "properties"), faults)
    elif properties is not None:
        faults.add(below(pointer, "properties"), f"Expected an object, got {shown(properties)}.")


def validate_location(value: Any, pointer: str, faults: Faults) -> None:
    location = check_object(value, pointer, faults, optional=Location.__struct_fields__)
    for name, member in (location or {}).items():
        place = below(pointer, name)
        if member is None:
            continue
        if name in COORDINATES and not isinstance(member, str):
            check_number(member, place, faults)
        else:
            check_text(member, place, faults, most=PROFILE_ATTRIBUTE_CHARACTERS_MAX)


def validate_meta(value: Any, pointer: str, faults: Faults) -> None:
    """Faults of ``meta``: an object whose ``patch_properties`` append, unappend and unset."""
    meta = check_object(value, pointer, faults, optional=("patch_properties",))
    if meta is None or meta.get("patch_properties") is None:
        return
    inside = below(pointer, "patch_properties")
    patch = check_object(meta["patch_properties"], inside, faults, optional=("append", "unappend", "unset"))
    for name, operation in (patch or {}).items():
        if operation is None:
            continue
        if name == "unset":
            validate_unset(operation, below(inside, name), faults)
        else:
            validate_values(operation, below(inside, name), faults)


def validate_values(value: Any, pointer: str, faults: Faults) -> None:
    """Faults of ``append`` and ``unappend``: keys with a simple value or an array of simple values."""
    if not isinstance(value, dict):
        faults.add(pointer, f"Expected an object, got {shown(value)}.")
        return
    check_repeats(value, pointer, faults)
    for key, given in value.items():
        if faults.full:
            return
        place = below(pointer, key)
        if check_characters(key, place, faults):
            check_bytes(key, pointer, faults)
        if not isinstance(given, list):
            validate_simple(given, place, faults)
        elif check_elements(given, place, faults):
            for number, element in enumerate(given):
                validate_simple(element, below(place, number), faults)


def validate_simple(value: Any, pointer: str, faults: Faults) -> None:
    if value is None or isinstance(value, dict | list):
        faults.add(pointer, f"Expected a string, a number or a boolean, got {shown(value)}.")
    else:
        check_json(value, pointer, faults)


def validate_unset(value: Any, pointer: str, faults: Faults) -> None:
    """Faults of ``unset``: a key or an array of keys."""
    if isinstance(value, list):
        for place, key in enumerate(value):
            if faults.full:
                return
            text = check_text(key, below(pointer, place), faults)
            if text is not None:
                check_bytes(text, below(pointer, place), faults)
    elif isinstance(value, str):
        if check_characters(value, pointer, faults):
            check_bytes(value, pointer, faults)
    else:
        faults.add(pointer, f"Expected a key or an array of keys, got {shown(value)}.")

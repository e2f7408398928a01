"""The bodies of the operations that write single profiles: parsed, checked, and made edits.

The hosted service refuses an invalid phone number here, unlike with an event; so does eventkeep.
An ``external_id`` may be sent as an integer and ``properties`` as the empty array that PHP makes
of an empty object: programs in use do both.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import UNSET, UnsetType

from eventkeep.errors import Fault, PayloadTooLarge
from eventkeep.limits import EMAIL_CHARACTERS_MAX, PROFILE_PAYLOAD_BYTES_MAX
from eventkeep.model.identifiers import normal_email, normal_phone_number
from eventkeep.model.profile_edits import CreateProfile, ImportProfile, MergeProfiles, UpdateProfile
from eventkeep.model.profile_write import ProfileWrite
from eventkeep.model.ulid import ULID_CHARACTERS, is_ulid
from eventkeep.protocol.creates.documents import Location, PatchProperties
from eventkeep.protocol.creates.tolerance import tolerate
from eventkeep.protocol.json_values import Faults, below, shown
from eventkeep.protocol.profiles.documents import (
    CreateAttributes,
    Emails,
    ImportedProfile,
    PatchIdentifiers,
    ProfileCreate,
    ProfileImport,
    ProfileMergeCreate,
    ProfileMeta,
    ProfileUpdate,
    has_member,
)
from eventkeep.protocol.revisions import Revision
from eventkeep.protocol.shapes import Has, parse_body

PLAIN_ATTRIBUTES: Final = ("first_name", "last_name", "organization", "locale", "title", "image")
CLEARABLE: Final = ("email", "phone_number", "external_id", "anonymous_id")
"""The identifiers that an update clears if they are null."""
PLACE: Final = "/data"


def parse_create(body: bytes, revision: Revision) -> CreateProfile:
    """Parse the body of POST /api/profiles/. Raises InvalidRequest with every fault, PayloadTooLarge."""
    check_size(body)

    def check(value: Any, faults: Faults) -> None:
        check_profile(value["data"], PLACE, faults)
        if not faults.found:
            check_is_named(value["data"], PLACE, faults, ("email", "phone_number", "external_id"))

    document = parse_body(body, ProfileCreate, has_in(revision), check, prepare=tolerate_data)
    return CreateProfile(profile_write(document.data.attributes))


def parse_update(body: bytes, revision: Revision, profile_id: str) -> UpdateProfile:
    """Parse the body of PATCH /api/profiles/{id}/; ``profile_id`` is the path's. Raises as ``parse_create``."""
    check_size(body)

    def check(value: Any, faults: Faults) -> None:
        check_profile(value["data"], PLACE, faults)
        if value["data"]["id"] != profile_id:
            faults.add(
                f"{PLACE}/id", f"Expected the id in the path, {shown(profile_id)}, got {shown(value['data']['id'])}."
            )

    changed = parse_body(body, ProfileUpdate, has_in(revision), check, prepare=tolerate_data).data
    cleared = tuple(kind for kind in CLEARABLE if getattr(changed.attributes, kind) is None)
    return UpdateProfile(profile_id, profile_write(changed.attributes, changed.meta), cleared)


def parse_import(body: bytes, revision: Revision) -> ImportProfile:
    """Parse the body of POST /api/profile-import/. Raises as ``parse_create``."""
    check_size(body)

    def check(value: Any, faults: Faults) -> None:
        check_imported(value["data"], PLACE, faults)

    return imported(parse_body(body, ProfileImport, has_in(revision), check, prepare=tolerate_data).data)


def parse_merge(body: bytes, revision: Revision) -> MergeProfiles:
    """Parse the body of POST /api/profile-merge/. Raises InvalidRequest with every fault."""
    document = parse_body(body, ProfileMergeCreate, has_in(revision), lambda _value, _faults: None)
    (source,) = document.data.relationships.profiles.data
    return MergeProfiles(document.data.id, source.id)


def tolerate_data(value: Any) -> None:
    """``tolerate`` of the profile that a body has in ``data``."""
    tolerate(value.get("data") if isinstance(value, dict) else None)


def has_in(revision: Revision) -> Has:
    """``has_member`` of one revision."""
    return lambda kind, name: has_member(revision, kind, name)


def check_size(body: bytes) -> None:
    """Raises PayloadTooLarge past PROFILE_PAYLOAD_BYTES_MAX bytes."""
    if len(body) > PROFILE_PAYLOAD_BYTES_MAX:
        detail = f"The body of a profile holds at most {PROFILE_PAYLOAD_BYTES_MAX} bytes, not {len(body)}."
        raise PayloadTooLarge([Fault(detail, PLACE)])


def check_imported(profile: dict[str, Any], pointer: str, faults: Faults) -> None:
    """Faults of the values of a profile to import; its shape is right."""
    check_profile(profile, pointer, faults)
    profile_id = profile.get("id")
    if profile_id is not None and not is_ulid(profile_id):
        expected = f"a profile id, a ULID of {ULID_CHARACTERS} characters"
        faults.add(below(pointer, "id"), f"Expected {expected}, got {shown(profile_id)}.")
    elif profile_id is None:
        names = ("email", "phone_number", "external_id", "anonymous_id", "_kx")
        check_is_named(profile, pointer, faults, names)


def check_is_named(profile: dict[str, Any], pointer: str, faults: Faults, names: tuple[str, ...]) -> None:
    """A fault if the profile has none of these identifiers."""
    attributes = profile["attributes"]
    if not any(attributes.get(name) is not None for name in names):
        expected = f"an identifier of the profile, one of {', '.join(names)}"
        faults.add(below(pointer, "attributes"), f"Expected {expected}; got none.")


def check_profile(profile: dict[str, Any], pointer: str, faults: Faults) -> None:
    """Faults of the identifiers of a profile whose shape is right."""
    attributes = profile["attributes"]
    inside = below(pointer, "attributes")
    if attributes.get("email") is not None:
        check_email(attributes["email"], below(inside, "email"), faults)
    if attributes.get("phone_number") is not None:
        check_phone_number(attributes["phone_number"], below(inside, "phone_number"), faults)
    meta, place_of_meta = profile.get("meta") or {}, pointer
    if not meta and attributes.get("meta"):
        meta, place_of_meta = attributes["meta"], inside
    patch = meta.get("patch_identifiers") or {}
    for operation, place in ((name, f"{place_of_meta}/meta/patch_identifiers/{name}/email") for name in patch):
        emails = (patch[operation] or {}).get("email")
        if isinstance(emails, list):
            for number, email in enumerate(emails):
                check_email(email, below(place, number), faults)
        elif emails is not None:
            check_email(emails, place, faults)


def check_email(email: str, pointer: str, faults: Faults) -> None:
    if normal_email(email) is None:
        expected = f"an email address of at most {EMAIL_CHARACTERS_MAX} characters such as 'sarah@example.org'"
        faults.add(pointer, f"Expected {expected}, got {shown(email)}.")


def check_phone_number(number: str, pointer: str, faults: Faults) -> None:
    if normal_phone_number(number) is None:
        faults.add(pointer, f"Expected a phone number in E.164 form such as '+15005550006', got {shown(number)}.")


def imported(profile: ImportedProfile) -> ImportProfile:
    """The edit that imports a profile without faults."""
    write = profile_write(profile.attributes, profile.meta or profile.attributes.meta)
    write.id = profile.id or None
    return ImportProfile(write)


def profile_write(attributes: CreateAttributes, meta: ProfileMeta | UnsetType = UNSET) -> ProfileWrite:
    """The write of a profile without faults."""
    write = ProfileWrite(
        external_id=attributes.external_id or None,
        email=normal_email(attributes.email) if attributes.email else None,
        phone_number=normal_phone_number(attributes.phone_number) if attributes.phone_number else None,
        anonymous_id=getattr(attributes, "anonymous_id", None) or None,
        kx=getattr(attributes, "kx", None) or None,
        attributes={name: value for name in PLAIN_ATTRIBUTES if (value := getattr(attributes, name)) is not UNSET},
        properties=attributes.properties or None,
    )
    if attributes.location is None:
        write.clears_location = True
    elif attributes.location is not UNSET:
        write.location = location_members(attributes.location)
    if meta is not UNSET:
        set_patches(write, meta)
    return write


def location_members(location: Location) -> dict[str, object]:
    """The members that were given, also those that are null."""
    return {name: value for name in location.__struct_fields__ if (value := getattr(location, name)) is not UNSET}


def set_patches(write: ProfileWrite, meta: ProfileMeta) -> None:
    """Put the patches of properties and identifiers into the write."""
    if isinstance(meta.patch_properties, PatchProperties):
        patch = meta.patch_properties
        write.append, write.unappend = patch.append or None, patch.unappend or None
        write.unset = (patch.unset,) if isinstance(patch.unset, str) else tuple(patch.unset or ())
    if isinstance(meta.patch_identifiers, PatchIdentifiers):
        identifiers = meta.patch_identifiers
        write.added_emails = emails_of(identifiers.append.email) if identifiers.append else ()
        write.removed_emails = emails_of(identifiers.unappend.email) if identifiers.unappend else ()


def emails_of(emails: Emails) -> tuple[str, ...]:
    """One address or several, in normal form."""
    given = [emails] if isinstance(emails, str) else emails or []
    return tuple(email for each in given if (email := normal_email(each)) is not None)

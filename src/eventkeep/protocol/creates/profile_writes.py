"""From a profile as a create body names it to what is to be written.

None stands for "not so simple", as in ``eventkeep.protocol.creates.submissions``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import UNSET

from eventkeep.limits import PROFILE_BYTES_REMEMBERED_MAX, PROFILES_REMEMBERED_MAX, PROPERTY_STRING_BYTES_MAX
from eventkeep.model.identifiers import normal_email, normal_phone_number
from eventkeep.model.submission import NamedProfiles, ProfileWrite
from eventkeep.model.ulid import is_ulid
from eventkeep.protocol.creates.documents import Data, Location, PatchProperties, Profile, ProfileAttributes
from eventkeep.protocol.raw_json import count_keys, strings_fit
from eventkeep.protocol.revisions import Revision

PLAIN_ATTRIBUTES: Final = ("first_name", "last_name", "organization", "locale", "title", "image")
"""The attributes of a profile that overwrite, stay or clear."""
PROFILE_ATTRIBUTES: Final = frozenset(ProfileAttributes.__struct_encode_fields__)
"""All attributes that any revision knows, by their names on the wire."""
FIELDS_BY_WIRE_NAME: Final = dict(
    zip(ProfileAttributes.__struct_encode_fields__, ProfileAttributes.__struct_fields__, strict=True)
)
# What msgspec raises for bytes that are no JSON, no UTF-8, of another shape, or nested past all measure.
NOT_DECODED: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_ONLY_AN_EMAIL: Final = re.compile(
    rb'\{ *"data": *\{ *"type": *"profile", *"attributes": *\{ *"email": *"([^"\\\x00-\x1f\x7f-\xff]+)" *\} *\} *\}'
)
"""What most profiles look like. So short a document has no room for anything that would have to be looked at."""

_decode = msgspec.json.Decoder(Data[Profile]).decode
_encode = msgspec.json.Encoder().encode


def quick_writes(profiles: Sequence[bytes], revision: Revision) -> list[ProfileWrite] | None:
    """What is said of each profile, given as raw JSON with the member ``data``; None where one needs a closer look."""
    allowed = revision.create_profile_attributes
    writes: list[ProfileWrite] = []
    for raw in profiles:
        write = quick_write(raw, allowed)
        if write is None:
            return None
        writes.append(write)
    return writes


def quick_write(raw: bytes, allowed: frozenset[str]) -> ProfileWrite | None:
    """The same of one profile, of which the revision allows these attributes."""
    return remembered_write(raw, allowed) if len(raw) <= PROFILE_BYTES_REMEMBERED_MAX else read_write(raw, allowed)


def named_profiles(writes: Sequence[ProfileWrite]) -> NamedProfiles | None:
    """The profiles by their names, where the writes say nothing else and all name them by one kind; else None."""
    soles = [only_identifier for write in writes if (only_identifier := write.only_identifier) is not None]
    if not soles or len(soles) < len(writes):
        return None
    kind, _ = soles[0]
    values = [value for own_kind, value in soles if own_kind == kind]
    return NamedProfiles(kind, values) if len(values) == len(writes) else None


def checked_writes(profiles: Sequence[bytes], revision: Revision) -> list[ProfileWrite] | None:
    """The same of profiles that the closer look has found nothing wrong with. Raises NOT_DECODED."""
    writes = [
        profile_write(_decode(raw).data, forbidden_fields(revision.create_profile_attributes)) for raw in profiles
    ]
    return None if None in writes else [write for write in writes if write is not None]


def read_write(raw: bytes, allowed: frozenset[str]) -> ProfileWrite | None:
    """What is said of the profile in ``raw``. It is not to be changed: it may be handed out again."""
    if (match := _ONLY_AN_EMAIL.fullmatch(raw)) is not None:
        email = normal_email(match[1].decode())
        return None if email is None else ProfileWrite(email=email, only_identifier=("email", email))
    try:
        document = _decode(raw)
    except NOT_DECODED:
        return None
    # Encoded again, the profile has fewer keys than its bytes had if one was repeated.
    keys = count_keys(raw)
    if keys is None or keys != count_keys(_encode(document)):
        return None
    if len(raw) > PROPERTY_STRING_BYTES_MAX and not strings_fit([msgspec.to_builtins(document)]):
        return None
    return profile_write(document.data, forbidden_fields(allowed))


remembered_write = lru_cache(PROFILES_REMEMBERED_MAX)(read_write)
"""``read_write`` with a bounded memory: most profiles come again in the same bytes."""


@lru_cache
def forbidden_fields(allowed: frozenset[str]) -> tuple[str, ...]:
    """The fields that other revisions know and this one lacks; ``meta`` is taken in all of them."""
    return tuple(FIELDS_BY_WIRE_NAME[name] for name in PROFILE_ATTRIBUTES - allowed - {"meta"})


def profile_write(profile: Profile, forbidden: Sequence[str]) -> ProfileWrite | None:
    """What is said of one profile. ``forbidden`` names the fields that the revision lacks."""
    given = profile.attributes
    for name in forbidden:
        if getattr(given, name) is not UNSET:
            return None
    write = ProfileWrite(
        external_id=given.external_id or None,
        anonymous_id=given.anonymous_id or None,
        kx=given.kx or None,
    )
    if given.email is not UNSET and given.email is not None:
        write.email = normal_email(given.email)
        if write.email is None:
            return None
    if profile.id is not UNSET and profile.id is not None:
        if not is_ulid(profile.id):
            return None
        write.id = profile.id
    if given.phone_number is not UNSET and given.phone_number is not None:
        write.phone_number = normal_phone_number(given.phone_number)
        if write.phone_number is None:
            write.ignored = ("phone_number",)
    if not (write.email or write.external_id or write.id or write.phone_number or write.anonymous_id or write.kx):
        return None
    if (profile.meta or not only_identifies(given)) and not set_changes(write, profile):
        return None
    write.only_identifier = write.find_only_identifier()
    return write


def only_identifies(given: ProfileAttributes) -> bool:
    """Whether nothing is given but identifiers, as of most profiles. In full, because it is asked of each."""
    return (
        given.first_name is UNSET
        and given.last_name is UNSET
        and given.properties is UNSET
        and given.location is UNSET
        and given.organization is UNSET
        and given.locale is UNSET
        and given.title is UNSET
        and given.image is UNSET
        and given.meta is UNSET
    )


def set_changes(write: ProfileWrite, profile: Profile) -> bool:
    """Put what is to change besides identifiers into the write; False where it can't be told."""
    given = profile.attributes
    write.attributes = {name: value for name in PLAIN_ATTRIBUTES if (value := getattr(given, name)) is not UNSET}
    write.properties = given.properties or None
    if given.location is None:
        write.clears_location = True
    elif given.location is not UNSET:
        write.location = location_members(given.location)
    if profile.meta and given.meta:
        return False
    meta = profile.meta or given.meta
    if meta and meta.patch_properties:
        set_operations(write, meta.patch_properties)
    return True


def location_members(location: Location) -> dict[str, object]:
    """The members that were given, also those that are null."""
    return {name: value for name in location.__struct_fields__ if (value := getattr(location, name)) is not UNSET}


def set_operations(write: ProfileWrite, patch: PatchProperties) -> None:
    write.append = patch.append or None
    write.unappend = patch.unappend or None
    if isinstance(patch.unset, str):
        write.unset = (patch.unset,)
    elif patch.unset:
        write.unset = tuple(patch.unset)

"""From a profile in a create body to the write that it asks for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import repeat
from typing import Final

import msgspec
from msgspec import UNSET

from eventkeep.limits import PROFILE_BYTES_REMEMBERED_MAX, PROFILES_REMEMBERED_MAX
from eventkeep.model.identifiers import normal_email, normal_phone_number
from eventkeep.model.profile_write import ProfileWrite
from eventkeep.model.ulid import is_ulid
from eventkeep.protocol.creates.documents import Data, Location, PatchProperties, Profile, ProfileAttributes
from eventkeep.protocol.creates.tolerance import tolerated_profile

PLAIN_ATTRIBUTES: Final = ("first_name", "last_name", "organization", "locale", "title", "image")
"""The attributes of a profile that are texts and no identifiers."""
PROFILE_ATTRIBUTES: Final = frozenset(ProfileAttributes.__struct_encode_fields__)
"""All attributes that any revision knows, by their names on the wire."""
FIELDS_BY_WIRE_NAME: Final = dict(
    zip(ProfileAttributes.__struct_encode_fields__, ProfileAttributes.__struct_fields__, strict=True)
)
NOT_DECODED: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""The errors of msgspec for bytes that are not JSON, not UTF-8, of another shape, or nested too deep."""

DIGEST_BYTES: Final = 16

_ONLY_AN_EMAIL: Final = re.compile(
    rb'\{ *"data": *\{ *"type": *"profile", *"attributes": *\{ *"email": *"([^"\\\x00-\x1f\x7f-\xff]+)" *\} *\} *\}'
)
"""Most profiles. Decoding one takes three times as long as matching it."""

_decode = msgspec.json.Decoder(Data[Profile]).decode


def find_profile_writes(raws: Sequence[bytes], allowed: frozenset[str]) -> list[ProfileWrite | None]:
    """The writes of profiles, each given as valid JSON without repeated keys; None for one that needs full validation.

    ``allowed`` are the attributes that the revision has. A write may be handed out again, and must not be changed.
    """
    if max(map(len, raws), default=0) <= PROFILE_BYTES_REMEMBERED_MAX:
        return list(map(_remembered, raws, repeat(allowed)))
    return [(_remembered if len(raw) <= PROFILE_BYTES_REMEMBERED_MAX else _find)(raw, allowed) for raw in raws]


def profile_write(raw: bytes, allowed: frozenset[str]) -> ProfileWrite | None:
    """The write of a profile, given as JSON; None if it breaks a rule. Raises NOT_DECODED."""
    if (match := _ONLY_AN_EMAIL.fullmatch(raw)) is not None:
        email = normal_email(match[1].decode())
        return None if email is None else ProfileWrite(email=email, only_identifier=("email", email))
    write = _write_of(_decode(raw).data, forbidden_fields(allowed))
    if write is not None and write.only_identifier is None:
        write.digest = blake2b(raw, digest_size=DIGEST_BYTES).digest()
    return write


def _find(raw: bytes, allowed: frozenset[str]) -> ProfileWrite | None:
    try:
        return profile_write(raw, allowed)
    except NOT_DECODED:
        return _find_tolerated(raw, allowed)


def _find_tolerated(raw: bytes, allowed: frozenset[str]) -> ProfileWrite | None:
    try:
        tolerated = tolerated_profile(raw)
        return None if tolerated is raw else profile_write(tolerated, allowed)
    except NOT_DECODED:
        return None


# Most profiles come again in the same bytes.
_remembered = lru_cache(PROFILES_REMEMBERED_MAX)(_find)


@lru_cache
def forbidden_fields(allowed: frozenset[str]) -> tuple[str, ...]:
    """The fields that other revisions have and this one lacks; all of them accept ``meta``."""
    return tuple(FIELDS_BY_WIRE_NAME[name] for name in PROFILE_ATTRIBUTES - allowed - {"meta"})


def _write_of(profile: Profile, forbidden: Sequence[str]) -> ProfileWrite | None:
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
    """Whether nothing is given but identifiers. Written out, because every profile is asked."""
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
    """Put all changes besides identifiers into the write. Returns False if ``meta`` is given twice."""
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
    """The members that were given, including nulls."""
    return {name: value for name in location.__struct_fields__ if (value := getattr(location, name)) is not UNSET}


def set_operations(write: ProfileWrite, patch: PatchProperties) -> None:
    write.append = patch.append or None
    write.unappend = patch.unappend or None
    if isinstance(patch.unset, str):
        write.unset = (patch.unset,)
    elif patch.unset:
        write.unset = tuple(patch.unset)

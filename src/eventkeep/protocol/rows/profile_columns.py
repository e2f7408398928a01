"""The columns of a profile of the directory, as reading its resource in a revision gives them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, Raw, UnsetType

from eventkeep.model.profile import StoredProfile
from eventkeep.protocol.resources import LOCATION_MEMBERS
from eventkeep.protocol.revisions import Revision
from eventkeep.protocol.rows.columns import PROFILE_TEXTS, ProfileColumns

_FIELDS: Final = (*PROFILE_TEXTS, "location", "properties")

_NO_MEMBERS: Final = "{}"

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode


def profile_fields(revision: Revision) -> tuple[str, ...]:
    """The attributes of a profile that the revision can show, of those that a row holds."""
    known = {name.partition(".")[0] for name in revision.profile_fields}
    return tuple([name for name in _FIELDS if name in known])


def profile_columns(profile: StoredProfile, fields: Collection[str]) -> ProfileColumns:
    """The columns of a profile, with the attributes ``fields``."""
    texts: Sequence[str | None] = profile[1 : 1 + len(PROFILE_TEXTS)]
    if len(fields) < len(_FIELDS):
        texts = [text if name in fields else None for name, text in zip(PROFILE_TEXTS, texts, strict=True)]
    external_id, email, phone_number, anonymous_id, first_name, last_name, organization, locale, title, image = texts
    if not (external_id or email or phone_number or anonymous_id):
        # Known by an identifier that no response shows (_kx; before 2026-07-15 an anonymous_id too): give it some name.
        anonymous_id = profile.id
    return ProfileColumns(
        external_id,
        email,
        phone_number,
        anonymous_id,
        first_name,
        last_name,
        organization,
        locale,
        title,
        image,
        UNSET if profile.location == _NO_MEMBERS else _location(profile.location),
        UNSET if profile.properties == _NO_MEMBERS else Raw(profile.properties),
    )


def _location(text: str) -> Raw | UnsetType:
    """The members of a location that are set, in the order in which a resource shows them."""
    stored = _decode(text)
    shown = {name: value for name in LOCATION_MEMBERS if (value := stored.get(name)) is not None}
    return Raw(_encode(shown)) if shown else UNSET


def profile_members(columns: ProfileColumns) -> bytes:
    """The columns as members of a row's object, each with a comma before it."""
    members = _encode(columns)[1:-1]
    return b",%b" % members if members else b""

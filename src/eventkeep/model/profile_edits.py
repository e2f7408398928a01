"""Edits of single profiles: the inputs of the profile operations, and their changes to the directory.

The rules of each edit:

- A create makes a profile. An identifier that another profile has refuses it.
- An update changes the profile of one id. A given identifier takes the place of the one that
  the profile shows, which is free then; null frees all of its kind. An identifier of another
  profile refuses the update. An attribute that is given overwrites, null clears it.
- An import creates or updates, like a profile that is sent with an event.
- A merge makes two profiles one, the destination. It keeps its values; the source fills the
  gaps: attributes, a location as a whole, properties key by key. Their consents are joined:
  of each statement the newer one counts. All identifiers of the source
  become the destination's. The source is deleted; its events become the destination's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from eventkeep.errors import DuplicateProfile, Fault, InvalidRequest, NotFound
from eventkeep.limits import PROFILE_PROPERTIES_BYTES_MAX, PROFILE_PROPERTIES_MAX
from eventkeep.model.consent import joined
from eventkeep.model.identity_resolution import ATTRIBUTE_KINDS, Attempt, IdentityResolution
from eventkeep.model.profile import Profile
from eventkeep.model.profile_write import ProfileWrite

FILLED: Final = (
    "email",
    "phone_number",
    "external_id",
    "anonymous_id",
    "first_name",
    "last_name",
    "organization",
    "locale",
    "title",
    "image",
    "location",
)
"""The attributes that a merge takes from the source if the destination has none."""

_encode = msgspec.json.Encoder().encode


class CreateProfile(msgspec.Struct, frozen=True, tag=True):
    """Make a profile; its write names no id."""

    write: ProfileWrite


class UpdateProfile(msgspec.Struct, frozen=True, tag=True):
    """Change the profile with this id. ``cleared`` names the identifiers that were given as null."""

    id: str
    write: ProfileWrite
    cleared: tuple[str, ...] = ()


class ImportProfile(msgspec.Struct, frozen=True, tag=True):
    """Make a profile, or change the one that the write finds."""

    write: ProfileWrite


class MergeProfiles(msgspec.Struct, frozen=True, tag=True):
    """Make the profile with the id ``source`` part of the one with the id ``destination``."""

    destination: str
    source: str


ProfileEdit = CreateProfile | UpdateProfile | ImportProfile | MergeProfiles


class Edited(msgspec.Struct, frozen=True):
    """The outcome of an edit: the profile after it, whether it is a new one.

    ``left`` names the identifiers that stayed with another profile, as ``Applied.left`` does.
    """

    profile: Profile
    is_new: bool
    left: Mapping[str, int]


def edit_profile(resolution: IdentityResolution, edit: ProfileEdit, now_us: int) -> Edited:
    """Apply the edit to the profiles of a commit, at ``now_us`` in Unix microseconds.

    Raises DuplicateProfile, NotFound and InvalidRequest; the resolution is as it was then.
    """
    attempt = Attempt(resolution, now_us)
    if isinstance(edit, CreateProfile):
        number = created(attempt, edit.write)
    elif isinstance(edit, UpdateProfile):
        number = updated(attempt, edit)
    elif isinstance(edit, ImportProfile):
        number = attempt.place(edit.write, "/data")
    else:
        number = merged(attempt, edit)
    is_new = number in attempt.created
    resolution.take(attempt)
    return Edited(resolution.profiles[number], is_new, dict(attempt.left))


def needs_identifiers(edit: ProfileEdit) -> tuple[str, ...]:
    """The ids of the profiles of which the edit has to know all identifiers (``stored_identifiers``)."""
    if isinstance(edit, MergeProfiles):
        return (edit.source,)
    return (edit.id,) if isinstance(edit, UpdateProfile) and edit.cleared else ()


def named(edit: ProfileEdit) -> list[ProfileWrite]:
    """Everything that the edit names a profile by, as writes: these profiles have to be loaded for it."""
    if isinstance(edit, MergeProfiles):
        return [ProfileWrite(id=edit.destination), ProfileWrite(id=edit.source)]
    writes = [ProfileWrite(id=edit.id), edit.write] if isinstance(edit, UpdateProfile) else [edit.write]
    emails = (*edit.write.added_emails, *edit.write.removed_emails)
    return [*writes, *(ProfileWrite(email=email) for email in emails)]


def created(attempt: Attempt, write: ProfileWrite) -> int:
    """The number of a new profile."""
    given = write.identifiers()
    for identifier in (*given, *(("email", email) for email in write.added_emails)):
        if (owner := attempt.owner(identifier)) is not None:
            raise duplicate(attempt, owner)
    number = attempt.create(write, given)
    attempt.patch_emails(number, write)
    attempt.merge_write(number, write, "/data")
    return number


def updated(attempt: Attempt, edit: UpdateProfile) -> int:
    """The number of the profile, after changing it."""
    number = found(attempt, edit.id, "/data/id")
    for kind, value in edit.write.identifiers():
        owner = attempt.owner((kind, value))
        if owner is not None and owner != number:
            raise duplicate(attempt, owner)
        show(attempt, number, kind, value)
    if edit.cleared:
        clear(attempt, number, edit.cleared)
    attempt.patch_emails(number, edit.write)
    attempt.merge_write(number, edit.write, "/data")
    return number


def merged(attempt: Attempt, edit: MergeProfiles) -> int:
    """The number of the destination, after the merge."""
    destination = found(attempt, edit.destination, "/data/id")
    source = found(attempt, edit.source, "/data/relationships/profiles/data/0/id")
    if source == destination:
        detail = "A profile can't be merged into itself; expected another profile's id."
        raise InvalidRequest([Fault(detail, "/data/relationships/profiles/data/0/id")])
    kept, given = attempt.profile(destination), attempt.profile(source)
    changes: dict[str, Any] = {name: getattr(given, name) for name in FILLED if not getattr(kept, name)}
    changes["properties"] = {
        **kept.properties,
        **{k: v for k, v in given.properties.items() if k not in kept.properties},
    }
    changes["consent"] = joined(kept.consent, given.consent)
    after = msgspec.structs.replace(kept, **changes, updated=attempt.now_us)
    if len(after.properties) > PROFILE_PROPERTIES_MAX or len(_encode(after.properties)) > PROFILE_PROPERTIES_BYTES_MAX:
        detail = (
            f"A profile has at most {PROFILE_PROPERTIES_MAX} properties, of {PROFILE_PROPERTIES_BYTES_MAX} bytes "
            "together; these two have more."
        )
        raise InvalidRequest([Fault(detail, "/data")])
    for identifier in attempt.resolution.identifiers_of(source):
        kind, value = identifier
        attempt.new_owners[identifier] = destination
        is_shown = kind in ATTRIBUTE_KINDS and getattr(after, kind) == value
        attempt.secondary[identifier] = None if is_shown else destination
    attempt.changed[destination] = after
    attempt.merged[source] = destination
    return destination


def found(attempt: Attempt, profile_id: str, pointer: str) -> int:
    """The number of the profile with that id. Raises NotFound."""
    number = attempt.owner(("id", profile_id))
    if number is None:
        raise NotFound([Fault(f"A profile with id {profile_id} does not exist.", pointer)])
    return number


def duplicate(attempt: Attempt, owner: int) -> DuplicateProfile:
    """The refusal of an identifier that ``owner`` has."""
    fault = Fault("A profile already exists with one of these identifiers.", "/data/attributes")
    return DuplicateProfile([fault], attempt.profile(owner).id)


def show(attempt: Attempt, number: int, kind: str, value: str) -> None:
    """Have the profile own this identifier and show it; the one that it showed is free from now on."""
    profile = attempt.profile(number)
    if attempt.owner((kind, value)) is None:
        attempt.new_owners[kind, value] = number
        attempt.changed[number] = msgspec.structs.replace(profile, updated=attempt.now_us)
    if kind not in ATTRIBUTE_KINDS or (shown := getattr(profile, kind)) == value:
        return
    attempt.secondary[kind, value] = None
    if shown is not None:
        attempt.release((kind, shown))
    attempt.changed[number] = msgspec.structs.replace(profile, **{kind: value}, updated=attempt.now_us)


def clear(attempt: Attempt, number: int, kinds: tuple[str, ...]) -> None:
    """Free all identifiers of these kinds that the profile owns."""
    given_now = {each for each, owner in attempt.new_owners.items() if owner == number}
    freed = [each for each in attempt.resolution.identifiers_of(number) | given_now if each[0] in kinds]
    profile = attempt.profile(number)
    shown = {kind: None for kind in kinds if getattr(profile, kind) is not None}
    if not freed and not shown:
        return
    for identifier in freed:
        attempt.release(identifier)
    attempt.changed[number] = msgspec.structs.replace(profile, **shown, updated=attempt.now_us)

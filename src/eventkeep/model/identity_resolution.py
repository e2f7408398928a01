"""Who is meant: identifiers find profiles, or make them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import repeat
from typing import Final

import msgspec

from eventkeep.errors import Fault, InvalidRequest
from eventkeep.limits import (
    FAULTS_MAX,
    PROFILE_PROPERTIES_BYTES_MAX,
    PROFILE_PROPERTIES_MAX,
    PROPERTY_ARRAY_ELEMENTS_MAX,
)
from eventkeep.model.profile import EMPTY, IDENTIFIER_KINDS, Profile, merged
from eventkeep.model.profile_write import ProfileWrite

Owned = tuple[str, str]
"""An identifier: its kind, and its value in normal form."""

WIRE_NAMES: Final = {kind: kind for kind in IDENTIFIER_KINDS} | {"kx": "_kx"}
"""The name of an identifier in a response."""

ATTRIBUTE_KINDS: Final = frozenset(IDENTIFIER_KINDS) - {"kx"}
"""The identifiers that are also attributes of a profile."""

_encode = msgspec.json.Encoder().encode


ANYWHERE: Final = repeat("/data")
"""The places of writes in a request that does not give them."""


class Applied(msgspec.Struct, frozen=True):
    """The outcome of a request's profile writes.

    ``numbers`` has one profile number per write. ``left`` names the identifiers, as the
    wire does, that were given and did not become the profile's, and how many they were:
    those that stayed with another owner, and ids that no profile has.
    """

    numbers: list[int]
    left: Mapping[str, int]


class IdentityResolution:
    """The profiles that one commit works on, in memory.

    ``owners`` has the owner of each identifier: by (kind, normal form), with a profile's id
    under the kind ``id``; other identifiers belong to nobody. ``profiles`` holds every
    profile that ``owners`` mentions. ``next_number`` gives the number of a new profile
    and ``new_id`` its ULID, from Unix microseconds. ``stored_identifiers`` has all the
    identifiers that a profile owned before the commit, by its number: only for profiles
    whose edit (see ``eventkeep.model.profile_edits``) takes some away. ``merged_before`` has,
    of the same profiles, the numbers of those that were merged into them earlier.

    ``changed``, ``created``, ``new_ids``, ``new_owners``, ``released``, ``secondary`` and ``merged``
    are to be written when the commit ends: profiles by number, the numbers of the new
    ones among them, their ids, the identifiers that found an owner, those that have none any more, and
    the number of the surviving profile by that of each profile that was merged into it.
    ``secondary`` has the identifiers that a profile owns without showing them in an
    attribute, with its number; None for one that is shown now, or free. With it, all that a
    profile owns is known without an index over every identifier.
    """

    def __init__(
        self,
        account: int,
        owners: dict[Owned, int],
        profiles: dict[int, Profile],
        next_number: Callable[[], int],
        new_id: Callable[[int], str],
        stored_identifiers: Mapping[int, Collection[Owned]] | None = None,
        merged_before: Mapping[int, Collection[int]] | None = None,
    ) -> None:
        self.account = account
        self.owners, self.profiles = owners, profiles
        self.next_number, self.new_id = next_number, new_id
        self.stored_identifiers = stored_identifiers or {}
        self.merged_before = merged_before or {}
        self.changed: dict[int, Profile] = {}
        self.created: set[int] = set()
        self.new_ids: dict[Owned, int] = {}
        self.new_owners: dict[Owned, int] = {}
        self.released: set[Owned] = set()
        self.secondary: dict[Owned, int | None] = {}
        self.merged: dict[int, int] = {}

    def apply(self, writes: Sequence[ProfileWrite], now_us: int, pointers: Iterable[str] = ANYWHERE) -> Applied:
        """Find or make the profile of each write, in order, and merge the write into it.

        The first identifier that finds a profile decides, ``id`` before the others. The
        others are added to that profile if they are free, and otherwise stay with their owner:
        none is stolen, no two profiles become one. An ``id`` that no
        profile has can't make one; beside other identifiers it is passed over (and named
        in ``left``), alone it is refused.

        ``pointers`` has the place of each write in its request; it may be longer. Raises
        InvalidRequest with a fault for each write that can't be applied; then the
        resolution is as it was.
        """
        attempt = Attempt(self, now_us)
        numbers = [attempt.place(write, pointer) for write, pointer in zip(writes, pointers, strict=False)]
        self.take(attempt)
        return Applied(numbers, attempt.left)

    def take(self, attempt: Attempt) -> None:
        """Make the attempt part of the commit. Raises InvalidRequest with its faults, if it has any."""
        if attempt.faults:
            raise InvalidRequest(attempt.faults[:FAULTS_MAX])
        for identifier in attempt.released:
            self.owners.pop(identifier, None)
            self.new_owners.pop(identifier, None)
            self.released.add(identifier)
        self.released.difference_update(attempt.new_owners)
        self.owners.update(attempt.new_owners)
        self.new_owners.update(attempt.new_owners)
        self.profiles.update(attempt.changed)
        self.changed.update(attempt.changed)
        self.created |= attempt.created
        self.owners.update(attempt.new_ids)
        self.new_ids.update(attempt.new_ids)
        self.secondary.update(attempt.secondary)
        for source, destination in attempt.merged.items():
            self._forget(source)
            self.merged[source] = destination

    def identifiers_of(self, number: int) -> set[Owned]:
        """All identifiers that the profile owns now. Its stored ones have to be known."""
        owned = {each for each in self.stored_identifiers.get(number, ()) if self.owners.get(each, number) == number}
        owned -= self.released
        return owned | {each for each, owner in self.new_owners.items() if owner == number}

    def _forget(self, number: int) -> None:
        """A profile is no more: nothing finds it, and nothing of it is to be written."""
        gone = self.profiles.pop(number)
        self.owners.pop(("id", gone.id), None)
        self.new_ids.pop(("id", gone.id), None)
        self.changed.pop(number, None)
        self.created.discard(number)


class Attempt:
    """One request's writes, laid over the resolution and not yet part of it."""

    def __init__(self, resolution: IdentityResolution, now_us: int) -> None:
        self.resolution, self.now_us = resolution, now_us
        self.changed: dict[int, Profile] = {}
        self.created: set[int] = set()
        self.new_owners: dict[Owned, int] = {}
        self.new_ids: dict[Owned, int] = {}
        self.released: set[Owned] = set()
        self.secondary: dict[Owned, int | None] = {}
        self.merged: dict[int, int] = {}
        self.left: Counter[str] = Counter()
        self.faults: list[Fault] = []

    def place(self, write: ProfileWrite, pointer: str) -> int:
        """The number of the profile that the write means, after merging it; -1 if there is none."""
        if (only_identifier := write.only_identifier) is not None:
            # The write has this identifier alone: it names its owner, and changes nothing.
            number = self.owner(only_identifier)
            return self.create(write, [only_identifier]) if number is None else number
        given = write.identifiers()
        number = self.find(write, given)
        if number is None:
            if not given:
                detail = f"No profile has the id {write.id!r}, and no other identifier is given."
                self.faults.append(Fault(detail, f"{pointer}/id"))
                return -1
            number = self.create(write, given)
            self.patch_emails(number, write)
        elif not write.keeps_identifiers:
            for identifier in given:
                self.add(number, identifier)
            self.patch_emails(number, write)
        self.merge_write(number, write, pointer)
        return number

    def find(self, write: ProfileWrite, given: list[Owned]) -> int | None:
        if write.id is not None:
            number = self.owner(("id", write.id))
            if number is not None:
                return number
            self.left["id"] += 1
        for identifier in given:
            number = self.owner(identifier)
            if number is not None:
                return number
        return None

    def owner(self, identifier: Owned) -> int | None:
        number = self.new_owners.get(identifier)
        if number is None and identifier not in self.released:
            number = self.resolution.owners.get(identifier)
            if number is None:
                number = self.new_ids.get(identifier)
        return number

    def profile(self, number: int) -> Profile:
        return self.changed.get(number) or self.resolution.profiles[number]

    def create(self, write: ProfileWrite, given: list[Owned]) -> int:
        """A new profile with the identifiers of the write, which are ``given``, too; nobody has them."""
        resolution, now_us = self.resolution, self.now_us
        number = resolution.next_number()
        self.created.add(number)
        self.new_owners.update(dict.fromkeys(given, number))
        if write.kx is not None:
            self.secondary["kx", write.kx] = number
        id = resolution.new_id(now_us)
        self.new_ids["id", id] = number
        self.changed[number] = Profile(
            number=number,
            id=id,
            account=resolution.account,
            email=write.email,
            phone_number=write.phone_number,
            external_id=write.external_id,
            anonymous_id=write.anonymous_id,
            location=EMPTY,
            properties=EMPTY,
            created=now_us,
            updated=now_us,
        )
        return number

    def add(self, number: int, identifier: Owned) -> None:
        """Give the identifier to the profile, if nobody has it."""
        kind, value = identifier
        owner = self.owner(identifier)
        if owner == number:
            return
        if owner is not None:
            self.left[WIRE_NAMES[kind]] += 1
            return
        self.new_owners[identifier] = number
        profile = self.profile(number)
        changes: dict[str, str] = {}
        if kind in ATTRIBUTE_KINDS and (kind != "anonymous_id" or profile.anonymous_id is None):
            changes[kind] = value
            if (hidden := getattr(profile, kind)) is not None:
                self.secondary[kind, hidden] = number
        else:
            self.secondary[identifier] = number
        self.changed[number] = msgspec.structs.replace(profile, **changes, updated=self.now_us)

    def patch_emails(self, number: int, write: ProfileWrite) -> None:
        """Add and remove secondary email addresses; one that is shown becomes no secondary one, and stays."""
        if not (write.added_emails or write.removed_emails):
            return
        profile = self.profile(number)
        for email in write.added_emails:
            owner = self.owner(("email", email))
            if owner is None:
                self.new_owners["email", email] = number
                shown = {"email": email} if profile.email is None else {}
                if not shown:
                    self.secondary["email", email] = number
                profile = self.changed[number] = msgspec.structs.replace(profile, **shown, updated=self.now_us)
            elif owner != number:
                self.left["email"] += 1
        for email in write.removed_emails:
            if email != profile.email and self.owner(("email", email)) == number:
                self.release(("email", email))
                profile = self.changed[number] = msgspec.structs.replace(profile, updated=self.now_us)

    def release(self, identifier: Owned) -> None:
        """Take the identifier from its owner; it is free from now on."""
        self.new_owners.pop(identifier, None)
        self.released.add(identifier)
        self.secondary[identifier] = None

    def merge_write(self, number: int, write: ProfileWrite, pointer: str) -> None:
        profile = self.profile(number)
        after = merged(profile, write, self.now_us)
        if after is profile:
            return
        if (
            after.properties is not profile.properties
            and (fault := properties_fault(after, write, pointer)) is not None
        ):
            self.faults.append(fault)
        else:
            self.changed[number] = after


def properties_fault(profile: Profile, write: ProfileWrite, place: str) -> Fault | None:
    """The fault of a profile's properties after a write, or None."""
    properties = profile.properties
    # A patch stands beside the attributes or inside them, which a write does not tell.
    pointer = f"{place}/attributes/properties" if write.properties else place
    if len(properties) > PROFILE_PROPERTIES_MAX:
        return Fault(
            f"A profile has at most {PROFILE_PROPERTIES_MAX} properties; this would make {len(properties)}.", pointer
        )
    size = len(_encode(properties))
    if size > PROFILE_PROPERTIES_BYTES_MAX:
        return Fault(
            f"A profile's properties are at most {PROFILE_PROPERTIES_BYTES_MAX} bytes; this would make {size}.", pointer
        )
    for key in write.append or ():
        elements = len(properties.get(key) or ())
        if elements > PROPERTY_ARRAY_ELEMENTS_MAX:
            most = PROPERTY_ARRAY_ELEMENTS_MAX
            return Fault(f"An array has at most {most} elements; appending to {key!r} would make {elements}.", place)
    return None

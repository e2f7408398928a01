"""Writes to profiles, as requests ask for them."""

from __future__ import annotations

from typing import Any

import msgspec

from eventkeep.model.consent import Consent


class ProfileWrite(msgspec.Struct, kw_only=True, gc=False, omit_defaults=True):
    """The write of a request to one profile, with its identifiers in normal form.

    ``attributes`` holds the plain attributes that were given (``first_name``, ``last_name``, ``organization``,
    ``locale``, ``title``, ``image``); None clears one. ``location`` holds the members of the location that were given,
    likewise; it is None if no location was given. ``append``, ``unappend`` and ``unset`` are the patch operations on
    ``properties``, applied after them in that order. ``added_emails`` and ``removed_emails`` are the patch operations
    on the secondary email addresses. ``consent`` is a statement about consent. A write that ``keeps_identifiers`` adds
    none to a profile that exists. ``ignored`` names identifiers that were given and can't be used (``phone_number``).
    """

    id: str | None = None
    external_id: str | None = None
    email: str | None = None
    phone_number: str | None = None
    anonymous_id: str | None = None
    kx: str | None = None
    attributes: dict[str, str | None] = {}
    location: dict[str, Any] | None = None
    clears_location: bool = False
    properties: dict[str, Any] | None = None
    append: dict[str, Any] | None = None
    unappend: dict[str, Any] | None = None
    unset: tuple[str, ...] = ()
    added_emails: tuple[str, ...] = ()
    removed_emails: tuple[str, ...] = ()
    consent: Consent | None = None
    keeps_identifiers: bool = False
    ignored: tuple[str, ...] = ()
    only_identifier: tuple[str, str] | None = None
    """The result of ``find_only_identifier``, computed once because a write is often used again."""
    digest: bytes = b""
    """Digest of the JSON from which the write was parsed; empty if there is none or if ``only_identifier`` says all."""

    def identifiers(self) -> list[tuple[str, str]]:
        """Kind and value of each identifier but the id, in order of priority.

        Written out, because every profile of every batch that memory does not know goes through here.
        """
        given: list[tuple[str, str]] = []
        if self.external_id is not None:
            given.append(("external_id", self.external_id))
        if self.email is not None:
            given.append(("email", self.email))
        if self.phone_number is not None:
            given.append(("phone_number", self.phone_number))
        if self.anonymous_id is not None:
            given.append(("anonymous_id", self.anonymous_id))
        if self.kx is not None:
            given.append(("kx", self.kx))
        return given

    def only_identifies(self) -> bool:
        """Whether the write changes nothing but identifiers."""
        return not (
            self.attributes
            or self.location
            or self.clears_location
            or self.properties
            or self.append
            or self.unappend
            or self.unset
            or self.added_emails
            or self.removed_emails
            or self.consent
        )

    def find_only_identifier(self) -> tuple[str, str] | None:
        """The kind and value of the identifier, if it is all that the write holds; otherwise None."""
        if not self.only_identifies() or self.ignored:
            return None
        if self.id is not None or self.kx is not None or self.anonymous_id is not None:
            return None
        email, external_id, phone_number = self.email, self.external_id, self.phone_number
        if email is not None:
            return None if external_id is not None or phone_number is not None else ("email", email)
        if external_id is not None:
            return None if phone_number is not None else ("external_id", external_id)
        return None if phone_number is None else ("phone_number", phone_number)

"""The body of a request to delete a profile: parsed and checked."""

from __future__ import annotations

from typing import Any, Final

from eventkeep.model.identifiers import normal_email, normal_phone_number
from eventkeep.model.ulid import ULID_CHARACTERS, is_ulid
from eventkeep.protocol.json_values import Faults, shown
from eventkeep.protocol.privacy.documents import DeletionCreate
from eventkeep.protocol.profiles.parsing import check_email, check_phone_number
from eventkeep.protocol.shapes import parse_body

PROFILE: Final = "/data/attributes/profile/data"


def parse_deletion(body: bytes) -> tuple[str, str]:
    """The kind (``id``, ``email`` or ``phone_number``) and the value of the one identifier that is given.

    Raises InvalidRequest with every fault.
    """
    profile = parse_body(body, DeletionCreate, lambda _kind, _name: True, _check).data.attributes.profile.data
    if profile.id:
        return "id", profile.id
    attributes = profile.attributes
    if attributes and attributes.email:
        return "email", normal_email(attributes.email) or attributes.email
    number = attributes.phone_number if attributes else None
    return "phone_number", normal_phone_number(number or "") or ""


def _check(value: Any, faults: Faults) -> None:
    profile = value["data"]["attributes"]["profile"]["data"]
    attributes = profile.get("attributes") or {}
    given = {"id": profile.get("id"), "email": attributes.get("email"), "phone_number": attributes.get("phone_number")}
    named = [name for name, text in given.items() if text is not None]
    if len(named) != 1:
        got = ", ".join(named) or "none"
        faults.add(PROFILE, f"Expected exactly one of id, email and phone_number; got {got}.")
    elif named == ["email"]:
        check_email(attributes["email"], f"{PROFILE}/attributes/email", faults)
    elif named == ["phone_number"]:
        check_phone_number(attributes["phone_number"], f"{PROFILE}/attributes/phone_number", faults)
    elif not is_ulid(profile["id"]):
        expected = f"a profile id, a ULID of {ULID_CHARACTERS} characters"
        faults.add(f"{PROFILE}/id", f"Expected {expected}, got {shown(profile['id'])}.")

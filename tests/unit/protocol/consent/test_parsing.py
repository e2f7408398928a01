"""Bodies of the jobs that change consent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from eventkeep.errors import InvalidRequest
from eventkeep.limits import JOB_PROFILES_MAX, SUBSCRIBED_PROFILES_MAX
from eventkeep.protocol.consent.parsing import parse_subscribe, parse_suppression, parse_unsubscribe
from eventkeep.protocol.revisions import REVISIONS

NOW = 1_750_000_000_000_000
BY_DATE = {revision.date: revision for revision in REVISIONS}
NEWEST = REVISIONS[-1].date
PLACE = "/data/attributes/profiles/data"
MARKETING = {"marketing": {"consent": "SUBSCRIBED"}}
NO_MARKETING = {"marketing": {"consent": "UNSUBSCRIBED"}}
EMAIL = {"email": "Ada@x.example", "subscriptions": {"email": MARKETING}}


def job(kind: str, *profiles: dict[str, Any], relationships: dict[str, Any] | None = None, **attributes: Any) -> bytes:
    data: dict[str, Any] = {
        "type": f"profile-{kind}-job",
        "attributes": {
            **attributes,
            "profiles": {
                "data": [{"type": "profile", "attributes": dict(profile)} for profile in profiles],
            },
        },
    }
    for profile in data["attributes"]["profiles"]["data"]:
        if "id" in profile["attributes"]:
            profile["id"] = profile["attributes"].pop("id")
    if relationships is not None:
        data["relationships"] = relationships
    return json.dumps({"data": data}).encode()


def subscribe(*profiles: dict[str, Any], **more: Any) -> bytes:
    return job("subscription-bulk-create", *profiles, **more)


def unsubscribe(*profiles: dict[str, Any], **more: Any) -> bytes:
    return job("subscription-bulk-delete", *profiles, **more)


def a_list(list_id: str = "L") -> dict[str, Any]:
    return {"list": {"data": {"type": "list", "id": list_id}}}


def pointers(content: bytes, revision: str = NEWEST) -> list[str | None]:
    parse = parse_subscribe if b"bulk-create" in content else parse_unsubscribe
    with pytest.raises(InvalidRequest) as refusal:
        parse(content, BY_DATE[revision], NOW)
    return [fault.pointer for fault in refusal.value.faults]


def stated(content: bytes, revision: str = NEWEST) -> dict[str, str]:
    """The statuses that the only profile of a job has after it."""
    parse = parse_subscribe if b"bulk-create" in content else parse_unsubscribe
    (change,) = parse(content, BY_DATE[revision], NOW)
    assert change.write.consent is not None
    return {channel: each.status for channel, each in change.write.consent.permissions.items()}


@pytest.mark.parametrize(
    ("revision", "person", "channels"),
    [
        ("2023-07-15", {"email": "a@x.example", "subscriptions": {"email": ["MARKETING"]}}, ["email.marketing"]),
        ("2023-07-15", {"email": "a@x.example"}, ["email.marketing"]),
        (
            "2023-07-15",
            {"email": "a@x.example", "phone_number": "+15005550006"},
            ["email.marketing", "sms.marketing"],
        ),
        ("2024-06-15", {"email": "a@x.example", "subscriptions": {"email": MARKETING}}, ["email.marketing"]),
        ("2024-06-15", {"phone_number": "+15005550006", "subscriptions": {"sms": MARKETING}}, ["sms.marketing"]),
        (
            NEWEST,
            {"phone_number": "+15005550006", "subscriptions": {"sms": {"transactional": {"consent": "SUBSCRIBED"}}}},
            ["sms.transactional"],
        ),
        (NEWEST, {"phone_number": "+15005550006", "subscriptions": {"whatsapp": MARKETING}}, ["whatsapp.marketing"]),
        (
            NEWEST,
            {"email": "a@x.example", "subscriptions": {"push": {**MARKETING, "tokens": []}}},
            ["mobile_push.marketing"],
        ),
        (
            NEWEST,
            {"email": "a@x.example", "subscriptions": {"email": {"open_tracking": {"consent": "SUBSCRIBED"}}}},
            ["email.open_tracking"],
        ),
    ],
)
def test_channels_by_revision(revision: str, person: dict[str, Any], channels: list[str]) -> None:
    assert stated(subscribe(person), revision) == dict.fromkeys(channels, "SUBSCRIBED")


def test_a_subscription_has_its_source_and_list() -> None:
    (change,) = parse_subscribe(subscribe(EMAIL, custom_source="Fair", relationships=a_list()), BY_DATE[NEWEST], NOW)
    assert change.write.email == "ada@x.example"
    assert change.write.consent is not None
    assert change.write.consent.permissions["email.marketing"].custom_method_detail == "Fair"
    assert change.events[0].properties["List"] == "L"


def test_a_historical_import_has_times_of_the_past() -> None:
    past = {"marketing": {"consent": "SUBSCRIBED", "consented_at": "2024-06-15T12:00:00Z"}}
    person = {"email": "a@x.example", "subscriptions": {"email": past}}
    (change,) = parse_subscribe(subscribe(person, historical_import=True), BY_DATE[NEWEST], NOW)
    assert change.time == 1_718_452_800_000_000
    place = f"{PLACE}/0/attributes/subscriptions/email/marketing/consented_at"
    assert pointers(subscribe(person)) == [place]
    assert pointers(subscribe(EMAIL, historical_import=True)) == [place]
    for wrong in ("2099-01-01T00:00:00Z", "yesterday"):
        past["marketing"]["consented_at"] = wrong
        assert pointers(subscribe(person, historical_import=True)) == [place]


@pytest.mark.parametrize(
    ("content", "pointer"),
    [
        (subscribe(), PLACE),
        (subscribe({"subscriptions": {"email": MARKETING}}), f"{PLACE}/0/attributes"),
        (subscribe({"email": "no", "subscriptions": {"email": MARKETING}}), f"{PLACE}/0/attributes/email"),
        (subscribe({**EMAIL, "phone_number": "1"}), f"{PLACE}/0/attributes/phone_number"),
        (subscribe({**EMAIL, "id": "x"}), f"{PLACE}/0/id"),
        (subscribe({"email": "a@x.example", "subscriptions": {"sms": MARKETING}}),
         f"{PLACE}/0/attributes/phone_number"),
        (subscribe({"email": "a@x.example"}), f"{PLACE}/0/attributes/subscriptions"),
        (subscribe({"email": "a@x.example", "subscriptions": {"email": NO_MARKETING}}),
         f"{PLACE}/0/attributes/subscriptions/email/marketing/consent"),
        (unsubscribe({"email": "a@x.example"}), f"{PLACE}/0/attributes/subscriptions"),
        (unsubscribe(EMAIL), f"{PLACE}/0/attributes/subscriptions/email/marketing/consent"),
        (unsubscribe({"email": "a@x.example", "subscriptions": {"push": NO_MARKETING}}),
         f"{PLACE}/0/attributes/subscriptions/push/tokens"),
    ],
)  # fmt: skip
def test_what_is_refused_where(content: bytes, pointer: str) -> None:
    assert pointers(content) == [pointer]


def test_how_many_profiles_a_job_holds() -> None:
    def people(count: int) -> list[dict[str, Any]]:
        return [{"email": f"p{number}@x.example", "subscriptions": {"email": MARKETING}} for number in range(count)]

    old = BY_DATE["2024-06-15"]
    assert len(parse_subscribe(subscribe(*people(JOB_PROFILES_MAX)), old, NOW)) == JOB_PROFILES_MAX
    assert pointers(subscribe(*people(JOB_PROFILES_MAX + 1)), "2024-06-15") == [PLACE]
    many = subscribe(*people(SUBSCRIBED_PROFILES_MAX))
    assert len(parse_subscribe(many, BY_DATE["2024-07-15"], NOW)) == SUBSCRIBED_PROFILES_MAX
    assert pointers(subscribe(*people(SUBSCRIBED_PROFILES_MAX + 1))) == [PLACE]
    assert pointers(unsubscribe(*people(JOB_PROFILES_MAX + 1))) == [PLACE]


@pytest.mark.parametrize("revision", ["2023-09-15", "2023-10-15"])
def test_two_revisions_need_a_list(revision: str) -> None:
    assert pointers(subscribe({"email": "a@x.example"}), revision) == ["/data/relationships"]
    parse_subscribe(subscribe({"email": "a@x.example"}, relationships=a_list()), BY_DATE[revision], NOW)


def test_who_unsubscribes_does_so_from_the_named_channels() -> None:
    person = {"email": "a@x.example", "phone_number": "+15005550006"}
    old = unsubscribe(person)
    assert stated(old, "2024-06-15") == dict.fromkeys(["email.marketing", "sms.marketing"], "UNSUBSCRIBED")
    named = unsubscribe({**person, "subscriptions": {"sms": NO_MARKETING}}, relationships=a_list())
    assert stated(named) == {"sms.marketing": "UNSUBSCRIBED"}


@pytest.mark.parametrize(("kind", "is_suppressed"), [("create", True), ("delete", False)])
def test_suppressions_are_by_email(kind: str, is_suppressed: bool) -> None:
    content = job(f"suppression-bulk-{kind}", {"email": "A@x.example"}, {"email": "a@x.example"})
    (change,) = parse_suppression(content, BY_DATE[NEWEST], NOW, is_suppressed=is_suppressed)
    assert change.write.email == "a@x.example"
    assert change.write.consent is not None
    assert [reason for reason, _ in change.write.consent.held_suppressions()] == ["USER_SUPPRESSED"] * is_suppressed


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        ({"attributes": {}}, "/data/attributes/profiles"),
        (
            {
                "attributes": {
                    "profiles": {"data": [{"type": "profile", "attributes": {"email": "a@x.example"}}]},
                },
                "relationships": a_list(),
            },
            "/data/relationships",
        ),
        ({"attributes": {}, "relationships": {**a_list(), "segment": {"data": {"type": "segment", "id": "S"}}}},
         "/data/relationships"),
        ({"attributes": {"profiles": {"data": [{"type": "profile", "attributes": {"email": "no"}}]}}},
         f"{PLACE}/0/attributes/email"),
    ],
)  # fmt: skip
def test_a_suppression_names_profiles_or_one_group(data: dict[str, Any], pointer: str) -> None:
    content = json.dumps({"data": {"type": "profile-suppression-bulk-create-job", **data}}).encode()
    with pytest.raises(InvalidRequest) as refusal:
        parse_suppression(content, BY_DATE[NEWEST], NOW, is_suppressed=True)
    assert [fault.pointer for fault in refusal.value.faults] == [pointer]


def test_a_group_has_no_members() -> None:
    data = {"type": "profile-suppression-bulk-create-job", "attributes": {}, "relationships": a_list()}
    content = json.dumps({"data": data}).encode()
    assert parse_suppression(content, BY_DATE[NEWEST], NOW, is_suppressed=True) == []

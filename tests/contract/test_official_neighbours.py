"""The official Python clients, unchanged, against a real server: metrics, profiles, accounts and deletion.

Every operation of the four classes is called, but for those of ``NOT_SERVED``.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any, Final

import pytest

from eventkeep.testing import ServerProcess
from tests.contract.official_client import REVISIONS, OfficialClient

NOON: Final = datetime.datetime(2024, 6, 15, 12, tzinfo=datetime.UTC)
NOT_SERVED: Final = ("push_token", "custom_metric", "mapped_metric", "conversation", "_for_profile")
"""Parts of the names of operations on things that eventkeep does not have."""
NOT_SERVED_BEFORE: Final = frozenset(
    {
        "get_profile_lists",
        "get_profile_relationships_lists",
        "get_profile_segments",
        "get_profile_relationships_segments",
    }
)
"""The same in clients before 2025, which had other names."""
OLD_NAMES: Final = {
    "bulk_import_profiles": "spawn_bulk_profile_import_job",
    "get_bulk_import_profiles_job": "get_bulk_profile_import_job",
    "get_bulk_import_profiles_jobs": "get_bulk_profile_import_jobs",
    "get_profiles_for_bulk_import_profiles_job": "get_bulk_profile_import_job_profiles",
    "get_profile_ids_for_bulk_import_profiles_job": "get_bulk_profile_import_job_relationships_profiles",
    "get_errors_for_bulk_import_profiles_job": "get_bulk_profile_import_job_import_errors",
    "get_list_for_bulk_import_profiles_job": "get_bulk_profile_import_job_lists",
    "get_list_ids_for_bulk_import_profiles_job": "get_bulk_profile_import_job_relationships_lists",
    "bulk_subscribe_profiles": "subscribe_profiles",
    "bulk_unsubscribe_profiles": "unsubscribe_profiles",
    "bulk_suppress_profiles": "suppress_profiles",
    "bulk_unsuppress_profiles": "unsuppress_profiles",
}
"""The names of operations in clients before 2025."""


class Api:
    """One class of a client. ``called`` are the operations that were called."""

    def __init__(self, client: OfficialClient, name: str) -> None:
        self._client, self._name = client, name
        self._known = set(client("", api=name).data)
        self.called: set[str] = set()

    def has(self, operation: str) -> bool:
        return self._name_of(operation) in self._known

    def __call__(self, operation: str, *positional: Any, **options: Any) -> Any:
        """The data of a call that succeeds."""
        name = self._name_of(operation)
        response = self._client(name, *positional, api=self._name, **options)
        assert (response.raised, response.status) == (None, None), (name, response)
        self.called.add(name)
        return response.data

    def left(self) -> set[str]:
        """The operations that were not called and that eventkeep has."""
        return {
            name
            for name in self._known - self.called - NOT_SERVED_BEFORE
            if not any(part in name for part in NOT_SERVED)
        }

    def _name_of(self, operation: str) -> str:
        return operation if operation in self._known else OLD_NAMES.get(operation, operation)


@pytest.fixture(scope="module", params=list(REVISIONS))
def client(server: ServerProcess, request: pytest.FixtureRequest) -> Iterator[OfficialClient]:
    """One version of the client, with an account of its own that has three events of two profiles."""
    key = server.make_key(account=f"neighbours {request.param}")
    with OfficialClient(request.param, server.url, key) as official:
        for number, email in enumerate(["ada@shop.example", "bob@shop.example", "ada@shop.example"]):
            attributes = {
                "properties": {"size": "L"},
                "time": (NOON + datetime.timedelta(days=number)).isoformat(),
                "value": 2.5,
                "metric": {"data": {"type": "metric", "attributes": {"name": "Placed Order"}}},
                "profile": {"data": {"type": "profile", "attributes": {"email": email}}},
            }
            created = official("create_event", {"data": {"type": "event", "attributes": attributes}})
            assert created.raised is None
        yield official


def profile(id: str | None = None, **attributes: Any) -> dict[str, Any]:
    return {"type": "profile", **({} if id is None else {"id": id}), "attributes": attributes}


def job(kind: str, *profiles: dict[str, Any]) -> dict[str, Any]:
    return {"data": {"type": kind, "attributes": {"profiles": {"data": list(profiles)}}}}


def test_metrics(client: OfficialClient) -> None:
    metrics = Api(client, "Metrics")
    (found,) = metrics("get_metrics", filter='equals(integration.name,"API")', fields_metric=["name"])["data"]
    assert found["attributes"] == {"name": "Placed Order"}
    assert metrics("get_metric", found["id"])["data"]["attributes"]["integration"]["name"] == "API"
    attributes = {
        "metric_id": found["id"],
        "measurements": ["count", "unique", "sum_value"],
        "filter": ["greater-or-equal(datetime,2024-06-15)", "less-than(datetime,2024-06-18)"],
        "interval": "day",
        "timezone": "UTC",
    }
    counted = metrics("query_metric_aggregates", {"data": {"type": "metric-aggregate", "attributes": attributes}})
    (row,) = counted["data"]["attributes"]["data"]
    assert row["measurements"] == {"count": [1, 1, 1], "unique": [1, 1, 1], "sum_value": [2.5, 2.5, 2.5]}
    if metrics.has("get_metric_property"):
        assert metrics("get_flows_triggered_by_metric", found["id"])["data"] == []
        assert metrics("get_ids_for_flows_triggered_by_metric", found["id"])["data"] == []
        listed = metrics("get_properties_for_metric", found["id"], additional_fields_metric_property=["sample_values"])
        (size,) = [each for each in listed["data"] if each["attributes"]["property"] == "size"]
        assert size["attributes"]["sample_values"] == ["L"]
        assert size["id"] in {each["id"] for each in metrics("get_property_ids_for_metric", found["id"])["data"]}
        one = metrics("get_metric_property", size["id"], include=["metric"])
        assert one["included"][0]["id"] == found["id"]
        assert metrics("get_metric_for_metric_property", size["id"])["data"]["id"] == found["id"]
        assert metrics("get_metric_id_for_metric_property", size["id"])["data"]["id"] == found["id"]
    assert metrics.left() == set()


def test_accounts(client: OfficialClient) -> None:
    accounts = Api(client, "Accounts")
    (account,) = accounts("get_accounts")["data"]
    one = accounts("get_account", account["id"], fields_account=["public_api_key"])
    assert one["data"]["attributes"]["public_api_key"] == account["id"]
    assert accounts.left() == set()


def test_profiles(client: OfficialClient) -> None:
    profiles = Api(client, "Profiles")
    made = profiles("create_profile", {"data": profile(email="cleo@shop.example", first_name="Cleo")})["data"]
    again = client("create_profile", {"data": profile(email="cleo@shop.example")}, api="Profiles")
    assert (again.status, again.fault["meta"]["duplicate_profile_id"]) == (409, made["id"])
    changed = profiles("update_profile", made["id"], {"data": profile(made["id"], title="Dr")})["data"]
    assert (changed["attributes"]["first_name"], changed["attributes"]["title"]) == ("Cleo", "Dr")
    other = profiles("create_or_update_profile", {"data": profile(external_id="c2", last_name="Two")})["data"]
    read = profiles("get_profile", other["id"], additional_fields_profile=["subscriptions", "predictive_analytics"])
    assert read["data"]["attributes"]["subscriptions"]["email"]["marketing"]["consent"] == "NEVER_SUBSCRIBED"
    source = {"profiles": {"data": [{"type": "profile", "id": other["id"]}]}}
    merge = {"data": {"type": "profile-merge", "id": made["id"], "relationships": source}}
    assert profiles("merge_profiles", merge)["data"]["id"] == made["id"]
    page = profiles("get_profiles", filter='equals(email,"cleo@shop.example")', sort="-created", page_size=1)
    assert page["data"][0]["attributes"]["external_id"] == "c2"

    wanted = job("profile-bulk-import-job", profile(email="dora@shop.example"), profile(email="no address"))
    imported = profiles("bulk_import_profiles", wanted)["data"]["id"]
    assert profiles("get_bulk_import_profiles_jobs", sort="-created_at")["data"][0]["id"] == imported
    assert profiles("get_bulk_import_profiles_job", imported)["data"]["attributes"]["completed_count"] == 1
    (dora,) = profiles("get_profiles_for_bulk_import_profiles_job", imported)["data"]
    assert dora["attributes"]["email"] == "dora@shop.example"
    ids = profiles("get_profile_ids_for_bulk_import_profiles_job", imported)["data"]
    assert [each["id"] for each in ids] == [dora["id"]]
    (failed,) = profiles("get_errors_for_bulk_import_profiles_job", imported)["data"]
    assert failed["attributes"]["original_payload"]["attributes"]["email"] == "no address"
    assert profiles("get_list_for_bulk_import_profiles_job", imported)["data"] == []
    assert profiles("get_list_ids_for_bulk_import_profiles_job", imported)["data"] == []

    consent_is_given_and_taken(profiles, dora["id"])
    assert profiles.left() == set()


def consent_is_given_and_taken(profiles: Api, id: str) -> None:
    def consent() -> str:
        read = profiles("get_profile", id, additional_fields_profile=["subscriptions"])["data"]["attributes"]
        marketing = read["subscriptions"]["email"]["marketing"]
        return f"{marketing['consent']} {marketing['can_receive_email_marketing']}"

    email = "dora@shop.example"
    marketing = {"email": {"marketing": {"consent": "SUBSCRIBED"}}}
    subscribed = profile(email=email, subscriptions=marketing)
    profiles("bulk_subscribe_profiles", job("profile-subscription-bulk-create-job", subscribed))
    assert consent() == "SUBSCRIBED True"
    suppressed = profiles("bulk_suppress_profiles", job("profile-suppression-bulk-create-job", profile(email=email)))
    assert consent() == "SUBSCRIBED False"
    ended = profiles("bulk_unsuppress_profiles", job("profile-suppression-bulk-delete-job", profile(email=email)))
    assert consent() == "SUBSCRIBED True"
    if profiles.has("get_bulk_suppress_profiles_job"):
        for kind, started in (("suppress", suppressed["data"]), ("unsuppress", ended["data"])):
            assert profiles(f"get_bulk_{kind}_profiles_job", started["id"])["data"]["id"] == started["id"]
            listed = profiles(f"get_bulk_{kind}_profiles_jobs", filter='equals(status,"complete")')["data"]
            assert [each["id"] for each in listed] == [started["id"]]
        marketing["email"]["marketing"]["consent"] = "UNSUBSCRIBED"
        unsubscribed = subscribed
    else:
        # These revisions name no channels here.
        unsubscribed = profile(email=email)
    profiles("bulk_unsubscribe_profiles", job("profile-subscription-bulk-delete-job", unsubscribed))
    assert consent() == "UNSUBSCRIBED False"


def test_deletion(client: OfficialClient) -> None:
    privacy = Api(client, "Data_Privacy")
    deleted = {"profile": {"data": profile(email="nobody@shop.example")}}
    privacy("request_profile_deletion", {"data": {"type": "data-privacy-deletion-job", "attributes": deleted}})
    assert privacy.left() == set()

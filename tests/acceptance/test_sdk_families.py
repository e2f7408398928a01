"""``client.metrics``, ``client.profiles`` and ``client.accounts`` against a real server, without and with asyncio."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

import eventkeep
from eventkeep import Client, Filter
from eventkeep.cli.choices import metric_id, profile_id
from eventkeep.errors import ConfigurationError
from eventkeep.testing import ServerProcess
from tests.acceptance.sdk import FLAVOURS, Place, place

NOON = datetime.datetime(2024, 6, 15, 12, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
NEWEST = "2026-07-15"


@pytest.fixture(scope="module", params=FLAVOURS)
def here(
    request: pytest.FixtureRequest, server: ServerProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    with place(request.param, server, tmp_path_factory.mktemp("in-process") / "data") as found:
        yield found


@pytest.fixture
def client(here: Place) -> Iterator[Client]:
    """A client of an account of the test's own, in the newest revision."""
    with here.connect_new(uuid.uuid4().hex, revision=NEWEST) as found:
        yield found


def profile_document(id: str | None = None, **attributes: Any) -> dict[str, Any]:
    return {"data": {"type": "profile", **({} if id is None else {"id": id}), "attributes": attributes}}


def job_document(kind: str, *profiles: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    listed = {"data": [each["data"] for each in profiles]}
    return {"data": {"type": kind, "attributes": {"profiles": listed, **attributes}}}


def test_metrics_are_read_page_by_page_and_found_by_name(client: Client) -> None:
    with client.batch() as batch:
        for number in range(150):
            batch.track(f"Metric {number:03}", {"email": "ada@shop.example"}, time=NOON)
        batch.track("Metric 000", {"email": "ada@shop.example"}, time=NOON, service="shop")
    page = client.metrics.get_metrics()
    assert (len(page), page.next_cursor, page[0].integration["key"]) == (151, None, "api")
    assert [each.id for each in client.metrics.iterate()] == [each["id"] for each in page.as_sent()["data"]]
    shop = client.metrics.get_metrics(filter='equals(integration.name,"shop")', fields_metric=["name"])
    assert [(each.name, each.created) for each in shop] == [("Metric 000", None)]
    (found,) = client.metrics.named("Metric 007")
    assert found == client.metrics.named(found.id)[0]
    assert client.metrics.get_metric(found.id).name == "Metric 007"
    assert len(client.metrics.named("Metric 000")) == 2
    with pytest.raises(eventkeep.ArgumentError, match="metric: expected the name or the id of a metric, got 'Nothing'"):
        client.metrics.named("Nothing")


def test_events_are_chosen_by_the_name_of_their_metric(here: Place, client: Client) -> None:
    for number, (metric, service) in enumerate([("Order", "api"), ("Order", "shop"), ("View", "api"), ("View", "api")]):
        moment = NOON + number * DAY
        client.track(metric, {"email": "ada@shop.example"}, time=moment, unique_id=str(number), service=service)

    def chosen(**query: Any) -> list[str]:
        return [str(event.unique_id) for event in client.events.iterate(sort="datetime", **query)]

    assert chosen(metric="View") == ["2", "3"]
    assert chosen(metric="Order") == ["0", "1"]
    (view,) = client.metrics.named("View")
    assert chosen(metric=view.id, filter=Filter.greater_than("datetime", NOON + 2 * DAY)) == ["3"]
    assert [event.unique_id for event in client.events.get_events(metric="View", page_size=1)] == ["3"]
    assert client.events.to_arrow(metric="View").num_rows == 2
    with pytest.raises(eventkeep.ArgumentError, match="there is none"):
        client.events.get_events(metric="Refund")
    with here.connect(client.settings.api_key) as earlier:
        assert len(earlier.events.get_events(metric="View")) == 2
        with pytest.raises(eventkeep.ArgumentError, match="2 metrics called 'Order', and the revision 2024-06-15"):
            earlier.events.get_events(metric="Order")


def test_properties_and_aggregates_of_a_metric(client: Client) -> None:
    for number in range(3):
        client.track(
            "Order",
            {"email": f"{number % 2}@shop.example"},
            time=NOON + number * DAY,
            value=1.5,
            properties={"size": "L", "count": number},
        )
    (metric,) = client.metrics.named("Order")
    found = client.metrics.get_properties_for_metric(metric.id, additional_fields_metric_property="sample_values")
    by_name = {each.property: each for each in found}
    size = by_name["size"]
    assert (size.inferred_type, size.sample_values) == ("Text", ["L"])
    assert size.metric == eventkeep.PartialMetric(id=metric.id)
    assert {each.id for each in client.metrics.get_property_ids_for_metric(metric.id)} == {each.id for each in found}
    one = client.metrics.get_metric_property(size.id, include=["metric"])
    assert (one.sample_values, one.metric) == (None, client.metrics.get_metric_for_metric_property(size.id))
    assert client.metrics.get_metric_id_for_metric_property(size.id).id == metric.id
    period = NOON - DAY / 2, NOON + 3 * DAY
    counted = client.metrics.aggregate("Order", *period, measurements=["count", "unique", "sum_value"], timezone="UTC")
    (row,) = counted.data
    assert (counted.dates[0], len(counted.dates)) == (NOON.replace(hour=0), 4)
    assert (row.dimensions, row.measurements["count"]) == ([], [1, 1, 1, 0])
    assert (row.measurements["unique"], row.measurements["sum_value"]) == ([1, 1, 1, 0], [1.5, 1.5, 1.5, 0])


def test_profiles_are_created_changed_and_read(client: Client) -> None:
    made = client.profiles.create_profile(profile_document(email="ada@shop.example", first_name="Ada"))
    assert (made.email, made.first_name) == ("ada@shop.example", "Ada")
    with pytest.raises(eventkeep.InvalidRequestError) as raised:
        client.profiles.create_profile(profile_document(email="ada@shop.example"))
    assert (raised.value.status, raised.value.errors[0].meta["duplicate_profile_id"]) == (409, made.id)
    changed = client.profiles.update_profile(made.id, profile_document(made.id, first_name=None, title="Dr"))
    assert (changed.first_name, changed.title) == (None, "Dr")
    data, status, _ = client.profiles.create_or_update_profile_with_http_info(
        profile_document(email="bob@shop.example")
    )
    assert status == 201
    again = client.profiles.create_or_update_profile_with_http_info(profile_document(email="bob@shop.example"))
    assert (again.status, again.data.id) == (200, data.id)
    read = client.profiles.get_profile(made.id, additional_fields_profile=["subscriptions"])
    assert read.subscriptions is not None and read.subscriptions.email is not None
    assert read.subscriptions.email.marketing == eventkeep.Consent(consent="NEVER_SUBSCRIBED", can_receive=True)
    page = client.profiles.get_profiles(page_size=1, sort="email", fields_profile=["email"])
    assert [each.to_dict() for each in page] == [{"id": made.id, "email": "ada@shop.example"}]
    second = client.profiles.get_profiles(page_size=1, sort="email", page_cursor=page.next_cursor)
    assert (second[0].id, second.next_cursor) == (data.id, None)
    assert [each.id for each in client.profiles.iterate(page_size=1, sort="-email")] == [data.id, made.id]
    source = {"profiles": {"data": [{"type": "profile", "id": data.id}]}}
    merge = {"data": {"type": "profile-merge", "id": made.id, "relationships": source}}
    assert client.profiles.merge_profiles(merge) == eventkeep.Reference(type="profile", id=made.id)
    assert len(client.profiles.get_profiles()) == 1


def test_profiles_are_imported_in_bulk(client: Client) -> None:
    profiles = [profile_document(email="ada@shop.example"), profile_document(email="no address")]
    job = client.profiles.bulk_import_profiles(job_document("profile-bulk-import-job", *profiles))
    job = client.profiles.get_bulk_import_profiles_job(job.id)
    assert (job.status, job.total_count, job.completed_count, job.failed_count) == ("complete", 2, 1, 1)
    assert [each.id for each in client.profiles.get_bulk_import_profiles_jobs(sort="-created_at")] == [job.id]
    (made,) = client.profiles.get_profiles_for_bulk_import_profiles_job(job.id)
    assert made.email == "ada@shop.example"
    assert client.profiles.get_profile_ids_for_bulk_import_profiles_job(job.id)[0].id == made.id
    (failed,) = client.profiles.get_errors_for_bulk_import_profiles_job(job.id)
    assert failed.original_payload is not None
    assert failed.original_payload["attributes"] == {"email": "no address"}


def test_consent_is_given_and_taken(here: Place, client: Client) -> None:
    consent = {"email": {"marketing": {"consent": "SUBSCRIBED"}}}
    ada = profile_document(email="ada@shop.example", subscriptions=consent)
    client.profiles.bulk_subscribe_profiles(job_document("profile-subscription-bulk-create-job", ada))

    def told() -> tuple[str | None, bool | None]:
        (profile,) = client.profiles.get_profiles(additional_fields_profile="subscriptions")
        assert profile.subscriptions is not None and profile.subscriptions.email is not None
        marketing = profile.subscriptions.email.marketing
        assert marketing is not None
        return marketing.consent, marketing.can_receive

    assert told() == ("SUBSCRIBED", True)
    plain = profile_document(email="ada@shop.example")
    suppress = job_document("profile-suppression-bulk-create-job", plain)
    job = client.profiles.bulk_suppress_profiles(suppress)
    assert job is not None
    assert client.profiles.get_bulk_suppress_profiles_job(job.id).id == job.id
    assert [each.id for each in client.profiles.get_bulk_suppress_profiles_jobs()] == [job.id]
    assert told() == ("SUBSCRIBED", False)
    ended = client.profiles.bulk_unsuppress_profiles(job_document("profile-suppression-bulk-delete-job", plain))
    assert ended is not None
    assert client.profiles.get_bulk_unsuppress_profiles_jobs()[0].id == ended.id
    assert client.profiles.get_bulk_unsuppress_profiles_job(ended.id).total_count == 1
    left = {"email": {"marketing": {"consent": "UNSUBSCRIBED"}}}
    leaving = profile_document(email="ada@shop.example", subscriptions=left)
    client.profiles.bulk_unsubscribe_profiles(job_document("profile-subscription-bulk-delete-job", leaving))
    assert told() == ("UNSUBSCRIBED", False)
    with here.connect(client.settings.api_key) as earlier:
        assert earlier.profiles.bulk_suppress_profiles(suppress) is None


def test_deletion_of_a_profile_is_requested(client: Client) -> None:
    profile = profile_document(email="ada@shop.example")
    body = {"data": {"type": "data-privacy-deletion-job", "attributes": {"profile": profile}}}
    assert client.profiles.request_profile_deletion_with_http_info(body).status == 202


def test_account_of_the_key(client: Client) -> None:
    (account,) = client.accounts.get_accounts()
    assert (account.id, account.timezone, account.test_account) == (account.public_api_key, "UTC", False)
    assert client.accounts.get_account(account.id) == account
    assert client.accounts.get_account(account.id, fields_account="timezone").locale is None
    with pytest.raises(eventkeep.NotFoundError):
        client.accounts.get_account("AAAAAA")


def test_profile_is_identified(here: Place) -> None:
    with here.connect_new(uuid.uuid4().hex) as client:
        made = client.identify({"email": "ada@shop.example", "first_name": "Ada", "properties": {"size": 3}})
        patch = {"append": {"tags": "vip"}}
        again = client.identify({"email": "ada@shop.example", "last_name": "L.", "patch_properties": patch})
        assert (again.id, again.first_name, again.last_name) == (made.id, "Ada", "L.")
        assert again.properties == {"size": 3, "tags": ["vip"]}
        with pytest.raises(eventkeep.ArgumentError, match="profile: expected one of id, external_id, email"):
            client.identify({"first_name": "Ada"})


def test_option_that_an_operation_lacks_is_refused(client: Client) -> None:
    with pytest.raises(TypeError, match=r"get_profiles\(\) got an unexpected keyword argument 'fields_event'"):
        client.profiles.get_profiles(fields_event="uuid")  # type: ignore[call-arg]
    with pytest.raises(eventkeep.ArgumentError, match="page_size: expected a number, got str"):
        client.profiles.get_profiles(page_size="7")  # type: ignore[arg-type]
    with pytest.raises(eventkeep.ArgumentError, match=r"get_profile: expected the id of a profile, got '\.\.'"):
        client.profiles.get_profile("..")


class Hosted(httpx.HTTPTransport):
    """The way to a server that has no routes of our own, as the hosted service has none."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/eventkeep"):
            return httpx.Response(404, json={"errors": []}, request=request)
        return super().handle_request(request)


def test_command_line_finds_ids_at_the_hosted_service_too(server: ServerProcess) -> None:
    here = Place(server, Client)
    with Client(here.new_key(uuid.uuid4().hex), server.url, NEWEST, transport=Hosted()) as client:
        client.track("Order", {"email": "ada@shop.example"}, service="shop")
        client.track("View", {"email": "ada@shop.example"})
        (view,) = client.metrics.named("View")
        assert metric_id(client, "View") == metric_id(client, view.id) == view.id
        (profile,) = client.profiles.get_profiles()
        assert profile_id(client, "ada@shop.example") == profile_id(client, profile.id) == profile.id
        client.track("Order", {"email": "ada@shop.example"})
        for find, name, says in (
            (metric_id, "Nothing", "--metric: there is no metric 'Nothing' at http"),
            (metric_id, "Order", "there are 2 metrics called 'Order'; choose one by its id: "),
            (profile_id, "bob@shop.example", "--profile: there is no profile 'bob@shop.example' at http"),
        ):
            with pytest.raises(ConfigurationError, match=says):
                find(client, name)

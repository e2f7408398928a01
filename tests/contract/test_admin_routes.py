"""Lists, counts and new events under /eventkeep/: permissions, parameters, page sizes and accounts."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from eventkeep.directory import SCOPES
from eventkeep.limits import DRAIN_SECONDS_MAX, FEED_READERS_MAX, FEED_WAIT_SECONDS_MAX
from eventkeep.protocol.admin.operations import ADMIN_OPERATIONS
from eventkeep.testing import ServerProcess
from tests.contract.api import PAGED_REVISION, Api, fault_of, iso, make_keys

START: Final = 1_718_452_800
NEEDED: Final = {
    "metrics": {"metrics:read"},
    "metrics/{metric}": {"metrics:read"},
    "profiles": {"profiles:read"},
    "profiles/{profile}": {"profiles:read"},
    "stats": {"events:read", "metrics:read", "profiles:read"},
    "tail": {"events:read"},
    "scan": {"events:read", "metrics:read", "profiles:read"},
    "tail?include=metric": {"events:read", "metrics:read"},
    "tail?include=metric,profile": {"events:read", "metrics:read", "profiles:read"},
}
"""The paths, and the scopes that each needs."""
PLAIN: Final = tuple(path for path in NEEDED if "?" not in path)


class Shop:
    """An account with three metrics, three profiles and five events, the same in every account."""

    def __init__(self, server: ServerProcess, name: str) -> None:
        self.server, self.name = server, name
        (self.key,) = make_keys(server, name, "full")
        self.api = Api(server.url, self.key, PAGED_REVISION)
        self.api.create_many(
            [
                ("Order", {"email": "Ada@shop.example", "first_name": name}, {"unique_id": "1", "time": iso(START)}),
                ("Order", {"phone_number": "+15005550006"}, {"unique_id": "2", "time": iso(START + 1), "value": 3}),
                ("Order", {"external_id": "A 1"}, {"unique_id": "3", "time": iso(START + 2)}),
                ("View", {"email": "ada@shop.example"}, {"unique_id": "4", "time": iso(START + 9)}),
                ("Visit", {"email": "ada@shop.example"}, {"unique_id": "5", "time": iso(START - 9)}),
            ]
        )
        self.metric = self.data("metrics", name="Order")[0]["id"]
        self.profile = self.data("profiles", email="ada@shop.example")[0]["id"]

    def get(self, path: str, **query: str) -> httpx.Response:
        target = path.format(metric=self.metric, profile=self.profile) if "{" in path else path
        return self.api.http.get(f"/eventkeep/{target}", params=query or None)

    def document(self, path: str, **query: str) -> dict[str, Any]:
        response = self.get(path, **query)
        assert response.status_code == 200, response.text
        assert response.headers["Content-Type"] == "application/vnd.api+json"
        document: dict[str, Any] = response.json()
        return document

    def data(self, path: str, **query: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.document(path, **query)["data"]
        return found

    def with_scopes(self, *scopes: str) -> Api:
        (key,) = make_keys(self.server, self.name, ",".join(sorted(scopes)))
        return Api(self.server.url, key, PAGED_REVISION)

    def position(self) -> str:
        """The position of a reader that wants new events only."""
        position: str = self.document("tail")["meta"]["position"]
        return position

    def target(self, path: str) -> str:
        return "/eventkeep/" + path.format(metric=self.metric, profile=self.profile)


@pytest.fixture(scope="module")
def ours(server: ServerProcess) -> Iterator[Shop]:
    shop = Shop(server, "own routes, ours")
    with shop.api:
        yield shop


@pytest.fixture(scope="module")
def theirs(server: ServerProcess) -> Iterator[Shop]:
    shop = Shop(server, "own routes, theirs")
    with shop.api:
        yield shop


@pytest.fixture(scope="module")
def live(server: ServerProcess) -> Iterator[Shop]:
    """An account that gets new events."""
    shop = Shop(server, "own routes, live")
    with shop.api:
        yield shop


def names(resources: list[dict[str, Any]]) -> list[str]:
    return [each["attributes"]["name"] for each in resources]


# Permissions


def test_every_operation_is_tested() -> None:
    paths = {operation.path.removeprefix("/eventkeep/") for operation in ADMIN_OPERATIONS.values()}
    assert {path.replace("{metric}", "{id}").replace("{profile}", "{id}") for path in PLAIN} == paths


@pytest.mark.parametrize("path", PLAIN)
def test_requests_without_a_key_are_refused(ours: Shop, path: str) -> None:
    for key in (None, "pk_wrong"):
        with Api(ours.server.url, key) as api:
            response = api.http.get(ours.target(path))
        assert (response.status_code, fault_of(response)["code"]) == (401, "not_authenticated")


@pytest.mark.parametrize("path", NEEDED)
def test_exactly_the_needed_scopes_are_enough_and_each_missing_one_is_named(ours: Shop, path: str) -> None:
    with ours.with_scopes(*NEEDED[path]) as api:
        assert api.http.get(ours.target(path)).status_code == 200
    for missing in NEEDED[path]:
        with ours.with_scopes(*(set(SCOPES) - {missing})) as api:
            response = api.http.get(ours.target(path))
        assert (response.status_code, fault_of(response)["code"]) == (403, "permission_denied")
        assert {scope for scope in SCOPES if scope in fault_of(response)["detail"]} == {missing}


def test_key_without_events_read_does_not_get_counts(ours: Shop) -> None:
    with ours.with_scopes("metrics:read") as api:
        for path in ("metrics", "metrics/{metric}"):
            assert "meta" not in api.http.get(ours.target(path)).text


@pytest.mark.parametrize("path", PLAIN)
def test_paths_and_methods_are_those_that_there_are(ours: Shop, path: str) -> None:
    target = ours.target(path)
    assert ours.api.http.get(f"{target}/").status_code == 200
    assert ours.api.http.get(f"{target}/nothing/more").status_code == 404
    for method in ("POST", "DELETE"):
        response = ours.api.http.request(method, target)
        assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("path", ["", "nothing", "metrics/a/b", "Metrics", "stats/x", "%2e%2e/api/events"])
def test_there_is_nothing_else(ours: Shop, path: str) -> None:
    assert ours.get(path).status_code == 404


def test_revisions_are_those_of_the_api(ours: Shop) -> None:
    with Api(ours.server.url, ours.key, "nonsense") as api:
        assert fault_of(api.http.get("/eventkeep/metrics"))["source"] == {"parameter": "revision"}
    with Api(ours.server.url, ours.key, "2023-07-15") as api:
        response = api.http.get("/eventkeep/profiles", params={"external_id": "A 1"})
    assert response.headers["Content-Type"] == "application/json"
    # This revision leaves out fields without a value.
    assert "email" not in response.json()["data"][0]["attributes"]


def test_rate_limits_know_nothing_of_them(ours: Shop) -> None:
    assert not [name for name in ours.get("stats").headers if name.startswith("ratelimit")]


# Responses


def test_metrics_are_listed_with_their_events(ours: Shop) -> None:
    metrics = {each["attributes"]["name"]: each for each in ours.data("metrics")}
    assert {name: each["meta"]["events"] for name, each in metrics.items()} == {"Order": 3, "View": 1, "Visit": 1}
    order = metrics["Order"]
    assert order["meta"] == {"events": 3, "oldest_event": iso(START), "newest_event": iso(START + 2)}
    assert ours.data("metrics", name="View") == [metrics["View"]]
    assert ours.data("metrics", name="view") == []
    assert ours.document("metrics/{metric}")["data"] == order


def test_profiles_are_found_by_each_identifier(ours: Shop) -> None:
    (ada,) = ours.data("profiles", email=" ADA@shop.example")
    assert (ada["attributes"]["email"], ada["attributes"]["first_name"]) == ("ada@shop.example", ours.name)
    assert ada["attributes"]["last_event_date"] == iso(START + 9)
    assert ours.document("profiles/{profile}")["data"] == ada
    (phone,) = ours.data("profiles", phone_number="+1 500 555 0006")
    (customer,) = ours.data("profiles", external_id="A 1")
    assert ours.data("profiles", email="nobody@shop.example") == []
    assert [each["id"] for each in ours.data("profiles")] == [ada["id"], phone["id"], customer["id"]]
    assert [each["id"] for each in ours.data("profiles", sort="-created")] == [customer["id"], phone["id"], ada["id"]]


@pytest.mark.parametrize("query", [{}, {"sort": "-created"}])
@pytest.mark.parametrize("path", ["metrics", "profiles"])
def test_pages_of_one_hold_the_same_as_one_page(ours: Shop, path: str, query: dict[str, str]) -> None:
    if path == "metrics":
        query = {}
    whole = ours.document(path, **query)
    assert whole["links"]["next"] is None
    found, target = [], f"/eventkeep/{path}?" + "&".join(["page[size]=1", *(f"{k}={v}" for k, v in query.items())])
    while target:
        response = ours.api.http.get(target).json()
        assert len(response["data"]) == 1
        found += response["data"]
        target = response["links"]["next"]
    assert found == whole["data"]


def test_stats_count_everything(ours: Shop) -> None:
    attributes = ours.api.http.get("/eventkeep/stats").json()["data"]["attributes"]
    assert {name: attributes[name] for name in ("events", "profiles", "metrics", "oldest_event", "newest_event")} == {
        "events": 5,
        "profiles": 3,
        "metrics": 3,
        "oldest_event": iso(START - 9),
        "newest_event": iso(START + 9),
    }
    assert attributes["by_metric"][0] == {
        "id": ours.metric,
        "name": "Order",
        "events": 3,
        "oldest_event": iso(START),
        "newest_event": iso(START + 2),
    }
    assert [each["events"] for each in attributes["by_metric"]] == [3, 1, 1]
    assert attributes["event_bytes"] >= 0


def test_empty_account_has_empty_responses(server: ServerProcess) -> None:
    (key,) = make_keys(server, "own routes, empty", "full")
    with Api(server.url, key) as api:
        for path in ("metrics", "profiles", "tail"):
            assert api.http.get(f"/eventkeep/{path}").json()["data"] == []
        attributes = api.http.get("/eventkeep/stats").json()["data"]["attributes"]
    assert attributes["by_metric"] == []
    assert (attributes["events"], attributes["oldest_event"], attributes["event_bytes"]) == (0, None, 0)


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("metrics?page[size]=1001", "page[size]"),
        ("metrics?page[size]=0", "page[size]"),
        ("metrics?page[cursor]=zzzzzz", "page[cursor]"),
        ("metrics?filter=equals(name,'Order')", "filter"),
        ("metrics/{metric}?name=Order", "name"),
        ("profiles?email=nobody", "email"),
        ("profiles?page[cursor]=01GDDKASAP8TKDDA2GRZDSVP4H", "page[cursor]"),
        ("profiles?email=ada@shop.example&external_id=1", "external_id"),
        ("profiles/{profile}?fields[profile]=email", "fields[profile]"),
        ("stats?since=1", "since"),
        ("tail?after=nonsense", "after"),
        (f"tail?wait_seconds={FEED_WAIT_SECONDS_MAX + 1}", "wait_seconds"),
        ("tail?include=attributions", "include"),
    ],
)
def test_invalid_parameters_are_refused_by_name(ours: Shop, path: str, parameter: str) -> None:
    response = ours.api.http.get(ours.target(path))
    assert response.status_code == 400
    assert fault_of(response)["source"] == {"parameter": parameter}


# Accounts


def test_accounts_see_nothing_of_each_other(ours: Shop, theirs: Shop) -> None:
    assert sorted(names(ours.data("metrics"))) == sorted(names(theirs.data("metrics")))
    for path in ("metrics", "profiles"):
        own, others = ({each["id"] for each in shop.data(path)} for shop in (ours, theirs))
        assert len(own) == len(others) == 3
        assert not own & others
        for id in others:
            assert ours.get(f"{path}/{id}").status_code == 404
            assert ours.get(path, **{"page[cursor]": id}).status_code == 400
    for query in ({"email": "ada@shop.example"}, {"external_id": "A 1"}, {"phone_number": "+15005550006"}):
        assert ours.data("profiles", **query)[0]["id"] != theirs.data("profiles", **query)[0]["id"]


def test_readers_are_given_the_events_of_their_own_account(live: Shop, theirs: Shop) -> None:
    position = live.position()
    theirs.api.create("View", unique_id="theirs", time=iso(START + 8))
    assert live.data("tail", after=position) == []
    live.api.create("View", unique_id="live", time=iso(START + 8))
    document = live.document("tail", after=position, include="metric,profile")
    (event,) = document["data"]
    assert event["attributes"]["event_properties"]["$event_id"] == "live"
    assert {each["id"] for each in document["included"]} == {
        event["relationships"][kind]["data"]["id"] for kind in ("metric", "profile")
    }
    assert document["meta"]["skipped"] is False
    # A position is a moment of the server, and no secret: with another account's key it means the same moment.
    (event,) = theirs.data("tail", after=position)
    assert event["attributes"]["event_properties"]["$event_id"] == "theirs"


# New events


def test_waiting_reader_gets_a_response_when_an_event_is_stored(live: Shop) -> None:
    position = live.position()
    sending = threading.Timer(0.3, live.api.create, ["Late"], {"unique_id": "late"})
    sending.start()
    (event,) = live.data("tail", after=position, wait_seconds=str(FEED_WAIT_SECONDS_MAX))
    sending.join()
    assert event == live.api.call("get_event", event["id"]).json()["data"]


def test_reader_gets_every_event_once_with_any_page_size(live: Shop) -> None:
    position = live.position()
    times = [("Page", {"email": "ada@shop.example"}, {"unique_id": f"p{number}"}) for number in range(7)]
    live.api.create_many(times[:5])
    live.api.create_many(times[4:])
    seen: list[str] = []
    while page := (document := live.document("tail", **{"after": position, "page[size]": "2"}))["data"]:
        assert len(page) <= 2
        seen += [event["attributes"]["event_properties"]["$event_id"] for event in page]
        position = document["meta"]["position"]
    assert seen == [f"p{number}" for number in range(7)]


def test_too_many_waiting_readers_are_refused_and_others_still_served(live: Shop, theirs: Shop) -> None:
    position = live.position()

    def follow(_: int) -> int:
        return live.get("tail", after=position, wait_seconds="1").status_code

    with ThreadPoolExecutor(FEED_READERS_MAX + 5) as readers:
        statuses = readers.map(follow, range(FEED_READERS_MAX + 5))
        # Meanwhile another account follows as usual.
        assert theirs.get("tail").status_code == 200
        found = sorted(statuses)
    assert found == [200] * FEED_READERS_MAX + [503] * 5
    assert live.get("tail").status_code == 200


def test_restart_lets_readers_go_and_tells_them(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", rate_limits="hosted") as server:
        (key,) = make_keys(server, "default", "full")
        with Api(server.url, key) as api:
            position = api.http.get("/eventkeep/tail").json()["meta"]["position"]
            responses: list[httpx.Response] = []
            query = {"after": position, "wait_seconds": str(FEED_WAIT_SECONDS_MAX)}
            reader = threading.Thread(target=lambda: responses.append(api.http.get("/eventkeep/tail", params=query)))
            reader.start()
            wait_until_in_flight(api)
            started = time.monotonic()
            assert server.stop() == 0
            assert time.monotonic() - started < DRAIN_SECONDS_MAX
            reader.join()
            assert (responses[0].status_code, responses[0].json()["data"]) == (200, [])
        server.start()
        with Api(server.url, key) as api:
            api.create(unique_id="after the restart")
            after = responses[0].json()["meta"]["position"]
            document = api.http.get("/eventkeep/tail", params={"after": after}).json()
            assert document["meta"]["skipped"] is True
            (event,) = document["data"]
            assert event["attributes"]["event_properties"]["$event_id"] == "after the restart"
            again = api.http.get("/eventkeep/tail", params={"after": document["meta"]["position"]}).json()
            assert (again["data"], again["meta"]["skipped"]) == ([], False)
            # The limit of get_event is 10 per second; here there is none.
            assert {api.http.get("/eventkeep/stats").status_code for _ in range(30)} == {200}


def wait_until_in_flight(api: Api) -> None:
    """Return once the server has the request of another thread: requests that are sent after it have a response."""
    time.sleep(0.2)
    assert api.http.get("/healthz").status_code == 200

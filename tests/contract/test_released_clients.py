"""Requests that released clients send and the hosted service takes, as raw HTTP."""

from __future__ import annotations

import datetime
import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from eventkeep.protocol.revisions import REVISIONS
from eventkeep.testing import ServerProcess
from tests.contract.api import Api, fault_of, make_keys, single_body


@pytest.fixture(scope="module")
def api(server: ServerProcess) -> Iterator[Api]:
    (key,) = make_keys(server, "released clients", "full")
    with Api(server.url, key, "2026-07-15") as made:
        made.create("Order", time="2024-06-15T12:00:00Z", unique_id="order")
        made.create("View", time="2024-06-15T12:00:01Z", unique_id="view")
        made.create("Click", time="2024-06-15T12:00:02Z", unique_id="click")
        yield made


def metric_ids(api: Api) -> dict[str, str]:
    """The ids of the account's metrics, by name."""
    return {each["attributes"]["name"]: each["id"] for each in api.page(include="metric")["included"]}


def unique_ids(api: Api, **query: str) -> list[str]:
    return [event["attributes"]["event_properties"]["$event_id"] for event in api.events(**query)]


def test_metric_that_does_not_exist_is_named(api: Api) -> None:
    known = metric_ids(api)["Order"]
    for filtered, unknown in (
        ('equals(metric_id,"ZZZZZZ")', "['ZZZZZZ']"),
        (f'equals(metric_id,["{known}","ZZZZZZ","YYYYYY"])', "['ZZZZZZ', 'YYYYYY']"),
    ):
        response = api.call("get_events", query={"filter": filtered})
        assert response.status_code == 400
        fault = fault_of(response)
        assert fault["detail"] == f"Metric IDs {unknown} do not exist."
        assert (fault["code"], fault["source"]) == ("invalid", {"parameter": "filter"})


def test_several_metrics_are_one_list_in_the_order_of_the_page(api: Api) -> None:
    ids = metric_ids(api)
    filtered = f'equals(metric_id,["{ids["Order"]}","{ids["Click"]}"])'
    assert unique_ids(api, filter=filtered) == ["click", "order"]
    assert unique_ids(api, filter=filtered, sort="datetime") == ["order", "click"]
    page = api.page(filter=filtered, **{"page[size]": "1"})
    following = api.http.get(page["links"]["next"]).json()
    found = [event["attributes"]["event_properties"]["$event_id"] for event in (*page["data"], *following["data"])]
    assert (found, following["links"]["next"]) == (["click", "order"], None)
    assert unique_ids(api, filter="equals(metric_id,[])") == []


@pytest.mark.parametrize("revision", [revision.date for revision in REVISIONS])
def test_times_in_the_future_are_no_lower_bounds(api: Api, revision: str) -> None:
    tomorrow = (datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for operator, status in (
        ("greater-than", 400),
        ("greater-or-equal", 400),
        ("less-than", 200),
        ("less-or-equal", 200),
    ):
        query = {"filter": f"{operator}(datetime,{tomorrow})"}
        response = api.call("get_events", query=query, headers={"revision": revision})
        assert response.status_code == status
        if status == 400:
            assert fault_of(response)["source"] == {"parameter": "filter"}


def test_timestamps_may_have_decimals(api: Api) -> None:
    assert unique_ids(api, filter="greater-than(timestamp,1718452801.5)") == ["click"]
    assert unique_ids(api, filter="less-or-equal(timestamp,1718452800.5)") == ["order"]


def test_include_may_be_given_twice(api: Api) -> None:
    response = api.http.get("/api/events/?include=metric&include=profile&fields[metric]=name&fields[metric]=created")
    assert response.status_code == 200
    included: list[dict[str, Any]] = response.json()["included"]
    assert {each["type"] for each in included} == {"metric", "profile"}
    assert {tuple(each["attributes"]) for each in included if each["type"] == "metric"} == {("name", "created")}


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "X-Gzip"])
def test_gzip_has_two_names(api: Api, encoding: str) -> None:
    body = gzip.compress(json.dumps(single_body("Zipped", unique_id=encoding)).encode())
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    response = api.http.post("/api/events/", content=body, headers=headers)
    assert (response.status_code, response.headers["Eventkeep-Events-Stored"]) == (202, "1")


@pytest.mark.parametrize("revision", [revision.date for revision in REVISIONS])
def test_included_metrics_have_their_flows_and_profiles_their_anonymous_id(api: Api, revision: str) -> None:
    response = api.call("get_events", query={"include": "metric,profile"}, headers={"revision": revision})
    included = response.json()["included"]
    for resource in included:
        if resource["type"] == "profile":
            assert ("anonymous_id" in resource["attributes"]) == (revision >= "2025-04-15")
        elif revision < "2024-07-15":
            assert "relationships" not in resource
        else:
            own = resource["links"]["self"]
            assert resource["relationships"] == {
                "flow-triggers": {
                    "links": {"self": f"{own}relationships/flow-triggers/", "related": f"{own}flow-triggers/"}
                }
            }

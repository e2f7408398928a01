"""The routes of metrics and accounts, in every revision: documents, scopes, limits, refusals."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any, Final

import httpx
import jsonschema_rs
import pytest

from eventkeep.limits import METRICS_PER_PAGE
from eventkeep.protocol.operations import OPERATIONS
from eventkeep.protocol.revisions import REVISIONS, Revision
from eventkeep.testing import ServerProcess
from tests.contract.api import Api, fault_of, make_keys, single_body
from tests.contract.upstream import as_json_schema, load_neighbours

FAMILIES: Final = ("Metrics", "Accounts")
NAMES: Final = [name for name, operation in OPERATIONS.items() if operation.tag in FAMILIES]
YEAR: Final = datetime.datetime.now(datetime.UTC).year - 1
RANGE: Final = [
    f"greater-or-equal(datetime,{YEAR}-06-01T00:00:00)",
    f"less-than(datetime,{YEAR}-06-04T00:00:00)",
]


class Account:
    """An account with three metrics and a few events, and the ids in the paths of its operations."""

    def __init__(self, server: ServerProcess, name: str) -> None:
        self.server, self.name = server, name
        with self.api("full") as api:
            for number, (day, who) in enumerate([("01", "a"), ("01", "b"), ("01", "a"), ("03", "a")]):
                api.create(
                    "Placed Order",
                    {"email": f"{who}@shop.example"},
                    time=f"{YEAR}-06-{day}T12:00:0{number}Z",
                    value=number + 0.5,
                    value_currency="EUR" if number else "USD",
                    properties={"URL": "/a" if number % 2 else "/b", "items": ["x", "y"], "ok": True, "n": 1},
                )
            api.create("Viewed Product", time=f"{YEAR}-06-02T00:00:00Z")
            body = single_body("Refunded Order", time=f"{YEAR}-06-02T00:00:00Z")
            body["data"]["attributes"]["metric"]["data"]["attributes"]["service"] = "shop"
            assert api.call("create_event", body=body).status_code == 202
            metrics = api.http.get("/api/metrics").json()["data"]
            self.metrics = {each["attributes"]["name"]: each["id"] for each in metrics}
            self.metric = self.metrics["Placed Order"]
            self.id: str = api.http.get("/api/accounts").json()["data"][0]["id"]
            properties = api.http.get(f"/api/metrics/{self.metric}/metric-properties").json()["data"]
            self.properties = {each["attributes"]["property"]: each["id"] for each in properties}

    def api(self, scopes: str, revision: str = "2026-07-15") -> Api:
        return Api(self.server.url, make_keys(self.server, self.name, scopes)[0], revision)

    def path(self, name: str) -> str:
        path = OPERATIONS[name].path
        ids = {"metrics": self.metric, "metric-properties": self.properties["URL"], "accounts": self.id}
        return path.format(id=ids.get(path.split("/")[2], ""))

    def call(self, api: Api, name: str, query: dict[str, str] | None = None) -> httpx.Response:
        body = aggregate(self.metric) if name == "query_metric_aggregates" else None
        return api.http.request(OPERATIONS[name].method, self.path(name), params=query, json=body)


def aggregate(metric: str, **attributes: Any) -> dict[str, Any]:
    """The body of a query for aggregates."""
    asked = {"metric_id": metric, "measurements": ["count"], "filter": RANGE, **attributes}
    return {"data": {"type": "metric-aggregate", "attributes": asked}}


@pytest.fixture(scope="module")
def account(server: ServerProcess) -> Account:
    return Account(server, "metric routes")


@pytest.fixture(scope="module")
def api(account: Account) -> Iterator[Api]:
    with account.api("full") as made:
        yield made


def described(revision: Revision, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The upstream document and its operation."""
    document = load_neighbours(revision.date)
    operation = OPERATIONS[name]
    return document, document["paths"][operation.path][operation.method.lower()]


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: revision.date)
def test_operations_are_the_documents(revision: Revision) -> None:
    document = load_neighbours(revision.date)
    groups = ("/api/metrics/", "/api/metric-properties/", "/api/metric-aggregates/", "/api/accounts/")
    theirs = {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if path.startswith(groups)
    }
    ours = {(OPERATIONS[name].method, OPERATIONS[name].path): OPERATIONS[name] for name in NAMES}
    assert {place for place, each in ours.items() if each.name in revision.operations} == theirs.keys()
    for place, upstream in theirs.items():
        operation = ours[place]
        assert sorted(operation.scopes) == sorted(upstream["x-klaviyo-scopes"])
        limit, limits = operation.limit.at(revision.date), upstream["x-klaviyo-ratelimit"]
        assert (f"{limit.burst}/s", f"{limit.steady}/m") == (limits["burst"], limits["steady"])
        statuses = {str(status) for status in operation.statuses.at(revision.date)}
        assert statuses == upstream["responses"].keys() - {"4XX", "5XX"}


@pytest.mark.parametrize("revision", REVISIONS, ids=lambda revision: revision.date)
def test_responses_validate_against_the_documents(account: Account, revision: Revision) -> None:
    with account.api("full", revision.date) as api:
        for name in NAMES:
            if name not in revision.operations:
                assert account.call(api, name).status_code == 404
                continue
            document, upstream = described(revision, name)
            (status,) = OPERATIONS[name].statuses.at(revision.date)
            response = account.call(api, name)
            assert (response.status_code, response.headers["Content-Type"]) == (status, revision.media_type)
            validator_of(document, upstream, status).validate(response.json())
            for parameter in upstream["parameters"]:
                values = parameter["schema"].get("items", {}).get("enum", [])
                for value in [*values, ",".join(values)] if values else []:
                    found = account.call(api, name, {parameter["name"]: value})
                    assert found.status_code == status, (name, parameter["name"], value, found.text)


def validator_of(document: dict[str, Any], operation: dict[str, Any], status: int) -> jsonschema_rs.Validator:
    (content,) = operation["responses"][str(status)]["content"].values()
    schemas = as_json_schema(document["components"]["schemas"])
    for link in ("next", "prev"):
        schemas["CollectionLinks"]["properties"][link] = {"type": ["string", "null"], "format": "uri"}
    schema = {**as_json_schema(content["schema"]), "components": {"schemas": schemas}}
    return jsonschema_rs.validator_for(schema, validate_formats=True)


@pytest.mark.parametrize("name", NAMES)
def test_exactly_the_needed_scopes_are_enough(account: Account, name: str) -> None:
    with account.api(",".join(OPERATIONS[name].scopes)) as api:
        assert account.call(api, name).status_code == 200
    with account.api("events:read,profiles:read") as api:
        response = account.call(api, name)
    assert response.status_code == 403
    assert all(scope in fault_of(response)["detail"] for scope in OPERATIONS[name].scopes)


def test_flows_need_their_scope(account: Account) -> None:
    with account.api("metrics:read") as api:
        response = account.call(api, "get_metrics", {"include": "flow-triggers"})
    assert response.status_code == 403
    assert "flows:read" in fault_of(response)["detail"]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_another_account_is_seen(server: ServerProcess, account: Account, name: str) -> None:
    with Api(server.url, make_keys(server, "other metric routes", "full")[0], "2026-07-15") as other:
        response = account.call(other, name)
    if name == "query_metric_aggregates":
        assert response.status_code == 400
        assert fault_of(response)["source"] == {"pointer": "/data/attributes/metric_id"}
    elif "{id}" in OPERATIONS[name].path:
        assert (response.status_code, fault_of(response)["code"]) == (404, "not_found")
    else:
        assert account.metric not in response.text
        assert account.id not in response.text


# Lists


@pytest.mark.parametrize(
    ("filtered", "expected"),
    [
        ('equals(integration.name,"API")', {"Placed Order", "Viewed Product"}),
        ('equals(integration.name,"shop")', {"Refunded Order"}),
        ('equals(integration.category,"API")', {"Placed Order", "Viewed Product", "Refunded Order"}),
        ('equals(integration.category,"Ecommerce")', set[str]()),
        ('equals(integration.category,"API"),equals(integration.name,"shop")', {"Refunded Order"}),
    ],
)
def test_metrics_are_chosen_by_their_integration(api: Api, filtered: str, expected: set[str]) -> None:
    page = api.http.get("/api/metrics/", params={"filter": filtered}).json()
    assert {each["attributes"]["name"] for each in page["data"]} == expected


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"filter": 'equals(name,"x")'}, "filter"),
        ({"filter": 'contains(integration.name,"x")'}, "filter"),
        ({"page[size]": "10"}, "page[size]"),
        ({"page[cursor]": "bm9wZQ"}, "page[cursor]"),
        ({"fields[metric]": "x"}, "fields[metric]"),
        ({"include": "profile"}, "include"),
        ({"sort": "name"}, "sort"),
    ],
)
def test_queries_that_can_not_be_meant_are_refused(api: Api, query: dict[str, str], parameter: str) -> None:
    response = api.http.get("/api/metrics/", params=query)
    assert response.status_code == 400
    assert fault_of(response)["source"] == {"parameter": parameter}


def test_pages_have_200_metrics_and_lead_on(server: ServerProcess) -> None:
    count = METRICS_PER_PAGE + 3
    with Api(server.url, make_keys(server, "many metrics", "full")[0], "2026-07-15") as api:
        api.create_many([(f"Metric {number:03d}", {"email": "ada@shop.example"}, {}) for number in range(count)])
        first = api.http.get("/api/metrics").json()
        second = api.http.get(first["links"]["next"]).json()
        assert [len(page["data"]) for page in (first, second)] == [METRICS_PER_PAGE, 3]
        assert second["links"]["next"] is None
        names = [each["attributes"]["name"] for page in (first, second) for each in page["data"]]
        assert names == [f"Metric {number:03d}" for number in range(count)]
        other = api.http.get(f"{first['links']['next']}&filter=equals(integration.name,'API')")
        assert (other.status_code, fault_of(other)["source"]) == (400, {"parameter": "page[cursor]"})


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("/api/metrics/NOPE01", "Metric with id NOPE01 does not exist."),
        ("/api/metrics/NOPE01/metric-properties", "Metric with id NOPE01 does not exist."),
        ("/api/metrics/NOPE01/relationships/flow-triggers", "Metric with id NOPE01 does not exist."),
        ("/api/metric-properties/nope", "Metric property with id nope does not exist."),
        (f"/api/metric-properties/{'0' * 32}/metric", f"Metric property with id {'0' * 32} does not exist."),
        ("/api/accounts/NOPE01", "Account with id NOPE01 does not exist."),
    ],
)
def test_ids_that_do_not_exist_are_named(api: Api, path: str, detail: str) -> None:
    response = api.http.get(path)
    assert response.status_code == 404
    fault = fault_of(response)
    assert (fault["code"], fault["detail"], fault["source"]) == ("not_found", detail, {"pointer": "/data/"})


def test_properties_come_from_events(account: Account, api: Api) -> None:
    query = {"additional-fields[metric-property]": "sample_values"}
    page = api.http.get(f"/api/metrics/{account.metric}/metric-properties", params=query).json()
    found = {each["attributes"]["property"]: each["attributes"] for each in page["data"]}
    assert {name: each["inferred_type"] for name, each in found.items()} == {
        "URL": "Text",
        "items": "List",
        "ok": "Boolean",
        "n": "Number",
    }
    assert found["items"]["sample_values"] == ["x", "y"]
    assert sorted(found["URL"]["sample_values"]) == ["/a", "/b"]
    single = api.http.get(f"/api/metric-properties/{account.properties['URL']}", params={"include": "metric"}).json()
    assert single["data"]["attributes"] == {"label": "URL", "property": "URL", "inferred_type": "Text"}
    assert [each["id"] for each in single["included"]] == [account.metric]


def test_account_has_its_name_and_its_public_key(account: Account, api: Api) -> None:
    (found,) = api.http.get("/api/accounts").json()["data"]
    assert found["attributes"]["public_api_key"] == found["id"] == account.id
    assert len(found["id"]) == 6
    assert found["attributes"]["contact_information"]["organization_name"] == "metric routes"


# Aggregates


def measured(api: Api, metric: str, **attributes: Any) -> tuple[list[str], list[tuple[list[str], dict[str, Any]]]]:
    response = api.http.post("/api/metric-aggregates", json=aggregate(metric, **attributes))
    assert response.status_code == 200, response.text
    found = response.json()["data"]["attributes"]
    return found["dates"], [(row["dimensions"], row["measurements"]) for row in found["data"]]


def test_counts_sums_and_profiles_by_day(account: Account, api: Api) -> None:
    dates, rows = measured(api, account.metric, measurements=["count", "sum_value", "unique"])
    assert dates == [f"{YEAR}-06-0{day}T00:00:00+00:00" for day in (1, 2, 3)]
    assert rows == [([], {"count": [3, 0, 1], "sum_value": [4.5, 0.0, 3.5], "unique": [2, 0, 1]})]


def test_buckets_are_days_of_the_zone_and_dates_are_in_utc(account: Account, api: Api) -> None:
    dates, rows = measured(api, account.metric, timezone="America/New_York")
    assert dates == [f"{YEAR}-06-0{day}T04:00:00+00:00" for day in (1, 2, 3)]
    assert rows == [([], {"count": [3, 0, 1]})]


def test_groups_by_dimensions(account: Account, api: Api) -> None:
    _, rows = measured(api, account.metric, by=["URL"])
    assert rows == [(["/a"], {"count": [1, 0, 1]}), (["/b"], {"count": [2, 0, 0]})]
    _, rows = measured(api, account.metric, by=["URL", "$message"], sort="-count", interval="month")
    assert rows == [(["/a", ""], {"count": [2]}), (["/b", ""], {"count": [2]})]
    _, rows = measured(api, account.metric, by=["$value_currency"], measurements=["sum_value"], interval="month")
    assert rows == [(["EUR"], {"sum_value": [7.5]}), (["USD"], {"sum_value": [0.5]})]
    _, rows = measured(api, account.metric, filter=[*RANGE, 'equals(URL,"/a")'])
    assert rows == [([], {"count": [1, 0, 1]})]
    _, rows = measured(api, account.metric, filter=[*RANGE, 'any(URL,["/a","/c"])'], by=["URL"])
    assert rows == [(["/a"], {"count": [1, 0, 1]})]


def test_rows_have_pages(account: Account, api: Api) -> None:
    asked = aggregate(account.metric, by=["URL"], page_size=1)
    first = api.http.post("/api/metric-aggregates", json=asked).json()["data"]
    asked["data"]["attributes"]["page_cursor"] = first["links"]["next"]
    second = api.http.post("/api/metric-aggregates", json=asked).json()["data"]
    assert [page["attributes"]["data"][0]["dimensions"] for page in (first, second)] == [["/a"], ["/b"]]
    assert "next" not in second["links"]
    asked["data"]["attributes"]["by"] = ["$message"]
    assert api.http.post("/api/metric-aggregates", json=asked).status_code == 400


@pytest.mark.parametrize(
    ("attributes", "pointer"),
    [
        ({"filter": RANGE[:1]}, "/filter"),
        ({"filter": RANGE[1:]}, "/filter"),
        ({"filter": []}, "/filter"),
        ({"filter": [*RANGE, "nonsense"]}, "/filter/2"),
        ({"filter": [*RANGE, 'equals(sku,"x")']}, "/filter/2"),
        ({"filter": [RANGE[0].replace("06-01", "07-01"), RANGE[1]]}, "/filter"),
        ({"filter": [RANGE[0].replace(str(YEAR), str(YEAR - 2)), RANGE[1]]}, "/filter"),
        ({"measurements": ["mean"]}, "/measurements/0"),
        ({"measurements": []}, "/measurements"),
        ({"interval": "year"}, "/interval"),
        ({"timezone": "america/new_york"}, "/timezone"),
        ({"timezone": "../etc/passwd"}, "/timezone"),
        ({"by": ["sku"]}, "/by/0"),
        ({"sort": "sku"}, "/sort"),
        ({"page_size": 0}, "/page_size"),
        ({"metric_id": "NOPE01"}, "/metric_id"),
        ({"unknown": 1}, "/unknown"),
    ],
)
def test_queries_for_aggregates_that_can_not_be_meant_are_refused(
    account: Account, api: Api, attributes: dict[str, Any], pointer: str
) -> None:
    response = api.http.post("/api/metric-aggregates", json=aggregate(account.metric, **attributes))
    assert response.status_code == 400
    assert fault_of(response)["source"] == {"pointer": f"/data/attributes{pointer}"}


@pytest.mark.parametrize("date", [revision.date for revision in REVISIONS])
def test_dimensions_are_the_documents(account: Account, date: str) -> None:
    body = load_neighbours(date)["components"]["schemas"]["MetricAggregateQueryResourceObject"]
    known = set(body["properties"]["attributes"]["properties"]["by"]["items"]["enum"])
    every = load_neighbours("2026-07-15")["components"]["schemas"]["MetricAggregateQueryResourceObject"]
    with account.api("full", date) as api:
        for name in every["properties"]["attributes"]["properties"]["by"]["items"]["enum"]:
            response = api.http.post("/api/metric-aggregates", json=aggregate(account.metric, by=[name]))
            assert (response.status_code < 300) == (name in known), name

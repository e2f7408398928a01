"""URLs as clients really send them, and the address in the links of a response."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import msgspec
import pytest

from eventkeep.testing import ServerProcess
from tests.contract.api import PAGED_REVISION, PATHS, Api, body_for, make_keys, single_body

SECOND: Final = 1_718_452_800


class RawResponse(msgspec.Struct, frozen=True):
    status: int
    headers: bytes
    body: Any


class Line:
    """Sends request targets byte for byte, which client libraries do not; one connection per request."""

    def __init__(self, server: ServerProcess, key: str, revision: str = PAGED_REVISION) -> None:
        self._port, self._key, self._revision = server.port, key, revision

    def __call__(
        self, target: str | bytes, method: str = "GET", body: Any = None, version: str = "1.1", **headers: str | None
    ) -> RawResponse:
        content = b"" if body is None else json.dumps(body).encode()
        sent = {
            "host": f"127.0.0.1:{self._port}",
            "connection": "close",
            "authorization": f"Klaviyo-API-Key {self._key}",
            "revision": self._revision,
            "content-length": str(len(content)),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items() if value is not None)
        raw_target = target.encode() if isinstance(target, str) else target
        with socket.create_connection(("127.0.0.1", self._port), timeout=30) as connection:
            connection.sendall(
                b"%b %b HTTP/%b\r\n%b\r\n%b"
                % (method.encode(), raw_target, version.encode(), lines.encode("latin-1"), content)
            )
            response = b"".join(iter(lambda: connection.recv(65_536), b""))
        head, _, rest = response.partition(b"\r\n\r\n")
        return RawResponse(int(head.split()[1]), head, json.loads(rest) if rest else None)


class Shop(msgspec.Struct):
    line: Line
    event: str
    metric: str


def fill(server: ServerProcess, account: str) -> Shop:
    (key,) = make_keys(server, account, "full")
    with Api(server.url, key) as api:
        api.create(unique_id="1", time="2024-06-15T12:00:00Z")
        api.create(unique_id="2", time="2024-06-15T12:00:01Z")
        first = api.events(sort="datetime")[0]
    return Shop(Line(server, key), first["id"], first["relationships"]["metric"]["data"]["id"])


@pytest.fixture(scope="module")
def shop(server: ServerProcess) -> Shop:
    return fill(server, "urls")


# Paths


@pytest.fixture(scope="module")
def growing(server: ServerProcess) -> Shop:
    """A shop in which more events may be created."""
    return fill(server, "slashes")


@pytest.mark.parametrize("operation", PATHS)
def test_both_slash_forms_get_the_same_response_without_a_redirect(growing: Shop, operation: str) -> None:
    method, path = PATHS[operation]
    path = path.format(id=growing.event)
    with_slash, without = (growing.line(form, method, body_for(operation)) for form in (path, path.rstrip("/")))
    assert with_slash.status == without.status == (202 if method == "POST" else 200)
    if method == "GET":
        assert with_slash.body["data"] == without.body["data"]
        assert with_slash.body["links"]["self"].endswith(path)
        assert without.body["links"]["self"].endswith(path.rstrip("/"))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/%65vents/", 200),
        ("/api/events/?", 200),
        ("/api", 404),
        ("/api/", 404),
        ("/api/event/", 404),
        ("/api/events/x/y/", 404),
        ("/api/events/x/metric/z/", 404),
        ("/api/event-bulk-create-jobs/x/", 404),
        ("/api//events", 200),
        ("//api/events", 200),
        ("///api////events//", 200),
        ("/API/EVENTS", 404),
        ("/api/events/%ff/", 400),
        ("/api/events/%00/", 400),
        ("/api/events/%0d%0aX:%20y/", 400),
        ("/api/events/%F0%9F%A6%8A/", 400),
        ("/api/events/x%2Fmetric/", 400),
        ("/api/events/a%2Fb/", 404),
        ("/api/events/../../healthz", 404),
    ],
)
def test_path_that_is_none_gets_an_error_document(shop: Shop, path: str, status: int) -> None:
    response = shop.line(path)
    assert response.status == status
    if status != 200:
        (fault,) = response.body["errors"]
        assert fault["status"] == status
        assert fault["code"] == {404: "not_found", 400: "invalid"}[status]
        assert re.match(r"Invalid Event ID: |The path .* could not be found$", fault["detail"], re.DOTALL)


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("DELETE", "/api/events/", "GET, POST, HEAD, OPTIONS"),
        ("PUT", "/api/events", "GET, POST, HEAD, OPTIONS"),
        ("GET", "/api/event-bulk-create-jobs/", "POST, OPTIONS"),
        ("POST", "/api/events/x/", "GET, HEAD, OPTIONS"),
        ("PATCH", "/api/events/x/metric/", "GET, HEAD, OPTIONS"),
        ("HEAD", "/api/event-bulk-create-jobs/", "POST, OPTIONS"),
        ("PATCH", "/api/events/", "GET, POST, HEAD, OPTIONS"),
    ],
)
def test_method_that_is_not_allowed_is_405_with_those_that_are(shop: Shop, method: str, path: str, allow: str) -> None:
    response = shop.line(path, method)
    assert response.status == 405
    assert f"\r\nallow: {allow}\r\n".encode() in response.headers
    if method != "HEAD":
        assert response.body["errors"][0]["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        ("/api/events/", "GET, POST, HEAD, OPTIONS"),
        ("//api/event-bulk-create-jobs", "POST, OPTIONS"),
        ("/api/events/x/relationships/profile", "GET, HEAD, OPTIONS"),
        ("/eventkeep/stats", "GET, HEAD, OPTIONS"),
    ],
)
def test_options_tell_the_methods_without_a_key(shop: Shop, path: str, allow: str) -> None:
    response = shop.line(path, "OPTIONS", authorization=None, revision=None)
    assert (response.status, response.body) == (204, None)
    assert f"\r\nallow: {allow}\r\n".encode() in response.headers


@pytest.mark.parametrize("path", ["/api/events/", "/api/events/{event}", "/eventkeep/stats"])
def test_head_is_get_without_a_body(server: ServerProcess, shop: Shop, path: str) -> None:
    target = path.format(event=shop.event)
    (key,) = make_keys(server, "urls", "full")
    with Api(server.url, key) as api:
        read = api.http.get(target)
        head = api.http.head(target)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Length"] == str(len(read.content))
        assert head.headers["Content-Type"] == read.headers["Content-Type"]
        assert api.http.head("/api/events/x/").status_code == 400
        # The connection is still in step.
        assert api.http.get(target).json() == read.json()


@pytest.mark.parametrize("slashes", ["//", "///"])
def test_several_slashes_are_one_also_for_a_create(growing: Shop, slashes: str) -> None:
    response = growing.line(f"{slashes}api/events/")
    assert response.body["links"]["self"] == growing.line("/api/events/").body["links"]["self"]
    created = growing.line(f"{slashes}api/events/", "POST", single_body(unique_id=f"slashes {len(slashes)}"))
    assert created.status == 202
    assert b"\r\neventkeep-events-stored: 1\r\n" in created.headers


# Query strings


@pytest.mark.parametrize(
    "query",
    [
        "fields[event]=timestamp,uuid&filter=equals(metric_id,'{metric}')&sort=datetime&page[size]=1",
        "fields%5Bevent%5D=timestamp%2Cuuid&filter=equals%28metric_id%2C%27{metric}%27%29&sort=datetime&page%5Bsize%5D=1",
        "fields%5bevent%5d=timestamp%2cuuid&filter=equals%28metric_id%2c%22{metric}%22%29&sort=datetime&page%5bsize%5d=1",
        "fields[event]=timestamp,uuid&filter=equals(metric_id,+%22{metric}%22)&sort=datetime&page[size]=1",
        "fields[event]=timestamp,uuid&filter=equals(metric_id,%20%22{metric}%22)&sort=datetime&page[size]=1",
        "&sort=datetime&&filter=equals(metric_id,'{metric}')&page[size]=1&fields[event]=timestamp,uuid&",
        "sort=%64atetime&filter=and(equals(metric_id,'{metric}'))&page[size]=1&%66ields[event]=timestamp,uuid",
    ],
)
def test_every_encoding_of_a_query_asks_the_same(shop: Shop, query: str) -> None:
    response = shop.line("/api/events?" + query.format(metric=shop.metric))
    assert response.status == 200
    (event,) = response.body["data"]
    assert event["id"] == shop.event
    assert event["attributes"].keys() == {"timestamp", "uuid"}
    own = response.body["links"]["self"]
    # The link is percent-encoded throughout, and means the same request.
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/api/events\?[A-Za-z0-9_.~%=&-]+", own)
    assert shop.line(own[own.index("/api") :]).body == response.body
    following = response.body["links"]["next"]
    assert len(shop.line(following[following.index("/api") :]).body["data"]) == 1


@pytest.mark.parametrize(
    "moment",
    [
        "2024-06-15T12:00:01Z",
        "2024-06-15T12:00:01%2B00:00",
        "2024-06-15T12:00:01+00:00",
        "2024-06-15T14:00:01%2b02%3a00",
        "2024-06-15%2012:00:01",
        "2024-06-15T12%3A00%3A01.000Z",
    ],
)
def test_datetimes_are_read_however_their_offset_is_encoded(shop: Shop, moment: str) -> None:
    response = shop.line(f"/api/events?filter=greater-or-equal(datetime,{moment})")
    assert response.status == 200
    assert [event["attributes"]["timestamp"] for event in response.body["data"]] == [SECOND + 1]


@pytest.mark.parametrize("text", ["é", "日本", "🦊", "a b"])
def test_text_beyond_ascii_comes_encoded_or_plain(shop: Shop, text: str) -> None:
    asked = f"equals(metric_id,'{text}')"
    plain = shop.line(f"/api/events?filter={asked.replace(' ', '+')}")
    encoded = shop.line(f"/api/events?filter={quote(asked)}")
    for response in (plain, encoded):
        assert response.status == 400
        assert response.body["errors"][0]["detail"] == f"Metric IDs ['{text}'] do not exist."


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("filter=%ff", "filter"),
        ("sort", "sort"),
        ("sort=datetime&sort=datetime", "sort"),
        ("page[size]=1%", "page[size]"),
        ("Sort=datetime", "Sort"),
        ("=x", ""),
        ("fields[]=x", "fields[]"),
        ("page[number]=1", "page[number]"),
        ("sort=datetime%26include=metric", "sort"),
    ],
)
def test_query_that_can_not_be_meant_is_refused_by_name(shop: Shop, query: str, parameter: str) -> None:
    response = shop.line(f"/api/events?{query}")
    assert response.status == 400
    assert [fault["source"] for fault in response.body["errors"]] == [{"parameter": parameter}]


def test_very_long_query_is_refused(shop: Shop) -> None:
    response = shop.line(f"/api/events?filter={'x' * 17_000}")
    assert (response.status, response.body["errors"][0]["code"]) == (400, "invalid")


@pytest.mark.parametrize("form", ["{cursor}", "={cursor}", "%3D{cursor}", "{link}", "{link}%26sort%3Ddatetime"])
def test_cursor_is_taken_in_every_form(shop: Shop, form: str) -> None:
    first = shop.line("/api/events?sort=datetime&page[size]=1").body
    link = first["links"]["next"]
    cursor = link.partition("page%5Bcursor%5D=")[2]
    sent = form.format(cursor=cursor, link=quote(link, safe=""))
    second = shop.line(f"/api/events?sort=datetime&page[size]=1&page[cursor]={sent}")
    assert second.status == 200
    assert second.body["data"] != first["data"]
    assert second.body["links"]["next"] is None


# The address in links


FORWARDED: Final = {"x_forwarded_proto": "https", "x_forwarded_host": "events.shop.example"}


def base_of(response: RawResponse) -> str:
    """The start of all links of a response."""
    links = re.findall(r'"(https?://[^"]*?)/api/', json.dumps(response.body))
    assert links
    (base,) = set(links)
    return str(base)


def test_links_begin_with_the_host_of_the_request(shop: Shop) -> None:
    assert base_of(shop.line("/api/events?include=metric,profile", host="shop.example:8080")) == (
        "http://shop.example:8080"
    )
    assert base_of(shop.line("http://other.example/api/events", host="shop.example")) == "http://shop.example"


def test_links_have_the_address_of_the_server_without_a_host_header(server: ServerProcess, shop: Shop) -> None:
    assert base_of(shop.line("/api/events", version="1.0", host=None)) == server.url


def test_forwarded_headers_are_not_believed_by_default(server: ServerProcess, shop: Shop) -> None:
    assert base_of(shop.line("/api/events", **FORWARDED)) == server.url


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with ServerProcess(tmp_path_factory.mktemp("trusting") / "data", options=["--trust-forwarded"]) as server:
        yield fill(server, "default")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (FORWARDED, "https://events.shop.example"),
        ({"x_forwarded_proto": "https", "host": "shop.example"}, "https://shop.example"),
        ({"x_forwarded_host": "events.shop.example:444", "host": "a"}, "http://events.shop.example:444"),
        (
            {"x_forwarded_host": "outer.example, inner.example", "x_forwarded_proto": "https, http"},
            "https://outer.example",
        ),
        ({"x_forwarded_host": "", "x_forwarded_proto": "", "host": "shop.example"}, "http://shop.example"),
    ],
)
def test_forwarded_headers_are_used_if_the_setting_says_so(
    trusting: Shop, headers: dict[str, str], expected: str
) -> None:
    assert base_of(trusting.line("/api/events?include=profile", **headers)) == expected


def test_public_url_goes_before_everything(tmp_path: Path) -> None:
    options = [
        "--trust-forwarded",
        "--public-url",
        "https://public.example/events/",
        "--default-revision",
        "2026-07-15",
    ]
    with ServerProcess(tmp_path / "data", options=options) as server:
        line = fill(server, "default").line
        response = line("/api/events?page[size]=1", revision=None, **FORWARDED)
    # Without a revision header the server uses the setting's revision, which has page[size].
    assert response.status == 200
    assert base_of(response) == "https://public.example/events"
    assert response.body["links"]["next"].startswith("https://public.example/events/api/events?page%5Bsize%5D=1&")

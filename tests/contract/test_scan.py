"""The scan: the rows that pages of the API give, byte by byte, streamed; permissions, places, ends and limits."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from eventkeep import Client
from eventkeep.exporter.pages import Query
from eventkeep.exporter.source import page_rows, rows_of
from eventkeep.protocol.rows.frames import FrameHead, decode_head
from eventkeep.testing import ServerProcess
from tests.contract.api import PAGED_REVISION, Api, bulk_body, fault_of, iso, make_keys
from tests.cutting_proxy import CuttingProxy

START: Final = 1_718_452_800
OLD_REVISION: Final = "2024-07-15"
PROFILES: Final[list[dict[str, Any]]] = [
    {"email": "ada@shop.example", "first_name": 'Ada "é"\t', "last_name": "", "properties": {"n": 1.0, "x": None}},
    {"external_id": "7", "location": {"zip": "1", "city": "Paris 🗼", "latitude": 48.85}},
    {"anonymous_id": "anon", "phone_number": "+33612345678"},
    {"_kx": "kx-1"},
]
NAMES: Final = st.sampled_from(["a", "é b", '"', "$value", "$value_currency", "$event_id", "$extra", "a\\u0062"])
VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**53) | st.floats(-9, 9) | st.text(max_size=4) | st.just("EUR"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)
EVENTS: Final = st.lists(
    st.tuples(
        st.sampled_from(["Order", "Viewed é", "order"]),
        st.sampled_from(PROFILES),
        st.fixed_dictionaries(
            {"time": st.integers(START, START + 3).map(iso), "properties": st.dictionaries(NAMES, VALUES, max_size=3)},
            optional={
                "value": st.floats(0, 9) | st.integers(0, 9),
                "value_currency": st.just("EUR"),
                "unique_id": st.text('ab"\\é', min_size=1, max_size=2),
            },
        ),
    ),
    min_size=1,
    max_size=12,
)
Accounts = dict[str, str]


@pytest.fixture(scope="module")
def accounts(server: ServerProcess) -> Accounts:
    """Accounts with the same kind of events, and their keys."""
    return {name: make_keys(server, name, "full")[0] for name in ("scan one", "scan two")}


@pytest.fixture(scope="module")
def many(server: ServerProcess) -> str:
    """The key of an account with events of several frames, the second of each of which has ten."""
    (key,) = make_keys(server, "scan many", "full")
    with Api(server.url, key, PAGED_REVISION) as api:
        for start in range(0, 10_000, 1_000):
            api.create_many(
                [
                    (
                        "Order",
                        {"external_id": str(each % 700)},
                        {"unique_id": str(each), "time": iso(START + each // 10)},
                    )
                    for each in range(start, start + 1_000)
                ]
            )
    return key


def both(url: str, key: str, query: Query, revision: str = PAGED_REVISION) -> bytes:
    """The rows of a query, by the scan and by pages, which are equal."""
    with Client(key, url, revision) as client:
        with rows_of(client, query) as lots:
            scanned = b"".join(lot.lines for lot in lots)
        paged = b"".join(lot.lines for lot in page_rows(client, query))
    assert scanned == paged
    return scanned


def frames_of(response: httpx.Response) -> Iterator[tuple[FrameHead, bytes]]:
    """The frames in a response that was read."""
    rest = response.content
    while rest:
        line, _, rest = rest.partition(b"\n")
        head = decode_head(line)
        yield head, rest[: head.bytes]
        rest = rest[head.bytes :]


@given(events=EVENTS, is_pretty=st.booleans(), place=st.integers(0, 1))
@example(
    events=[
        ("Order", PROFILES[0], {"time": iso(START), "value": 0, "unique_id": "b", "properties": {"$extra": {"x": 1}}}),
        ("Order", PROFILES[3], {"time": iso(START), "unique_id": "b", "properties": {"nested": [1, {"a": "b\n"}]}}),
    ],
    is_pretty=True,
    place=0,
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_rows_are_those_of_the_pages(
    server: ServerProcess, accounts: Accounts, events: list[Any], is_pretty: bool, place: int
) -> None:
    key = list(accounts.values())[place]
    with Api(server.url, key, PAGED_REVISION) as api:
        body = json.dumps(bulk_body(events), indent=1 if is_pretty else None, ensure_ascii=is_pretty)
        response = api.http.post("/api/event-bulk-create-jobs/", content=body.encode())
        assert response.status_code == 202, response.text
        metric = api.events()[0]["relationships"]["metric"]["data"]["id"]
        profile = api.events()[0]["relationships"]["profile"]["data"]["id"]
    rows = both(server.url, key, Query(page_size=3))
    assert rows
    both(server.url, key, Query(sort="-datetime", page_size=4, has_ids=True))
    assert len(both(server.url, key, Query(filter=f'equals(metric_id,"{metric}")'))) <= len(rows)
    both(server.url, key, Query(filter=f'equals(profile_id,"{profile}"),greater-than(datetime,{iso(START)[:19]}Z)'))
    both(server.url, key, Query(), OLD_REVISION)


def test_profiles_that_were_merged_are_the_surviving_one(server: ServerProcess) -> None:
    (key,) = make_keys(server, "scan merged", "full")
    with Api(server.url, key, PAGED_REVISION) as api:
        api.create_many(
            [
                ("Order", {"email": "a@shop.example"}, {"unique_id": "1", "time": iso(START)}),
                ("Order", {"external_id": "9"}, {"unique_id": "1", "time": iso(START)}),
                ("Order", {"external_id": "8"}, {"unique_id": "0", "time": iso(START)}),
            ]
        )
        ids = {
            row["profile_id"]
            for row in map(json.loads, both(server.url, key, Query(has_ids=True)).splitlines())
            if "profile_email" in row or row.get("profile_external_id") == "9"
        }
        source, destination = sorted(ids)
        merge = {
            "data": {
                "type": "profile-merge",
                "id": destination,
                "relationships": {"profiles": {"data": [{"type": "profile", "id": source}]}},
            }
        }
        assert api.http.post("/api/profile-merge/", json=merge).status_code == 201
    rows = [json.loads(line) for line in both(server.url, key, Query(has_ids=True)).splitlines()]
    assert [row["profile_id"] == destination for row in rows] == [False, True, True]
    both(server.url, key, Query(filter=f'equals(profile_id,"{destination}")'))


def test_scan_goes_on_behind_any_frame(server: ServerProcess, many: str) -> None:
    whole = both(server.url, many, Query())
    with Api(server.url, many, PAGED_REVISION) as api:
        for sort in ("datetime", "-datetime"):
            found = list(frames_of(api.http.get("/eventkeep/scan", params={"sort": sort})))
            *lots, (last, nothing) = found
            assert (last, nothing) == (FrameHead(end=True), b"")
            assert len(lots) > 2
            assert [head.rows for head, _ in lots] == [lines.count(b"\n") for _, lines in lots]
            for place, (head, _) in enumerate(lots):
                rest = frames_of(api.http.get("/eventkeep/scan", params={"sort": sort, "after": str(head.after)}))
                assert b"".join(lines for _, lines in rest) == b"".join(lines for _, lines in lots[place + 1 :])
            seconds = {line[:40]: None for line in b"".join(lines for _, lines in lots).splitlines()}
            assert list(seconds) == sorted(seconds, reverse=sort == "-datetime")
    assert whole.count(b"\n") == 10_000


def test_export_outlasts_a_broken_connection(server: ServerProcess, many: str) -> None:
    with Client(many, server.url, PAGED_REVISION) as client, rows_of(client, Query()) as lots:
        whole = b"".join(lot.lines for lot in lots)
    cut_at = 700_000
    assert len(whole) > cut_at
    with CuttingProxy(server.url, cut_at) as proxy, Client(many, proxy.url, PAGED_REVISION) as client:
        with rows_of(client, Query()) as lots:
            assert b"".join(lot.lines for lot in lots) == whole
        assert proxy.cuts


def test_filters_and_parameters_are_checked(server: ServerProcess, many: str) -> None:
    with Api(server.url, many, PAGED_REVISION) as api:
        for query, parameter in (
            ({"filter": "equals(colour,1)"}, "filter"),
            ({"filter": 'equals(metric_id,"X00000")'}, "filter"),
            ({"filter": "greater-than(datetime,2999-01-01T00:00:00Z)"}, "filter"),
            ({"sort": "time"}, "sort"),
            ({"after": "x"}, "after"),
            ({"ids": "1"}, "ids"),
            ({"page[size]": "1"}, "page[size]"),
        ):
            response = api.http.get("/eventkeep/scan", params=query)
            assert response.status_code == 400
            assert fault_of(response)["source"] == {"parameter": parameter}
        nobody = api.http.get("/eventkeep/scan", params={"filter": 'equals(profile_id,"01H")'})
        assert list(frames_of(nobody)) == [(FrameHead(end=True), b"")]
        head = api.http.head("/eventkeep/scan")
        assert (head.status_code, head.content) == (200, b"")


def test_client_of_http_1_0_gets_the_same_to_the_end_of_the_connection(server: ServerProcess, many: str) -> None:
    with Api(server.url, many, PAGED_REVISION) as api:
        chunked = api.http.get("/eventkeep/scan").content
    port = int(server.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(
            b"GET /eventkeep/scan HTTP/1.0\r\nhost: a\r\nrevision: %b\r\nauthorization: Klaviyo-API-Key %b\r\n\r\n"
            % (PAGED_REVISION.encode(), many.encode())
        )
        received = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head
    assert body == chunked

"""Large responses are compressed for clients that accept it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import httpx
import pytest

from eventkeep import Client
from eventkeep.limits import GZIP_BYTES_MIN
from eventkeep.testing import ServerProcess
from tests.contract.api import Api, make_keys

EVENTS = 200


@pytest.fixture(scope="module")
def api(server: ServerProcess) -> Iterator[Api]:
    (key,) = make_keys(server, "compressed responses", "full")
    with Client(key, server.url) as client, client.batch() as batch:
        for number in range(EVENTS):
            batch.track(
                "Viewed Page", {"email": "ada@shop.example"}, unique_id=str(number), properties={"url": "x" * 200}
            )
    with Api(server.url, key, "2026-07-15") as made:
        yield made


def raw(api: Api, path: str, accepted: str, method: str = "GET") -> httpx.Response:
    """A response whose content is as it was sent."""
    with api.http.stream(method, path, headers={"Accept-Encoding": accepted}) as response:
        response._content = b"".join(response.iter_raw())
    return response


@pytest.mark.parametrize("path", ["/api/events/", "/openapi/2026-07-15.json"])
def test_large_response_is_compressed_for_a_client_that_accepts_it(api: Api, path: str) -> None:
    plain, compressed = raw(api, path, "identity"), raw(api, path, "gzip")
    assert len(plain.content) > GZIP_BYTES_MIN
    assert len(compressed.content) < len(plain.content) / 4
    assert gzip.decompress(compressed.content) == plain.content
    assert (plain.headers["Vary"], plain.headers.get("Content-Encoding")) == ("Accept-Encoding", None)
    assert (compressed.headers["Vary"], compressed.headers["Content-Encoding"]) == ("Accept-Encoding", "gzip")
    assert compressed.headers["Content-Length"] == str(len(compressed.content))
    head = raw(api, path, "gzip", "HEAD")
    assert (head.content, head.headers["Content-Length"]) == (b"", compressed.headers["Content-Length"])


def test_small_response_is_not_compressed(api: Api) -> None:
    response = raw(api, "/api/events/?page[size]=1", "gzip")
    assert (response.status_code, response.headers.get("Content-Encoding")) == (200, None)
    assert "Vary" not in response.headers


def test_sdk_reads_compressed_pages(api: Api, server: ServerProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    # Within one machine it does not ask for compression.
    monkeypatch.setattr("eventkeep.client.settings.is_loopback", lambda url: False)
    key = api.http.headers["Authorization"].rpartition(" ")[2]
    with Client(key, server.url) as client:
        found = client.events.get_events_with_http_info()
    assert (found.headers["Content-Encoding"], len(found.data)) == ("gzip", EVENTS)

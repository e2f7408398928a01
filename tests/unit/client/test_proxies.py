from __future__ import annotations

import httpx
import pytest

from eventkeep import Client, ConfigurationError
from eventkeep.client.proxies import proxy_for
from eventkeep.client.synchronous.connections import Connections

PROXY = "http://proxy.example:3128"


@pytest.mark.parametrize(
    ("url", "proxies", "address"),
    [
        ("http://shop.example", {}, None),
        ("http://shop.example", {"http": PROXY}, PROXY),
        ("https://shop.example", {"http": PROXY}, None),
        ("https://shop.example", {"all": PROXY}, PROXY),
        ("http://shop.example", {"http": PROXY, "no": "other.example"}, PROXY),
        ("http://shop.example", {"http": PROXY, "no": "shop.example"}, None),
        ("http://a.shop.example", {"http": PROXY, "no": "shop.example"}, None),
        ("http://a.shop.example", {"http": PROXY, "no": ".shop.example"}, None),
        ("http://a.shop.example", {"http": PROXY, "no": "*"}, None),
        ("http://ashop.example", {"http": PROXY, "no": "shop.example"}, PROXY),
        ("http://localhost:8340", {"http": PROXY, "no": "localhost,[::1]"}, None),
        ("http://[::1]:8340", {"http": PROXY, "no": "localhost,[::1]"}, None),
        ("http://[::1]:8340", {"http": PROXY, "no": "localhost,::1"}, None),
        ("http://localhost:8340", {"http": PROXY, "no": "localhost:8340"}, None),
        ("http://localhost:8341", {"http": PROXY, "no": "localhost:8340"}, PROXY),
        ("https://localhost", {"all": PROXY, "no": "localhost:443"}, None),
    ],
)
def test_proxy_is_the_one_that_the_environment_names(url: str, proxies: dict[str, str], address: str | None) -> None:
    found = proxy_for(httpx.URL(url), proxies)
    assert (None if found is None else found.url) == address


@pytest.mark.parametrize("address", ["socks5://127.0.0.1:1", "ftp://127.0.0.1", "http://[::1"])
def test_proxy_that_can_not_be_used_is_a_configuration_error(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("ALL_PROXY", address)
    monkeypatch.setenv("NO_PROXY", "localhost,[::1]")
    with pytest.raises(ConfigurationError, match=r"(?i)all_proxy: .*add it to NO_PROXY"):
        Client("pk_test", "http://shop.example")
    for url in ("http://localhost:1", "http://[::1]:1"):
        with Client("pk_test", url) as client:
            assert isinstance(client._transport, Connections)

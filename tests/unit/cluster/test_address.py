"""The address of a replicated log."""

from __future__ import annotations

import pytest

from eventkeep.cluster.address import LogAddress, ServerAddress, parse_log_address, without_password
from eventkeep.cluster.streams import stream_names
from eventkeep.errors import ConfigurationError


def test_one_server_has_the_usual_ports() -> None:
    assert parse_log_address("nats://db1") == LogAddress((ServerAddress("db1", 4222, 8222),))


def test_all_parts_are_read() -> None:
    address = parse_log_address("tls://ek:s%40fe@a:1,[::1]:2,c/shop?monitor=11,12,13&ca=/etc/ca.pem")
    assert address == LogAddress(
        (ServerAddress("a", 1, 11), ServerAddress("[::1]", 2, 12), ServerAddress("c", 4222, 13)),
        name="shop",
        user="ek",
        password="s@fe",
        tls=True,
        ca="/etc/ca.pem",
    )


def test_one_monitoring_port_is_for_all_servers() -> None:
    assert [server.monitor_port for server in parse_log_address("nats://a,b,c?monitor=99").servers] == [99, 99, 99]


def test_the_streams_of_a_shard_have_names_of_their_own() -> None:
    address = parse_log_address("nats://a/shop?shard=2")
    assert (address.name, address.shard) == ("shop", 2)
    own, first = stream_names(address.name, address.shard), stream_names("shop")
    assert own.log == "eventkeep-shop-shard-2-log"
    assert own.map == first.map == "KV_eventkeep-shop-map"
    assert not {own.log, own.parts, own.bucket} & {first.log, first.parts, first.bucket}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("redis://a", "expected an address like"),
        ("nats://", "expected an address like"),
        ("nats://a:b", "got the server 'a:b'"),
        ("nats://a:0", "expected a port"),
        ("nats://a:70000", "expected a port"),
        ("nats://a,b,c?monitor=1,2", "one for each of the 3 servers"),
        ("nats://a/sh.op", "the name of a log"),
        ("nats://a/shop-shard-2", "end like that of a shard"),
        ("nats://a/shop-map", "end like that of a shard"),
        ("nats://a?shard=1000", "the number of a shard"),
        ("nats://a?shard=-1", "the number of a shard"),
        ("nats://a?replicas=1", "no option 'replicas'"),
        ("tls://a?ca=/nowhere/ca.pem", "certificates"),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse_log_address(text).tls_context()


def test_a_password_is_not_shown() -> None:
    assert without_password("nats://ek:secret@a/shop") == "nats://ek:…@a/shop"

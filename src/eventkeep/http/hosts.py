"""Hosts: the values of Host headers, and the addresses of clients."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Final

_HOST: Final = re.compile(rb"(?:(?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{2})+|\[[0-9A-Fa-f:.]+\])?(?::[0-9]{0,5})?")
"""A name, an IPv4 address or an IPv6 address in brackets, and perhaps a port (RFC 9110, 7.2).

Of the characters that a registered name may have, only those that names of hosts do have: the value is part of links.
"""
IPV6_HOST_BITS: Final = 64
"""The bits of an IPv6 address that one client can choose."""


def is_host(value: bytes) -> bool:
    """Whether the value of a Host header is a host, perhaps with a port. It may be empty."""
    return _HOST.fullmatch(value.strip()) is not None


def client_host(address: str) -> str:
    """Return the part that all addresses of one client share: an IPv4 address, or the network of an IPv6 address."""
    if ":" not in address:
        return address
    parsed = ip_address(address.partition("%")[0])
    if not isinstance(parsed, IPv6Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((parsed, IPV6_HOST_BITS), strict=False))

"""From where a request comes, as limits count it and the audit log names it."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from starlette.requests import HTTPConnection

UNKNOWN: Final = "unknown"
_IPV6_PREFIX: Final = 64
"""Of an IPv6 address: whoever has one has all of its /64."""


def address_of(request: HTTPConnection) -> str:
    """The client's address; behind a proxy that uvicorn is told to believe (docs/access.md), the one that the proxy names.

    IPv6 is told by its /64, and an IPv4 address in IPv6's form as what it is.
    """
    if request.client is None:
        return UNKNOWN
    try:
        found = ip_address(request.client.host.partition("%")[0])
    except ValueError:
        return request.client.host[:64]
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped:
        return str(found.ipv4_mapped)
    return str(ip_network((found, _IPV6_PREFIX), strict=False))

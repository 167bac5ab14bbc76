"""Names to addresses, and which addresses the server may be sent to by a URL that somebody configured."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network

IpAddress = IPv4Address | IPv6Address
Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""(host, port) -> numeric addresses, the preferred one first. Raises: OSError when there are none."""

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_NEVER_PUBLIC = (
    ip_network("192.0.0.0/24"),  # IETF protocol assignments, and a cloud's metadata: older Pythons miss most
    ip_network("168.63.129.16/32"),  # the platform service of a cloud, at an address that looks public
    ip_network("3fff::/20"),  # documentation (RFC 9637): older Pythons do not know it
)


async def resolve_host(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of `host`, which may also be IPv4 in decimal, octal or hexadecimal."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(socket_address[0]) for *_, socket_address in found]


def is_public(address: IpAddress) -> bool:
    """Tell whether `address` is one host on the public internet.

    IPv6 addresses that carry IPv4 ones are as public as what they carry.
    Source: the IANA special-purpose address registries (RFC 6890); RFC 4291 2.5.5.2, RFC 6052 2.1,
    RFC 3056 2 and RFC 4380 4 for the carriers.
    """
    if isinstance(address, IPv4Address):
        return _is_global_unicast(address)
    carried = _carried_by(address)
    if carried:
        return all(_is_global_unicast(inner) for inner in carried)
    # Everything outside 2000::/3 is unassigned or special, whatever is_global says of it (RFC 4291 2.4).
    return address in _GLOBAL_UNICAST and _is_global_unicast(address)


def _is_global_unicast(address: IpAddress) -> bool:
    refused = any(address in network for network in _NEVER_PUBLIC)
    return address.is_global and not address.is_multicast and not refused


def _carried_by(address: IPv6Address) -> Sequence[IPv4Address]:
    if address in _NAT64:
        return (IPv4Address(address.packed[-4:]),)
    if address.teredo:
        return address.teredo
    embedded = address.ipv4_mapped or address.sixtofour
    return (embedded,) if embedded else ()

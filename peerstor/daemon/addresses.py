"""Which of its addresses the server tells people, and in which order."""

import socket
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

import ifaddr
from attrs import frozen

IPAddress = IPv4Address | IPv6Address

# Networks inside the machine (containers, virtual machines): nobody on the LAN reaches them.
_INNER = ("docker", "br-", "veth", "virbr", "lxc", "lxd", "cni", "podman", "flannel", "cali", "vmnet", "vbox")

# Never sent to: connecting a datagram socket only looks the route up. RFC 5737 and RFC 3849.
_ELSEWHERE = ((socket.AF_INET, "203.0.113.1"), (socket.AF_INET6, "2001:db8::1"))


@frozen
class InterfaceAddress:
    """An address of the machine.

    :param interface: name of the interface that has it, as `eth0`.
    """

    interface: str
    address: IPAddress


def access_lines(
    sockets: Sequence[socket.socket],
    *,
    scheme: str = "http",
    base: str = "",
    machine: Callable[[], Iterable[InterfaceAddress]] | None = None,
    outward: Callable[[], Sequence[IPAddress]] | None = None,
) -> list[str]:
    """Say where the server is reached, `Access at: http://<ip>:<port>`, one line for each address.

    The one that a browser on the LAN would use stands first, loopback last. A UNIX socket is `unix:/path`.

    :param sockets: the sockets that listen.
    :param scheme: what is spoken there, `http` or `https`.
    :param base: the path below which everything stands, without a `/` at its end.
    :param machine: tells the machine's addresses.
    :param outward: tells from which addresses the machine talks to the world.
    """
    machine = machine or machine_addresses
    outward = outward or outward_addresses
    lines: list[str] = []
    for listener in sockets:
        if listener.family == socket.AF_UNIX:
            lines.append(f"Access at: unix:{_path_of(listener)}")
            continue
        where, port = listener.getsockname()[:2]
        for address in _shown(ip_address(where), machine, outward):
            line = f"Access at: {base_url(address, port, scheme)}{f'{base}/' if base else ''}"
            if line not in lines:
                lines.append(line)
    return lines


def reached_at(bound: IPAddress) -> list[IPAddress]:
    """List the addresses at which a server bound to an address is reached, the best for others first."""
    return _shown(bound, machine_addresses, outward_addresses)


def base_url(address: IPAddress, port: int, scheme: str = "http") -> str:
    """Write the URL of the server at `address`, without a final `/` (RFC 3986, section 3.2.2; RFC 6874)."""
    text = str(address).replace("%", "%25")
    return f"{scheme}://[{text}]:{port}" if address.version == 6 else f"{scheme}://{text}:{port}"


def beyond_loopback(sockets: Sequence[socket.socket]) -> bool:
    """Tell whether any of `sockets` can be reached from another machine."""
    return not all(
        listener.family == socket.AF_UNIX or ip_address(listener.getsockname()[0]).is_loopback
        for listener in sockets
    )


def machine_addresses() -> list[InterfaceAddress]:
    """List the machine's addresses as its interfaces have them."""
    return [
        InterfaceAddress(adapter.name, ip_address(ip.ip if isinstance(ip.ip, str) else ip.ip[0]))
        for adapter in ifaddr.get_adapters()
        for ip in adapter.ips
    ]


def outward_addresses() -> list[IPAddress]:
    """List the addresses that the machine's default routes leave from, IPv4 first; nothing is sent."""
    found: list[IPAddress] = []
    for family, elsewhere in _ELSEWHERE:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((elsewhere, 9))
                found.append(ip_address(probe.getsockname()[0]))
        except OSError:
            continue
    return found


def _path_of(listener: socket.socket) -> str:
    name = listener.getsockname()  # bytes, with a NUL before, where it is in Linux's abstract namespace
    text = name.decode("utf-8", "backslashreplace").replace("\0", "@") if isinstance(name, bytes) else str(name)
    plain = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in plain)


def _shown(
    bound: IPAddress,
    machine: Callable[[], Iterable[InterfaceAddress]],
    outward: Callable[[], Sequence[IPAddress]],
) -> list[IPAddress]:
    if not bound.is_unspecified:
        return [bound]
    # A socket bound to :: serves IPv4 too.
    serving = [one for one in machine() if bound.version == 6 or one.address.version == 4]
    others = [one for one in serving if not one.address.is_loopback and not _needs_zone(one.address)]
    routes = list(outward()) if others else []
    loopbacks = sorted({one.address for one in serving if one.address.is_loopback}, key=_by_family)
    return [one.address for one in sorted(others, key=lambda one: _rank(one, routes))] + (
        loopbacks or [ip_address("127.0.0.1" if bound.version == 4 else "::1")]
    )


def _needs_zone(address: IPAddress) -> bool:
    # No browser takes an address with a zone.
    return address.version == 6 and address.is_link_local


def _rank(one: InterfaceAddress, routes: Sequence[IPAddress]) -> tuple[bool, bool, int, bool]:
    """Sort key: inner networks last, then self-assigned ones, then IPv4 before IPv6, the default route's first."""
    return (
        one.interface.startswith(_INNER) and one.address not in routes,
        one.address.is_link_local,
        one.address.version,
        one.address not in routes,
    )


def _by_family(address: IPAddress) -> tuple[int, int]:
    return (address.version, int(address))

"""Rules of the addresses that people are told."""

import os
import socket
from collections.abc import Sequence
from ipaddress import ip_address

from twisted.trial.unittest import SynchronousTestCase

from peerstor.daemon.addresses import (
    InterfaceAddress,
    access_lines,
    base_url,
    beyond_loopback,
    machine_addresses,
    outward_addresses,
)
from tests.scratch import scratch_folder


class BoundSocket:
    """Stands in for a socket that listens."""

    def __init__(self, host: str, port: int = 8080) -> None:
        self._name = (host, port, 0, 0) if ":" in host else (host, port)
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET

    def getsockname(self) -> tuple[object, ...]:
        return self._name


MACHINE = [
    ("lo", "127.0.0.1"),
    ("lo", "::1"),
    ("docker0", "172.17.0.1"),
    ("br-0a1b2c", "172.18.0.1"),
    ("eth1", "169.254.7.7"),
    ("wlan0", "192.168.1.7"),
    ("eth0", "192.168.1.5"),
    ("eth0", "2001:db8::5"),
    ("eth0", "fe80::1"),
]


def shown(
    hosts: Sequence[str],
    machine: Sequence[tuple[str, str]] = MACHINE,
    outward: Sequence[str] = ("192.168.1.5", "2001:db8::5"),
) -> list[str]:
    """The addresses in the lines for sockets bound to `hosts`, on a machine with these interfaces."""
    lines = access_lines(
        [BoundSocket(host) for host in hosts],  # type: ignore[misc]
        machine=lambda: [InterfaceAddress(name, ip_address(address)) for name, address in machine],
        outward=lambda: [ip_address(address) for address in outward],
    )
    return [line.removeprefix("Access at: http://").removesuffix(":8080") for line in lines]


class AccessLinesTests(SynchronousTestCase):
    def test_form(self) -> None:
        """The line is exactly `Access at: http://<ip>:<port>`."""
        bound = BoundSocket("192.168.1.5", 8081)
        self.assertEqual(access_lines([bound]), ["Access at: http://192.168.1.5:8081"])  # type: ignore[list-item]
        secure = access_lines([bound], scheme="https")  # type: ignore[list-item]
        self.assertEqual(secure, ["Access at: https://192.168.1.5:8081"])

    def test_base(self) -> None:
        """Where everything stands below a path, the line says so."""
        bound = BoundSocket("192.168.1.5", 8081)
        lines = access_lines([bound], base="/sub")  # type: ignore[list-item]
        self.assertEqual(lines, ["Access at: http://192.168.1.5:8081/sub/"])

    def test_unix_socket(self) -> None:
        """A UNIX socket is told by its path, printable whatever it holds, and nobody beyond the machine reaches it."""
        folder = scratch_folder(self)
        with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as other:
            one.bind(f"{folder}/a\x1b")
            other.bind(b"\0peerstor-" + str(os.getpid()).encode())
            self.assertEqual(
                access_lines([one, other], scheme="https", base="/files"),
                [f"Access at: unix:{folder}/a\\x1b", f"Access at: unix:@peerstor-{os.getpid()}"],
            )
            self.assertFalse(beyond_loopback([one, other]))

    def test_default_route_first(self) -> None:
        """The address of the default route stands first, container bridges almost last, loopback last."""
        self.assertEqual(
            shown(["0.0.0.0"]),
            ["192.168.1.5", "192.168.1.7", "169.254.7.7", "172.17.0.1", "172.18.0.1", "127.0.0.1"],
        )

    def test_both_families(self) -> None:
        """A socket on :: serves IPv4 too; IPv6 stands in brackets, link-local IPv6 (needs a zone) not at all."""
        self.assertEqual(
            shown(["::"], outward=["192.168.1.5"])[:3], ["192.168.1.5", "192.168.1.7", "[2001:db8::5]"]
        )
        self.assertNotIn("[fe80::1]", shown(["::"]))

    def test_bridge_of_the_lan(self) -> None:
        """A bridge that the default route leaves by is the LAN, whatever its name."""
        machine = [("br-lan", "10.0.0.1"), ("eth1", "10.9.0.1")]
        self.assertEqual(shown(["0.0.0.0"], machine, outward=["10.0.0.1"])[:2], ["10.0.0.1", "10.9.0.1"])

    def test_loopback_when_nothing_else(self) -> None:
        """A machine without a network is told its loopback address."""
        self.assertEqual(shown(["0.0.0.0"], [("lo", "127.0.0.1"), ("lo", "::1")], []), ["127.0.0.1"])
        self.assertEqual(shown(["::"], [("lo", "::1"), ("lo", "127.0.0.1")], []), ["127.0.0.1", "[::1]"])
        self.assertEqual(shown(["0.0.0.0"], [], []), ["127.0.0.1"])

    def test_bound_address_only(self) -> None:
        """A server bound to one address is reached there and nowhere else."""
        self.assertEqual(shown(["127.0.0.1"]), ["127.0.0.1"])
        self.assertEqual(shown(["::1", "127.0.0.1"]), ["[::1]", "127.0.0.1"])

    def test_no_line_twice(self) -> None:
        """An address that two interfaces share is told once."""
        self.assertEqual(
            shown(["0.0.0.0"], [("eth0", "10.0.0.1"), ("eth0:1", "10.0.0.1")]), ["10.0.0.1", "127.0.0.1"]
        )

    def test_zone(self) -> None:
        """The zone of an address is escaped in its URL (RFC 6874)."""
        self.assertEqual(base_url(ip_address("fe80::1%eth0"), 80), "http://[fe80::1%25eth0]:80")

    def test_beyond_loopback(self) -> None:
        """Any socket that is not on loopback can be reached from outside."""
        for hosts, beyond in (
            (["127.0.0.1"], False),
            (["127.0.0.1", "::1"], False),
            (["0.0.0.0"], True),
            (["::"], True),
            (["127.0.0.1", "192.168.1.5"], True),
        ):
            with self.subTest(hosts=hosts):
                self.assertIs(beyond_loopback([BoundSocket(host) for host in hosts]), beyond)  # type: ignore[misc]


class RealMachineTests(SynchronousTestCase):
    def test_addresses_are_this_machines(self) -> None:
        """Every address told can be bound: the machine has it."""
        found = machine_addresses()
        self.assertIn("127.0.0.1", [str(one.address) for one in found])
        for one in found:
            if one.address.version == 4:
                with socket.socket() as probe:
                    probe.bind((str(one.address), 0))

    def test_outward_addresses_are_this_machines(self) -> None:
        """The default route leaves from an address that an interface has."""
        machine = {one.address for one in machine_addresses()}
        self.assertLessEqual(set(outward_addresses()), machine)

"""Which names are ours."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerstor.errors import WrongHost
from peerstor.web.hosts import KnownHosts


class Hosts(SynchronousTestCase):
    def setUp(self) -> None:
        self.hosts = KnownHosts(own=("box.office.example",), allowed=("files.example.org", ".wild.example"))

    def test_ours(self) -> None:
        """Addresses, local names, the machine's own and the allowed ones pass, with any port."""
        for host in (
            b"127.0.0.1", b"192.168.1.5:8080", b"[::1]", b"[fe80::1]:8080", b"localhost", b"LOCALHOST:1",
            b"a.localhost", b"nas", b"nas:8080", b"nas.local", b"nas.local.", b"nas.lan", b"nas.home.arpa",
            b"nas.internal", b"box.office.example", b"files.example.org:443", b"a.wild.example", b"a.b.wild.example",
            b"nas:",
        ):  # fmt: skip
            self.hosts.check(host)
        self.hosts.check(None)

    def test_not_ours(self) -> None:
        """Any other name is refused, however it is dressed up as one of ours."""
        for host in (
            b"evil.example", b"evil.example:8080", b"wild.example", b"localhost.evil.example", b"evillocal.com",
            b"x.files.example.org", b"user@localhost", b"localhost/", b"local host", b"", b":80", b"[::1", b"[evil]",
            b"127.0.0.1.evil.example", b"a.local:80:80", b"localhost\\x", b"\xff.example",
            b".local", b"a..local", b"local..", b"a" * 64, b"a" * 64 + b".local", b"evil.example#.local", b"a,b",
            b"evil.example?.local", b"\xef\xbd\x8cocalhost", b"\xff", b"%00",
        ):  # fmt: skip
            with self.subTest(host=host):
                self.assertRaises(WrongHost, self.hosts.check, host)

    @given(st.binary(max_size=300))
    def test_any_bytes(self, host: bytes) -> None:
        """Whatever a client sends either passes or is refused."""
        with contextlib.suppress(WrongHost):
            self.hosts.check(host)

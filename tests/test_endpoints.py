"""Rules of the endpoint strings that --listen takes."""

import os

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from peerstor.endpoints import SystemdEndpoint, TcpEndpoint, UnixEndpoint, endpoint_of
from peerstor.errors import StartupError


class EndpointTests(SynchronousTestCase):
    def test_meant(self) -> None:
        """Each string means what it means to Twisted, and an address may stand in brackets."""
        for text, expected in (
            ("tcp:8080", TcpEndpoint(8080, "0.0.0.0")),
            ("tcp:port=8080", TcpEndpoint(8080, "0.0.0.0")),
            ("tcp:0:interface=127.0.0.1", TcpEndpoint(0, "127.0.0.1")),
            ("tcp:81:nas.local", TcpEndpoint(81, "nas.local")),
            ("tcp:81:interface=\\:\\:1", TcpEndpoint(81, "::1")),
            ("tcp:81:interface=[::1]", TcpEndpoint(81, "::1")),
            ("tcp:interface=[::]:port=81", TcpEndpoint(81, "::")),
            ("tcp6:81", TcpEndpoint(81, "::")),
            ("unix:/run/x.sock", UnixEndpoint(b"/run/x.sock", 0o660)),
            ("unix:/run/x.sock:mode=0600", UnixEndpoint(b"/run/x.sock", 0o600)),
            ("unix:address=/run/x:666", UnixEndpoint(b"/run/x", 0o666)),
            ("unix:/run/a\\:b\\=c\\\\d", UnixEndpoint(b"/run/a:b=c\\d", 0o660)),
            ("unix:/run/../x", UnixEndpoint(b"/x", 0o660)),
            ("unix:x.sock", UnixEndpoint(os.path.join(os.getcwdb(), b"x.sock"), 0o660)),
            ("systemd:domain=INET:index=0", SystemdEndpoint("INET", 0, None)),
            ("systemd:INET6:1", SystemdEndpoint("INET6", 1, None)),
            ("systemd:domain=UNIX:name=peerstor.socket", SystemdEndpoint("UNIX", None, "peerstor.socket")),
        ):
            with self.subTest(text=text):
                self.assertEqual(endpoint_of(text), expected)

    def test_refused(self) -> None:
        """Anything else is one line that names the option and says what is wrong."""
        for text, words in (
            ("", "must be as tcp:8080"),
            ("8080", "must be as tcp:8080"),
            ("udp:8080", "must be as tcp:8080"),
            ("TCP:8080", "must be as tcp:8080"),
            ("ssl:8443:privateKey=x.pem", "add --https"),
            ("tcp", "a port from 0 to 65535"),
            ("tcp:", "a port from 0 to 65535"),
            ("tcp:http", "a port from 0 to 65535"),
            ("tcp:65536", "a port from 0 to 65535"),
            ("tcp:+80", "a port from 0 to 65535"),
            ("tcp:80:port=81", "each once"),
            ("tcp:80:host=127.0.0.1", "takes port, interface"),
            ("tcp:80:127.0.0.1:50", "means nothing there"),
            ("tcp::80", "a port from 0 to 65535"),
            ("tcp:80\\", "a port from 0 to 65535"),
            ("tcp:80:interface=", "behind interface="),
            ("tcp:80:interface=a b", "behind interface="),
            ("tcp:80:interface=[::1", "means nothing there"),
            ("tcp:80:interface=::1", "means nothing there"),
            ("tcp:80:interface=a\\:b", "behind interface="),
            ("unix:", "needs a path"),
            ("unix:/run/", "needs a path"),
            ("unix:/a\0b", "needs a path"),
            ("unix:/run/x:mode=9", "three octal digits"),
            ("unix:/run/x:mode=rw", "three octal digits"),
            ("unix:/run/x:mode=1777", "three octal digits"),
            ("unix:/run/x:lockfile=0", "takes address, mode"),
            ("unix:/" + "x" * 107, "108 bytes"),
            ("systemd:domain=INET", "one of index=0 and name=NAME"),
            ("systemd:domain=INET:index=0:name=x", "one of index=0 and name=NAME"),
            ("systemd:index=0", "needs domain="),
            ("systemd:domain=NETLINK:index=0", "needs domain="),
            ("systemd:domain=INET:index=-1", "whole number"),
            ("systemd:domain=INET:name=", "FileDescriptorName="),
        ):
            with self.subTest(text=text):
                with self.assertRaises(StartupError) as caught:
                    endpoint_of(text)
                self.assertIn(words, str(caught.exception))
                self.assertTrue(str(caught.exception).startswith("--listen "))
                self.assertNotIn("\n", str(caught.exception))

    @given(
        path=st.text(st.characters(exclude_characters="\0"), min_size=1, max_size=20), mode=st.integers(0, 0o777)
    )
    def test_written_as_it_is_read(self, path: str, mode: int) -> None:
        """An endpoint's own string means the same again, whatever the path has in it."""
        try:
            one = UnixEndpoint(os.path.abspath(b"/s/" + path.encode() + b"x"), mode)
        except UnicodeEncodeError:
            return
        self.assertEqual(endpoint_of(f"{one}"), one)

    def test_every_kind_is_written(self) -> None:
        """So do the other kinds'."""
        for one in (
            TcpEndpoint(80, "fe80::1%eth0"),
            TcpEndpoint(0, "nas"),
            SystemdEndpoint("UNIX", None, "a=b"),
            SystemdEndpoint("INET", 3, None),
        ):
            self.assertEqual(endpoint_of(str(one)), one)

    @given(st.text(max_size=40))
    def test_anything(self, text: str) -> None:
        """Whatever is given, it is an endpoint or a fault of one line."""
        for beginning in ("", "tcp:", "unix:", "systemd:"):
            try:
                endpoint_of(beginning + text)
            except StartupError as error:
                self.assertNotIn("\n", str(error))

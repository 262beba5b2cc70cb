"""Which client a request has behind trusted proxies."""

import time
from ipaddress import ip_address
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from peerstor.errors import StartupError
from peerstor.settings import Settings
from peerstor.web.forwarded import Hop, TrustedProxies, hops_of

NEAR = "10.0.0.1"
TRUSTED = TrustedProxies(("10.0.0.0/8", "2001:db8:1::/48"))


def told(sender: str = NEAR, trusted: TrustedProxies = TRUSTED, **fields: bytes | list[bytes]) -> Hop:
    """Follow a request with these headers back; `x_for` is `X-Forwarded-For`."""
    return trusted.told(headers(**fields), sender)


def headers(**fields: bytes | list[bytes]) -> Headers:
    names = {name: name.replace("x_", "x-forwarded-").encode() for name in fields}
    return Headers({names[name]: value if isinstance(value, list) else [value] for name, value in fields.items()})


class Standard(SynchronousTestCase):
    """`Forwarded`."""

    def test_one(self) -> None:
        """One proxy tells of one client: its address, how it came, and what host it asked for."""
        self.assertEqual(
            told(forwarded=b"for=192.0.2.7;proto=https;host=files.example"),
            Hop("192.0.2.7", True, b"files.example"),
        )

    def test_spelling(self) -> None:
        """Names are read in any case, values quoted or not, with blanks where people put them."""
        for value in (
            b'For="192.0.2.7";PROTO=HTTPS;hOsT="nas:8080"',
            b'for=192.0.2.7; proto=https; host="nas:8080"',
            b'for=192.0.2.7 ;proto=https ;host="nas:8080" ',
            b'\tby=_x;ext="a, b; c=\\"d";for=192.0.2.7;proto=https;host="n\\as:8080";',
            b',, for=192.0.2.7;proto=https;host="nas:8080" , ;;, ',
            b'for="192.0.2.7:4711";proto=https;host="nas:8080"',
            b'for="192.0.2.7:_port";proto=https;host="nas:8080"',
            b'for="[::ffff:192.0.2.7]:80";proto=https;host="nas:8080"',
        ):
            with self.subTest(value=value):
                self.assertEqual(told(forwarded=value), Hop("192.0.2.7", True, b"nas:8080"))

    def test_chain(self) -> None:
        """The client is the first from the right that is no proxy of ours; what stands before is its own talk."""
        chain = b"for=1.1.1.1;host=evil, for=192.0.2.7;proto=https;host=nas, for=10.0.0.3;proto=http"
        self.assertEqual(told(forwarded=chain), Hop("192.0.2.7", True, b"nas"))

    def test_nearer_words(self) -> None:
        """What the farther proxy doesn't tell, a nearer one may have told."""
        self.assertEqual(
            told(forwarded=b"for=192.0.2.7, for=10.0.0.3;proto=https;host=a"), Hop("192.0.2.7", True, b"a")
        )

    def test_all_trusted(self) -> None:
        """A request that a trusted machine made itself is that machine's."""
        self.assertEqual(told(forwarded=b"for=10.0.0.4, for=10.0.0.3").address, "10.0.0.4")

    def test_unknown(self) -> None:
        """Where a proxy hides an address, the one before it stays; what it tells of the request is known."""
        for node in (
            b"unknown",
            b"_hidden",
            b'"_hid:1"',
            b"1.2.3",
            b'"[1.2.3.4]"',
            b'"[::1"',
            b"010.0.0.1",
            b'""',
        ):
            with self.subTest(node=node):
                value = b"for=192.0.2.8, for=%s;proto=https;host=nas, for=10.0.0.3" % node
                self.assertEqual(told(forwarded=value), Hop("10.0.0.3", True, b"nas"))

    def test_malformed(self) -> None:
        """What can't be understood ends the reading at the last good one."""
        for value in (
            b"for", b"for=", b"=x", b"for==x", b'for="x', b'for=x"', b"for=a b", b"for=1.1.1.1;for=1.1.1.2", b"\xff",
            b"for=x@y", b"for=unix:;proto=https",
        ):  # fmt: skip
            with self.subTest(value=value):
                self.assertEqual(told(forwarded=value), Hop(NEAR))
                self.assertEqual(
                    told(forwarded=b"for=1.1.1.1, %s, for=10.0.0.3;proto=https" % value), Hop("10.0.0.3", True)
                )

    def test_lines(self) -> None:
        """Several header lines are one list."""
        lines = [b"for=1.1.1.1, for=192.0.2.7;proto=http", b"for=10.0.0.3;host=a"]
        self.assertEqual(told(forwarded=lines), Hop("192.0.2.7", False, b"a"))

    def test_wins(self) -> None:
        """Beside `Forwarded`, whatever it says, nothing else is read."""
        for value in (b"for=192.0.2.7", b"", b"broken"):
            client = told(forwarded=value, x_for=b"192.0.2.9", x_proto=b"https", x_host=b"evil")
            self.assertEqual(client, Hop("192.0.2.7" if value.startswith(b"for") else NEAR))


class Customary(SynchronousTestCase):
    """`X-Forwarded-For`, `-Proto` and `-Host`."""

    def test_one(self) -> None:
        """One proxy tells of one client."""
        self.assertEqual(
            told(x_for=b"192.0.2.7", x_proto=b"https", x_host=b"nas:8080"), Hop("192.0.2.7", True, b"nas:8080")
        )

    def test_addresses(self) -> None:
        """Addresses come with and without port and brackets."""
        for node, address in (
            (b"192.0.2.7:80", "192.0.2.7"), (b"2001:db8::7", "2001:db8::7"), (b"[2001:DB8::7]", "2001:db8::7"),
            (b"[2001:db8::7]:80", "2001:db8::7"), (b"::ffff:192.0.2.7", "192.0.2.7"), (b"::FFFF:c000:207", "192.0.2.7"),
            (b"unknown", NEAR), (b"192.0.2.7:x", NEAR), (b"192.0.2.256", NEAR), (b"\xff", NEAR), (b"fe80::1%1", NEAR),
            (b'"192.0.2.7"', NEAR), (b"192.0.2.7 8", NEAR), (b"[192.0.2.7]:80", NEAR),
        ):  # fmt: skip
            with self.subTest(node=node):
                self.assertEqual(told(x_for=node).address, address)

    def test_chain(self) -> None:
        """Each list is read from the right, as far as the addresses are of ours; a shorter one has told enough."""
        for proto, host, expected in (
            (b"https, http", b"a, b", Hop("192.0.2.7", True, b"a")),
            (b"https", b"b", Hop("192.0.2.7", True, b"b")),
            (b"http, https, http", b"evil, a, b", Hop("192.0.2.7", True, b"a")),
        ):
            with self.subTest(proto=proto):
                client = told(x_for=[b"1.1.1.1, 192.0.2.7", b"10.0.0.3"], x_proto=proto, x_host=host)
                self.assertEqual(client, expected)

    def test_alone(self) -> None:
        """A proxy may tell of the scheme and the host only."""
        self.assertEqual(told(x_proto=b"evil, https", x_host=b"evil, nas"), Hop(NEAR, True, b"nas"))
        self.assertEqual(told(), Hop(NEAR))

    def test_schemes(self) -> None:
        """There are two schemes; another one says nothing."""
        for value, secure in (
            (b"http", False),
            (b"HTTPS", True),
            (b"ws", None),
            (b"ftp", None),
            (b"https/1.1", None),
            (b"", None),
        ):
            self.assertEqual(told(x_proto=value).secure, secure, value)


class Trust(SynchronousTestCase):
    def test_untrusted(self) -> None:
        """What anybody else says counts for nothing."""
        for sender in ("192.0.2.1", "11.0.0.1", "2001:db8:2::1", "unix", "-", "::"):
            client = told(sender, forwarded=b"for=10.0.0.9;proto=https;host=nas", x_for=b"10.0.0.9")
            self.assertEqual(client, Hop(sender))

    def test_members(self) -> None:
        """A network holds its addresses in every spelling, `unix` the UNIX sockets, and nothing is everywhere."""
        for networks, inside, outside in (
            (("10.0.0.0/8",), ("10.255.0.1",), ("11.0.0.1", "::a00:1", "unix", "-")),
            (("127.0.0.1",), ("127.0.0.1",), ("127.0.0.2", "::1")),
            (("unix",), ("unix",), ("-", "127.0.0.1")),
            (("::1", "fe80::/10"), ("::1", "fe80::1%eth0"), ("::2", "127.0.0.1", "unix")),
            (("0.0.0.0/0",), ("8.8.8.8",), ("::1", "unix", "-")),
            ((), (), ("127.0.0.1", "unix", "-")),
        ):
            proxies = TrustedProxies(Settings(trusted_proxy=networks).trusted_proxy)
            self.assertTrue(all(address in proxies for address in inside), networks)
            self.assertFalse(any(address in proxies for address in outside), networks)

    def test_unix(self) -> None:
        """Whoever comes through a UNIX socket may be a trusted proxy."""
        self.assertEqual(told("unix", TrustedProxies(("unix",)), x_for=b"192.0.2.7").address, "192.0.2.7")


ADDRESSES = st.one_of(
    st.sampled_from(["10.0.0.2", "10.0.0.3", "2001:db8:1::2", "192.0.2.7", "2001:db8:2::7"]),
    st.ip_addresses().map(str).filter(lambda text: not text.startswith("::ffff:")),
)
NODES = st.one_of(ADDRESSES, ADDRESSES, st.sampled_from(["unknown", "_hidden"]), st.none())
HOSTS = st.one_of(st.none(), st.sampled_from(["nas", "nas:8080", 'a"b', "a,b;c=d", "a\\"]))
NAMES = st.sampled_from(["nas", "nas:8080", "files.example"])
HOPS = st.lists(st.tuples(NODES, st.sampled_from([None, "http", "https"]), HOSTS), max_size=5)


def plain_reading(hops: list[tuple[str | None, str | None, str | None]], sender: str) -> Hop:
    """Do by hand what `told` does: `hops` in their order on the line."""
    address, secure, host = sender, None, None
    for node, proto, name in reversed(hops):
        if address not in TRUSTED:
            break
        secure = secure if proto is None else proto == "https"
        host = host if name is None else name.encode()
        if node in (None, "unknown", "_hidden"):
            break
        address = str(node)
    return Hop(address, secure, host)


def written(draw: Any, hop: tuple[str | None, str | None, str | None]) -> bytes:
    """Write an element of `Forwarded` in one of the ways in which it can be."""
    node, proto, host = hop
    pairs = []
    if node is not None:
        bare = node if ":" not in node else f"[{node}]"
        port = draw(st.sampled_from(["", "", ":80", ":_p"])) if node[:1].isdigit() else ""
        pairs.append(("for", bare + port))
    if proto is not None:
        pairs.append(("proto", proto))
    if host is not None:
        pairs.append(("host", host))
    pairs.append(("by", "_us"))
    parts = []
    for name, value in draw(st.permutations(pairs)):
        if draw(st.booleans()) or not value.replace(".", "").replace("_", "").isalnum():
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            value = f'"{escaped}"'
        parts.append(f"{draw(st.sampled_from([name, name.upper()]))}={value}")
    return draw(st.sampled_from([";", "; "])).join(parts).encode()


class Model(SynchronousTestCase):
    @given(st.data(), HOPS, st.sampled_from([NEAR, "192.0.2.1"]))
    def test_standard(self, data: st.DataObject, hops: list[Any], sender: str) -> None:
        """However `Forwarded` is written and cut into lines, it is read as a plain reading of its list is."""
        lines: list[bytes] = []
        for element in (written(data.draw, hop) for hop in hops):
            if lines and data.draw(st.booleans()):
                lines[-1] += data.draw(st.sampled_from([b",", b", ", b" ,,\t"])) + element
            else:
                lines.append(element)
        fields = {"forwarded": lines} if lines else {}
        self.assertEqual(told(sender, **fields), plain_reading(hops, sender))

    @given(
        st.lists(st.tuples(ADDRESSES | st.just("unknown"), st.sampled_from(["http", "https"]), NAMES), max_size=5)
    )
    def test_customary(self, hops: list[Any]) -> None:
        """So are the three lists of `X-Forwarded-`."""
        lists = [", ".join(items).encode() for items in zip(*hops, strict=True)] or [b"", b"", b""]
        client = told(x_for=lists[0], x_proto=lists[1], x_host=lists[2])
        self.assertEqual(client, plain_reading(hops, NEAR))

    @given(st.binary(max_size=60) | st.text('for=";,\\ 1', max_size=40).map(str.encode), st.booleans())
    def test_what_a_client_put_there(self, claimed: bytes, one_line: bool) -> None:
        """Whatever a client sends, what a trusted proxy adds behind it is what counts."""
        for added in (b"for=192.0.2.7;host=nas", b'host="nas";for="192.0.2.7:80"'):
            lines = [claimed + b", " + added] if one_line else [claimed, added]
            self.assertEqual(told(forwarded=lines), Hop("192.0.2.7", None, b"nas"))
        lines = [claimed + b", 192.0.2.7"] if one_line else [claimed, b"192.0.2.7"]
        self.assertEqual(told(x_for=lines).address, "192.0.2.7")

    @given(st.binary(max_size=80) | st.text('for=10.3,";\\', max_size=60).map(str.encode))
    def test_any_bytes(self, value: bytes) -> None:
        """Whatever is sent, the reading ends, with an address."""
        for fields in ({"forwarded": value}, {"x_for": value, "x_proto": value, "x_host": value}):
            address = told(**fields).address
            assert address is not None
            ip_address(address)

    def test_long(self) -> None:
        """No header that fits into a head takes long to read."""
        for piece in (
            b",",
            b";",
            b" ;",
            b'"',
            b'\\"',
            b',a="',
            b'a="\\',
            b"for=10.0.0.1,",
            b" , ;\t",
            b'x="",',
            b"x=y;",
        ):
            value = piece * (16_000 // len(piece))
            for whole in (value, value + b"x", b'"' + value):
                before = time.process_time()
                list(hops_of(headers(forwarded=whole)))
                self.assertLess(time.process_time() - before, 1, piece)


class Setting(SynchronousTestCase):
    """How --trusted-proxy is given."""

    def test_normalised(self) -> None:
        """A bare address is a network of one; IPv4 is IPv4 however it is spelled."""
        for given_, expected in (
            ("127.0.0.1", "127.0.0.1/32"), ("::1", "::1/128"), ("10.0.0.0/8", "10.0.0.0/8"), ("unix", "unix"),
            ("::ffff:10.0.0.1", "10.0.0.1/32"), ("::ffff:10.0.0.0/104", "10.0.0.0/8"), ("fd00::/8", "fd00::/8"),
            ("10.0.0.0/255.0.0.0", "10.0.0.0/8"), ("0.0.0.0/0", "0.0.0.0/0"),
        ):  # fmt: skip
            self.assertEqual(Settings(trusted_proxy=(given_,)).trusted_proxy, (expected,))

    def test_refused(self) -> None:
        """Anything else is refused with one line."""
        for given_ in (
            "",
            "proxy",
            "10.0.0.1/8",
            "10.0.0.0/33",
            "10.0.0",
            "10.0.0.1:80",
            "[::1]",
            "fe80::1%eth0",
            "unix:",
            "*",
        ):
            error = self.assertRaises(StartupError, Settings, trusted_proxy=(given_,))
            self.assertTrue(str(error).startswith("--trusted-proxy must be"), str(error))

"""Rules for those who come in clear where HTTPS is spoken."""

import json

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.logger import LogEvent, LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from peerstor.web import https
from peerstor.web.https import ADDRESSES_AT_MOST, WARN_EVERY
from tests.http.wire import Wire
from tests.web.house import Answer, House, _taken_apart


class HttpsOnlyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.house = House(https=True, anonymous="full")
        self.addCleanup(self.house.close)
        self.house.put_file("file.txt")
        self.events: list[LogEvent] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def warnings(self) -> list[LogEvent]:
        return [
            event
            for event in self.events
            if event.get("log_namespace") == https.__name__ and event["log_level"] == LogLevel.warn
        ]

    def test_get(self) -> None:
        """GET and HEAD are sent to the same address with https, for this time only; nothing is read."""
        for method in ("GET", "HEAD"):
            for target in ("/file.txt", "/absent?a=b&c=%20", "/-/static/x", "/api/upload/offset?name=x", "/a%2Fb"):
                answer = self.house.ask(method, target, headers={"Host": "localhost:8080"})
                self.assertEqual(answer.status, 307)
                self.assertEqual(answer.headers["location"], f"https://localhost:8080{target}")
                self.assertEqual(answer.headers["cache-control"], "no-store")
                self.assertNotIn(b"content", answer.body)

    def test_other_methods(self) -> None:
        """Whatever else is refused with the address to use, and changes nothing."""
        for method in ("PUT", "POST", "DELETE", "OPTIONS", "PATCH"):
            answer = self.house.ask(
                method, "/file.txt", b"new", {"Host": "localhost:8080", "Accept": "application/json"}
            )
            self.assertEqual(answer.status, 403, method)
            told = json.loads(answer.body)
            self.assertEqual((told["error"], told["address"]), ("https_needed", "https://localhost:8080/file.txt"))
            self.assertIn("https://localhost:8080/file.txt", told["message"])
        self.assertEqual(self.house.content("file.txt"), b"content")

    def test_whole_server(self) -> None:
        """What concerns no address in particular is sent to that of the server."""
        answer = self.house.ask("OPTIONS", "*", headers={"Accept": "application/json"})
        self.assertEqual((answer.status, answer.json["address"]), (403, "https://localhost/"))

    def test_foreign_host(self) -> None:
        """Nobody is sent to a host that isn't ours."""
        answer = self.house.get("/", Host="evil.example")
        self.assertEqual((answer.status, answer.headers.get("location")), (421, None))

    def test_over_tls(self) -> None:
        """Over TLS everything is served, also where a proxy in front speaks it."""
        channel, wire = self.house.connect()
        channel.isSecure = lambda: True
        channel.dataReceived(b"GET /file.txt HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for _ in range(100):
            self.house.clock.advance(0)
        self.assertTrue(wire.value().startswith(b"HTTP/1.1 200 "), wire.value())
        channel.connectionLost()

    def test_without_the_option(self) -> None:
        """Without --https, plain HTTP is served as ever, beside HTTPS on another port too."""
        for settings in ({}, {"https_port": 8443}):
            house = House(**settings)
            self.addCleanup(house.close)
            self.assertEqual(house.get("/").status, 200)

    def test_token_in_clear(self) -> None:
        """A token or session of ours that is seen in clear is warned of, without a letter of it."""
        for name, value in (
            ("Authorization", "Bearer s3cr3t"),
            ("Cookie", "a=b; peerstor-0123456789ab=s3cr3t"),
            ("Cookie", "__Host-peerstor-0123456789ab=s3cr3t"),
        ):
            self.events.clear()
            house = House(https=True)
            self.addCleanup(house.close)
            house.ask("GET", "/", headers={name: value})
            (warning,) = self.warnings()
            self.assertEqual(warning["address"], "192.0.2.7")
            self.assertNotIn("s3cr3t", str(self.events))

    def test_warned_of_once(self) -> None:
        """One address is warned of once an hour, whatever it sends; other cookies are nobody's secret here."""
        self.house.get("/", Cookie="theme=dark; xpeerstor-=1")
        self.assertEqual(self.warnings(), [])
        for _ in range(5):
            self.house.get("/", Authorization="Basic eDp5")
        self.house.ask("PUT", "/x", b"", {"Authorization": "Basic eDp5"})
        self.assertEqual(len(self.warnings()), 1)
        self.house.clock.advance(WARN_EVERY)
        self.house.get("/", Authorization="Basic eDp5")
        self.assertEqual(len(self.warnings()), 2)

    def test_bounded(self) -> None:
        """Many addresses fill neither the memory nor the log."""
        for number in range(ADDRESSES_AT_MOST + 50):
            self.ask_from(IPv4Address("TCP", f"198.51.{number // 250}.{number % 250}", 1), b"Authorization: x\r\n")
        self.assertEqual(len(self.warnings()), ADDRESSES_AT_MOST)
        self.house.clock.advance(WARN_EVERY)
        self.ask_from(IPv4Address("TCP", "203.0.113.9", 1), b"Authorization: x\r\n")
        self.assertEqual(self.warnings()[-1]["address"], "203.0.113.9")

    def ask_from(self, peer: object, more: bytes = b"", *, here: object = None, request: bytes = b"") -> Answer:
        """Ask over a connection between two given addresses."""
        channel, wire = self.house.site.buildProtocol(None), Wire()
        wire.peerAddr = peer  # type: ignore[assignment]
        if here is not None:
            wire.hostAddr = here  # type: ignore[assignment]
        channel.makeConnection(wire)
        channel.dataReceived((request or b"GET / HTTP/1.1\r\nHost: localhost\r\n") + more + b"\r\n")
        answer = _taken_apart(wire.value())
        channel.connectionLost()
        return answer

    def location(self, host: str | None, here: object = None) -> str:
        request = b"GET /x HTTP/1.0\r\n" if host is None else b"GET /x HTTP/1.1\r\nHost: %s\r\n" % host.encode()
        answer = self.ask_from(IPv4Address("TCP", "192.0.2.7", 1), here=here, request=request)
        return answer.headers["location"]

    def test_ports(self) -> None:
        """The port stays the same: where none is said and it is 80, that is said; an empty one is none."""
        usual, eighty = IPv4Address("TCP", "192.0.2.1", 8080), IPv4Address("TCP", "192.0.2.1", 80)
        self.assertEqual(self.location("nas:8080", usual), "https://nas:8080/x")
        self.assertEqual(self.location("[::1]:8080", usual), "https://[::1]:8080/x")
        self.assertEqual(self.location("[::1]", eighty), "https://[::1]:80/x")
        self.assertEqual(self.location("nas", eighty), "https://nas:80/x")
        self.assertEqual(self.location("nas:", usual), "https://nas/x")
        # Somebody forwards port 80 to this one, and will do so with 443.
        self.assertEqual(self.location("nas", usual), "https://nas/x")

    def test_no_host(self) -> None:
        """A client of HTTP/1.0 that names no host is sent to the address that it came to."""
        self.assertEqual(self.location(None, IPv4Address("TCP", "192.0.2.1", 8080)), "https://192.0.2.1:8080/x")
        self.assertEqual(self.location(None, IPv6Address("TCP", "2001:db8::1", 80)), "https://[2001:db8::1]:80/x")
        self.assertEqual(self.location(None, UNIXAddress(b"/run/socket")), "https://localhost/x")

    def test_unix_socket(self) -> None:
        """Through a UNIX socket nobody can listen: HTTP is served there as ever."""
        here = UNIXAddress(b"/run/socket")
        answer = self.ask_from(
            UNIXAddress(None), here=here, request=b"GET /file.txt HTTP/1.1\r\nHost: localhost\r\n"
        )
        self.assertEqual((answer.status, answer.body), (200, b"content"))

    def test_odd_target(self) -> None:
        """Only what may stand in a request line gets as far as here: nothing that would end a header."""
        for odd in (b"\xff", b"\x01", b"\x7f", b"\r", b"\t"):
            answer = self.house.get(b"/x%sy" % odd)
            self.assertEqual((answer.status, answer.headers.get("location")), (400, None), odd)

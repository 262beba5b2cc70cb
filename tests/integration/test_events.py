"""Rules of those who listen, over real sockets: what they are told, when, and what they may cost."""

import json
import os
import re
import select
import socket
import ssl
import time
from statistics import median
from urllib.request import urlopen

import pytest

from tests.integration.daemon import PATIENCE, until
from tests.integration.nginx import BareNginx
from tests.integration.server import Server, ServerCase
from tests.integration.test_token_command import TokenCase
from tests.integration.wire import head

MIB = 1 << 20

STREAMS = 1000
EACH = 25
"""Streams of one address: fewer than one may have."""

# Signs of life without a pause, and less patience than anybody has, so that a test needs none.
HASTY = """
import peerstor.http.site, peerstor.web.eventstream
from peerstor.http.timeouts import Timeouts
peerstor.web.eventstream.BEAT = 0.0005
peerstor.http.site.StreamingSite.__init__.__kwdefaults__["timeouts"] = Timeouts(response=2, check=0.5)
"""


class Ear:
    """A client that listens."""

    def __init__(
        self,
        port: int,
        query: str = "path=/",
        *,
        number: int = 0,
        buffer: int = 0,
        tls: ssl.SSLContext | None = None,
        **headers: str,
    ) -> None:
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(PATIENCE)
        self.socket.bind((f"127.0.0.{number // EACH + 1}", 0))
        self.socket.connect(("127.0.0.1", port))
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket)
        self.socket.sendall(
            head("GET", f"/api/events?{query}", headers={"Accept": "text/event-stream", **headers})
        )
        self.heard = b""

    def more(self) -> bool:
        """Hear some more; tell whether there was any."""
        piece = self.socket.recv(65536)
        self.heard += piece
        return bool(piece)

    def versions(self) -> list[str | None]:
        """Give the versions heard so far."""
        return [json.loads(found)["version"] for found in re.findall(rb'data: (\{"path.*\})\n', self.heard)]

    def wait(self, count: int) -> float:
        """Wait until so many versions were heard; tell how many seconds that took."""
        began = time.monotonic()
        while len(self.versions()) < count:
            assert self.more(), self.heard
        return time.monotonic() - began

    def rest(self) -> bytes:
        """Hear everything until the answer ends or the connection does; tell all of it."""
        try:
            while not self.heard.endswith(b"\r\n0\r\n\r\n") and self.more():
                pass
        except ConnectionResetError:
            pass
        return self.heard


class EventsCase(ServerCase):
    def listen(self, server: Server, query: str = "path=/", **rest: str | int) -> Ear:
        """Listen until the end of the test; the present version has been heard then."""
        ear = Ear(server.port, query, **rest)  # type: ignore[arg-type]
        self.addCleanup(ear.socket.close)
        ear.wait(1)
        return ear

    def streams(self, server: Server) -> int:
        """Tell how many listen, by the figures."""
        with urlopen(f"{server.url}/-/metrics", timeout=PATIENCE) as answer:
            found = re.search(rb"^peerstor_event_streams (\d+)", answer.read(), re.MULTILINE)
        assert found is not None
        return int(found[1])


class EventsTests(EventsCase):
    def test_told(self) -> None:
        """What the server does is told at once; what is done behind its back within a second."""
        server = self.serve("--anonymous", "full")
        ear, api = self.listen(server), self.api(server)
        time.sleep(1)  # nobody changes anything
        self.assertEqual(len(ear.versions()), 1)
        took = []
        for count in (2, 3, 4):
            api.put(f"/new-{count}", b"x")
            took.append(ear.wait(count))
            time.sleep(1)
            self.assertFalse(select.select([ear.socket], [], [], 0)[0], "told twice of one change")
        self.measured(f"told of a PUT {median(took) * 1000:.0f} ms after its answer (median of {len(took)})")
        self.assertLess(median(took), 0.25)
        with open(f"{server.storage}/strange", "wb"):
            pass
        seconds = ear.wait(5)
        self.measured(f"told of a strange file after {seconds * 1000:.0f} ms")
        self.assertLess(seconds, 1)
        os.rename(f"{server.storage}/strange", f"{server.storage}/stranger")
        ear.wait(6)
        self.assertEqual(len(set(ear.versions())), 6)

    def test_who_leaves(self) -> None:
        """A client that closes its connection is known to have left at once, not at the next sign of life."""
        server = self.serve("--metrics-open")
        ears = [self.listen(server) for _ in range(10)]
        self.assertEqual(self.streams(server), 10)
        for ear in ears:
            ear.socket.close()
        until(lambda: self.streams(server) == 0, "the streams to end", seconds=2)

    def test_who_vanishes(self) -> None:
        """A client that takes nothing is dropped, and the server has grown by next to nothing for it."""
        server = self.serve("--metrics-open", prelude=HASTY)
        ears = [self.listen(server, buffer=2304) for _ in range(4)]
        with server.watched() as watch:
            until(lambda: self.streams(server) == 0, "the streams to be cut")
        self.measured(f"grew by {watch.growth / 1024:.0f} KiB for {len(ears)} who didn't read")
        self.assertLess(watch.growth, 4 * MIB)
        for ear in ears:
            self.assertFalse(ear.rest().endswith(b"0\r\n\r\n"), "an end that looks like one")

    def test_stopped(self) -> None:
        """A server that stops ends its streams in good order, and isn't held up by them."""
        server = self.serve("--drain", "30")
        ears = [self.listen(server) for _ in range(20)]
        began = time.monotonic()
        server.stop()
        seconds = time.monotonic() - began
        self.measured(f"stopped within {seconds:.1f} s, with {len(ears)} listening")
        self.assertLess(seconds, 10)
        self.assertTrue(all(ear.rest().endswith(b"\r\n0\r\n\r\n") for ear in ears))

    def test_connection_goes_on(self) -> None:
        """Beside a stream the server answers as before, and idle connections end when they did."""
        server = self.serve("--anonymous", "full")
        self.listen(server)
        connection = self.connect(server)
        for _ in range(3):
            self.assertEqual(connection.request("GET", "/").status, 200)

    def test_over_tls(self) -> None:
        """It is the same over TLS, the fast way and the other: told at once, and gone when the client is."""
        for lanes in ((), ("--no-fast-lanes",)):
            server = self.serve("--https", "--metrics-open", *lanes)
            tls = ssl.create_default_context()
            tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
            ear = Ear(server.port, tls=tls)
            self.addCleanup(ear.socket.close)
            ear.wait(1)
            time.sleep(1)  # nobody changes anything
            with open(f"{server.storage}/strange", "wb"):
                pass
            self.assertLess(ear.wait(2), 1, lanes)

            def streams(port: int = server.port, tls: ssl.SSLContext = tls) -> bytes:
                address = f"https://127.0.0.1:{port}/-/metrics"
                with urlopen(address, timeout=PATIENCE, context=tls) as answer:
                    found: bytes = answer.read().partition(b"\npeerstor_event_streams ")[2][:3]
                return found

            self.assertEqual(streams(), b"1.0")
            ear.socket.close()
            until(lambda: streams() == b"0.0", "the stream to end", seconds=2)

    def test_through_nginx(self) -> None:
        """A proxy that keeps answers back until they are complete passes events on as they come."""
        server = self.serve("--trusted-proxy", "127.0.0.1")
        folder = os.path.join(server.folder, "nginx")
        os.mkdir(folder)
        proxy = BareNginx(folder, backend=server.port, tls=False)
        self.addCleanup(proxy.end)
        ear = Ear(proxy.port)
        self.addCleanup(ear.socket.close)
        ear.wait(1)
        time.sleep(1)
        self.api(server).put("/new", b"x")
        self.assertLess(ear.wait(2), 1)


@pytest.mark.slow
class ManyTests(EventsCase):
    def test_many(self) -> None:
        """A thousand who listen cost less than 40 KiB each; all are told within two seconds, and others beside them."""
        server = self.serve("--anonymous", "full", "--metrics-open")
        api = self.api(server)
        api.put("/first", b"x")
        with server.watched() as watch:
            ears = [self.listen(server, number=number) for number in range(STREAMS)]
            self.assertEqual(self.streams(server), STREAMS)
        self.measured(f"{STREAMS} streams grew it by {watch.growth / MIB:.1f} MiB from {watch.before / MIB:.0f}")
        self.assertLess(watch.growth, STREAMS * 40 * 1024)
        time.sleep(1)
        with server.watched() as watch:
            began = time.monotonic()
            api.put("/new", b"x")
            answered = time.monotonic() - began
            for ear in ears:
                ear.wait(2)
            told = time.monotonic() - began
        self.measured(f"a PUT took {answered * 1000:.0f} ms, all were told after {told * 1000:.0f} ms")
        self.assertLess(told, 2)
        self.assertLess(watch.growth, 8 * MIB)
        began = time.monotonic()
        server.stop()
        self.measured(f"stopped within {time.monotonic() - began:.1f} s")
        self.assertTrue(all(ear.rest().endswith(b"\r\n0\r\n\r\n") for ear in ears))


class RevokedTests(TokenCase, EventsCase):
    def test_revoked(self) -> None:
        """A stream ends within a second when its token is revoked; that of another token goes on."""
        server = self.serve(storage=self.storage)
        secrets = [self.add(name, "--rights", "read") for name in ("laptop", "phone")]
        time.sleep(0.6)
        laptop, phone = (self.listen(server, Authorization=f"Bearer {secret}") for secret in secrets)
        began = time.monotonic()
        self.revoke("laptop")
        laptop.rest()
        self.measured(f"ended {time.monotonic() - began:.1f} s after the command began")
        with open(f"{self.storage}/new", "wb"):
            pass
        self.assertEqual(phone.wait(2) and len(phone.versions()), 2)
        self.assertEqual(len(laptop.versions()), 1)

    def test_first_token(self) -> None:
        """The first token closes the server to those who have none, also where they listen."""
        server = self.serve(storage=self.storage)
        ear = self.listen(server)
        self.add("laptop")
        self.assertTrue(ear.rest().endswith(b"\r\n0\r\n\r\n"))

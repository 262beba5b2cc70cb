"""Rules of many who ask at once for what is dear to serve, or who are slow on purpose."""

from __future__ import annotations

import contextlib
import os
import selectors
import threading
import time

import pytest

from tests.integration.daemon import PATIENCE
from tests.integration.server import Server, ServerCase
from tests.integration.test_large_folder import Prober
from tests.integration.wire import Connection, head

CLIENTS = 100
ENTRIES = 20_000
ROUNDS = 20
MIB = 1 << 20


@pytest.mark.slow
class ExhaustionTests(ServerCase):
    def setUp(self) -> None:
        self.server = self.serve("--anonymous", "full")
        with open(f"{self.server.storage}/small.txt", "wb") as file:
            file.write(b"small")

    def beside(self) -> Prober:
        """Fetch a small file over and over while something else goes on."""
        return Prober(self.api(self.server))

    def judge(self, prober: Prober, what: str, growth: int = 0) -> None:
        slowest, p99 = max(prober.times), prober.percentile(0.99)
        self.measured(
            f"{what}; {len(prober.times)} small GETs beside, p99 {p99 * 1000:.0f} ms, slowest {slowest * 1000:.0f} ms"
            + (f"; grew by {growth / MIB:.1f} MiB" if growth else "")
        )
        self.assertGreater(len(prober.times), 5)
        self.assertLess(p99, 2)

    def test_listings(self) -> None:
        """A hundred clients who list a folder of 20,000 entries at once are all served, and small GETs beside them too."""
        os.mkdir(f"{self.server.storage}/many")
        folder = os.open(f"{self.server.storage}/many", os.O_RDONLY)
        self.addCleanup(os.close, folder)
        for number in range(ENTRIES):
            os.close(os.open(f"entry {number:06}.txt", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
        statuses: list[int] = []

        def list_it(accept: str) -> None:
            connection = self.connect(self.server)
            connection.socket.settimeout(5 * PATIENCE)
            connection.send(head("GET", "/many/?sort=size", headers={"Accept": accept}))
            statuses.append(connection.answer().status)

        kinds = ("text/html", "application/json", "text/plain")
        threads = [threading.Thread(target=list_it, args=(kinds[number % 3],)) for number in range(CLIENTS)]
        prober, began = self.beside(), time.monotonic()
        with self.server.watched() as watch:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(120)
        self.judge(prober, f"{CLIENTS} listings in {time.monotonic() - began:.1f} s", watch.growth)
        self.assertEqual(statuses, [200] * CLIENTS)
        self.assertLess(watch.growth, 150 * MIB)

    def test_forms_and_ranges(self) -> None:
        """Ten who send forms of 2,000 parts and ten who ask for a thousand ranges, over and over, leave small GETs alone."""
        with open(f"{self.server.storage}/big.bin", "wb") as file:
            file.truncate(200_000)
        part = b'--b\r\nContent-Disposition: form-data; name="f"; filename=""\r\n\r\n\r\n'
        body = part * 2000 + b"--b--\r\n"
        form = head("POST", "/", length=len(body), headers={"Content-Type": "multipart/form-data; boundary=b"})
        ranges = ",".join(f"{number * 10}-{number * 10 + 1}" for number in range(1000))
        bomb = head("GET", "/big.bin", headers={"Range": f"bytes={ranges}", "Connection": "close"})
        prober, statuses = self.beside(), []

        def post() -> None:
            for _ in range(ROUNDS):
                connection = self.connect(self.server)
                connection.send(form + body)
                statuses.append(connection.answer().status)

        def fetch() -> None:
            for _ in range(ROUNDS):
                connection = self.connect(self.server)
                connection.send(bomb)
                statuses.append(connection.answer().status)

        threads = [threading.Thread(target=each) for _ in range(10) for each in (post, fetch)]
        with self.server.watched() as watch:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(120)
        self.judge(prober, "forms and ranges", watch.growth)
        self.assertEqual(sorted(set(statuses)), [200, 400])
        self.assertEqual(len(statuses), 20 * ROUNDS)
        self.assertLess(watch.growth, 150 * MIB)

    def test_slow_in_every_way(self) -> None:
        """Hundreds of slow heads, slow bodies and readers who read nothing are cut in time, and GETs beside them are served."""
        with open(f"{self.server.storage}/big.bin", "wb") as file:
            file.truncate(100 * MIB)
        heads = [self.connect(self.server) for _ in range(300)]
        bodies = [self.connect(self.server) for _ in range(300)]
        readers = [self.connect(self.server, receive_buffer=4096) for _ in range(100)]
        for connection in heads:
            connection.send(b"GET /small.txt HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        for number, connection in enumerate(bodies):
            connection.send(head("PUT", f"/slow{number}", length=100_000))
        for connection in readers:
            connection.send(head("GET", "/big.bin"))
        prober, began = self.beside(), time.monotonic()
        left = self.drip(heads, bodies, seconds=40)
        self.judge(prober, f"after {time.monotonic() - began:.0f} s {left} of 600 slow senders are left")
        self.assertEqual(left, 0)
        self.wait_until_cut(readers, seconds=60)
        names = set(os.listdir(self.server.storage)) - {".peerstor"}
        self.assertEqual(names, {"small.txt", "big.bin"})

    def drip(self, heads: list[Connection], bodies: list[Connection], seconds: float) -> int:
        """Drip bytes into heads; into half of the bodies none at all come, into the others one when they begin.

        :return: how many were not cut.
        """
        waiting, end = selectors.DefaultSelector(), time.monotonic() + seconds
        for connection in (*heads, *bodies):
            waiting.register(connection.socket, selectors.EVENT_READ, connection)
        for connection in bodies[::2]:
            connection.send(b"x")
        while waiting.get_map() and time.monotonic() < end:
            time.sleep(0.5)
            for key, _ in waiting.select(0):
                waiting.unregister(key.fileobj)
                self.assertEqual(key.data.answer().status, 408)
            for key in list(waiting.get_map().values()):
                if key.data in heads:
                    with contextlib.suppress(OSError):
                        key.data.send(b"X")
        return len(waiting.get_map())

    def wait_until_cut(self, readers: list[Connection], seconds: float) -> None:
        """A reader that takes nothing for 60 s is cut: then what is left to read ends early."""
        end = time.monotonic() + seconds
        while self.open_connections(self.server) > 5 and time.monotonic() < end:
            time.sleep(1)
        self.assertLessEqual(self.open_connections(self.server), 5)
        self.assertLess(len(readers[0].rest()), 100 * MIB)

    @staticmethod
    def open_connections(server: Server) -> int:
        """Count the sockets of the server beside the one on which it listens."""
        links = []
        for fd in os.listdir(f"/proc/{server.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                links.append(os.readlink(f"/proc/{server.pid}/fd/{fd}"))
        return sum(link.startswith("socket:") for link in links) - 1

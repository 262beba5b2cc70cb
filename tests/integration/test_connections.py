"""Rules of many connections, and of slow ones."""

import statistics
import time

import pytest

from tests.integration.server import ServerCase
from tests.integration.test_drain import Task
from tests.integration.wire import Answer, Connection, head

MANY = 1000


@pytest.mark.slow
class ConnectionTests(ServerCase):
    def test_many(self) -> None:
        """A thousand connections that are kept cost at most 20 kB each, and a GET beside them waits for none.

        A head that drips in, however steadily, is cut after 10 s with 408; so is one that never begins, in silence.
        """
        server = self.serve()
        with open(f"{server.storage}/small.txt", "wb") as file:
            file.write(b"small")
        warm = self.connect(server)
        for _ in range(50):
            self.assertEqual(warm.request("GET", "/small.txt").body, b"small")
        dripping, silent, began = self.connect(server), self.connect(server), time.monotonic()
        dripping.send(b"GET /small.txt HTTP/1.1\r\n")
        dripped = Task(self.drip, dripping)
        before = server.memory()
        kept = [self.connect(server) for _ in range(MANY)]
        for connection in kept:
            self.assertEqual(connection.request("GET", "/small.txt").body, b"small")
        each = (server.memory() - before) / MANY
        median = self.median_of_gets(warm)
        self.measured(f"{each / 1000:.1f} kB a connection, GET beside them {median * 1000:.1f} ms (median)")
        self.assertLessEqual(each, 20_000)
        self.assertLess(median, 0.25)
        answer, cut = dripped.outcome()
        seconds = cut - began
        self.measured(f"a dripping head was cut after {seconds:.1f} s")
        self.assertEqual((answer.status, answer.headers["connection"]), (408, "close"))
        self.assertTrue(9.5 < seconds < 14, seconds)
        self.assertEqual(silent.rest(), b"")
        for connection in kept:  # nobody else was cut
            self.assertEqual(connection.request("HEAD", "/small.txt").status, 200)

    def median_of_gets(self, connection: Connection) -> float:
        times = []
        for _ in range(200):
            began = time.monotonic()
            self.assertEqual(connection.request("GET", "/small.txt").body, b"small")
            times.append(time.monotonic() - began)
        return statistics.median(times)

    def drip(self, connection: Connection) -> tuple[Answer, float]:
        """Send one byte of a head after the other until there is an answer; tells when."""
        connection.socket.settimeout(0.1)
        for number in range(300):
            try:
                return connection.answer(), time.monotonic()
            except TimeoutError:
                connection.send(b"X-Drip: 1\r\n"[number % 11 :][:1])
        raise AssertionError("a dripping head is never cut")

    def test_silent_body(self) -> None:
        """A body that stops coming is answered 408 after 30 s; what had come of an upload is kept, a PUT leaves nothing."""
        server = self.serve()
        chunk, put, began = self.connect(server), self.connect(server), time.monotonic()
        chunk.send(head("POST", "/api/upload/chunk?name=slow&offset=0", length=1000) + b"x" * 10)
        put.send(head("PUT", "/put", length=1000) + b"x" * 10)
        for connection in (chunk, put):
            connection.socket.settimeout(60)
            self.assertEqual(connection.answer().status, 408)
        seconds = time.monotonic() - began
        self.measured(f"a silent body was cut after {seconds:.1f} s")
        self.assertTrue(29 < seconds < 45, seconds)
        asked = self.connect(server)
        self.assertEqual(asked.request("GET", "/api/upload/offset?name=slow").json, {"offset": 10})
        self.assertEqual(asked.request("GET", "/put").status, 404)

    def test_too_many_from_one_address(self) -> None:
        """Connections beyond --max-connections-per-address are told to wait; there is room again when one goes."""
        server = self.serve("--max-connections-per-address", "3")
        kept = [self.connect(server) for _ in range(3)]
        for connection in kept:
            self.assertEqual(connection.request("HEAD", "/").status, 200)
        beyond = self.connect(server)
        refused = beyond.answer()
        beyond.close()
        self.assertEqual((refused.status, refused.json["error"]), (429, "too_many"))
        self.assertIn("retry-after", refused.headers)
        kept.pop().close()
        self.wait_until_let_in(server.port)

    def wait_until_let_in(self, port: int) -> None:
        end = time.monotonic() + 20
        while True:
            connection = Connection(port)
            try:
                connection.send(head("HEAD", "/"))
                if connection.answer(bodiless=True).status == 200:
                    return
            finally:
                connection.close()
            self.assertLess(time.monotonic(), end, "there never is room again")

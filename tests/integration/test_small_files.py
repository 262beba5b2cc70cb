"""Small files in a storm: by the lane and without it, and with kill -9 in the middle."""

import base64
import hashlib
import os
import random
import re
import socket
import threading
import time
from collections.abc import Iterator

from tests.integration.server import Server, ServerCase
from tests.integration.wire import Connection, head

ROUNDS = 6
CLIENTS = 8

OWN = re.compile(rb"\r\n(?:date|x-request-id|etag|last-modified): [^\r]*", re.IGNORECASE)
"""What is each answer's own; the entity tag is made of the inode and the time of the file."""


def content(client: int, number: int) -> bytes:
    """The bytes of a file, the same in every process, all of a length or none."""
    chance = random.Random(client * 100_000 + number)
    return chance.randbytes(chance.choice((0, 1, 5000, 10_240, 60_000, 70_000)))


class Storm(threading.Thread):
    """Puts one new file after the other, by two packets or by one, until the server is gone."""

    def __init__(self, port: int, client: int, begin: int) -> None:
        super().__init__(daemon=True)
        self.port, self.client = port, client
        self.acknowledged = begin
        self.failure: BaseException | None = None

    def run(self) -> None:
        """See the class."""
        try:
            self._work()
        except (OSError, EOFError):
            pass
        except BaseException as error:
            self.failure = error

    def _work(self) -> None:
        connection = Connection(self.port)
        try:
            while True:
                number = self.acknowledged
                data = content(self.client, number)
                lead = head("PUT", f"/{self.client}-{number}", length=len(data))
                if number % 2:
                    connection.send(lead)
                    connection.send(data)
                else:
                    connection.send(lead + data)
                answer = connection.answer()
                if not answer.whole:
                    return
                assert answer.status in (201, 204), answer
                self.acknowledged += 1
        finally:
            connection.close()


class StormTests(ServerCase):
    """kill -9."""

    def test_every_acknowledged_file_is_there(self) -> None:
        """Whatever was acknowledged is there whole, at most one of each client more; no part is left."""
        server, chance = self.serve("--anonymous", "full", start=False), random.Random(7)
        done = [0] * CLIENTS
        for _ in range(ROUNDS):
            server.start()
            storms = [Storm(server.port, client, done[client]) for client in range(CLIENTS)]
            for storm in storms:
                storm.start()
            time.sleep(chance.uniform(0.05, 0.4))  # the moment of the crash, not a wait
            server.kill()
            for storm in storms:
                storm.join(60)
                if storm.failure is not None:
                    raise storm.failure
            done = [storm.acknowledged for storm in storms]
            self.check(server, done)
        self.assertGreater(sum(done), CLIENTS)
        server.start()
        self.assertEqual(server.stop(), -15)
        self.assertEqual(os.listdir(f"{server.storage}/.peerstor/parts"), [])

    def check(self, server: Server, done: list[int]) -> None:
        """Every file that is there is whole, and all are there that have to be."""
        names = {name for name in os.listdir(server.storage) if name != ".peerstor"}
        sure = {f"{client}-{number}" for client, count in enumerate(done) for number in range(count)}
        perhaps = {f"{client}-{count}" for client, count in enumerate(done)}
        self.assertLessEqual(sure, names)
        self.assertLessEqual(names, sure | perhaps)
        for name in names:
            client, number = map(int, name.split("-"))
            with open(f"{server.storage}/{name}", "rb") as file:
                self.assertTrue(file.read() == content(client, number), f"{name} isn't whole")


def requests() -> Iterator[bytes]:
    """Requests of all kinds, one after the other on a fresh storage."""
    small = b"x" * 10_240
    digest, ok = (f"sha-256=:{base64.b64encode(hashlib.sha256(of).digest()).decode()}:" for of in (b"", b"hello"))
    folder = head("PUT", "/folder/file", length=3) + b"abc"
    yield from (
        head("PUT", "/file", length=len(small)) + small,
        head("PUT", "/file", length=3) + b"new",
        head("PUT", "/empty", length=0),
        head("PUT", "/edge", length=65_536) + b"y" * 65_536,
        head("PUT", "/above", length=65_537) + b"y" * 65_537,
        folder,
        head("PUT", "/a%0Ab", length=1) + b"x",
        head("PUT", "/.peerstor/x", length=1) + b"x",
        head("PUT", "/file/x", length=1) + b"x",
        head("PUT", "/" + "n" * 256, length=1) + b"x",
        head("PUT", "/once", length=1, headers={"If-None-Match": "*"}) + b"1",
        head("PUT", "/once", length=1, headers={"If-None-Match": "*"}) + b"2",
        head("PUT", "/once", length=1, headers={"If-Match": '"other"'}) + b"3",
        head("PUT", "/once", length=1, headers={"If-Match": "*"}) + b"4",
        head("PUT", "/wrong", length=1, headers={"Repr-Digest": digest}) + b"x",
        head("PUT", "/right", length=5, headers={"Repr-Digest": ok}) + b"hello",
        head("PUT", "/waits", length=2, headers={"Expect": "100-continue"}),
        head("PUT", "/nowhere/x", length=2, headers={"Expect": "100-continue"}),
        head("PUT", "/huge", length=2_000_000) + b"z" * 10,
        b"PUT /chunked HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"PUT /unsaid HTTP/1.1\r\nHost: localhost\r\n\r\n",
        head("GET", "/file"),
        head("PUT", "/p1", length=1) + b"1" + head("PUT", "/p2", length=1) + b"2" + head("GET", "/p1"),
    )


class BothWaysTests(ServerCase):
    """The same requests to a server with the lane and to one without."""

    def answers(self, server: Server, request: bytes, *, split: bool) -> bytes:
        """Send a request and close our side; all that comes back, but for what is each answer's own."""
        connection = Connection(server.port)
        try:
            lead, _, body = request.partition(b"\r\n\r\n")
            if split:
                connection.send(lead + b"\r\n\r\n")
                time.sleep(0.03)  # so that the body comes by itself
                connection.send(body)
            else:
                connection.send(request)
            if b"Expect" in lead and b"/waits" in lead:
                self.assertEqual(connection.answer().status, 100)
                connection.send(b"ok")
            if b"Expect" in lead or b"/huge" in lead:  # not whole: the refusal must not wait for the end
                received = connection.socket.recv(65_536)
                connection.socket.settimeout(0.5)
            else:
                received = b""
                connection.socket.shutdown(socket.SHUT_WR)
            try:
                while piece := connection.socket.recv(65_536):
                    received += piece
            except TimeoutError:
                pass
            return OWN.sub(b"", received)
        finally:
            connection.close()

    def test_all_alike(self) -> None:
        """Each answer is the same to the byte, and so are the files and what is kept of those replaced."""
        found = []
        for lanes in ([], ["--no-fast-lanes"]):
            server = self.serve("--anonymous", "full", "--max-upload", "1000000", *lanes)
            os.mkdir(f"{server.storage}/dir")
            said = [self.answers(server, one, split=split) for split in (False, True) for one in requests()]
            found.append((said, self.tree(server), self.told(server)))
            server.stop()
        for one, other in zip(found[0][0], found[1][0], strict=True):
            self.assertEqual(one, other)
        self.assertEqual(found[0][1:], found[1][1:])

    def tree(self, server: Server) -> tuple[dict[str, tuple[bytes, int]], list[bytes]]:
        """All files with their content and rights, and what lies in the trash."""
        files, kept = {}, []
        for place, _, names in os.walk(server.storage):
            for name in names:
                path = os.path.join(place, name)
                with open(path, "rb") as file:
                    data = file.read()
                if "/.peerstor/trash/" in path and not name.endswith(".json"):
                    kept.append(data)
                elif "/.peerstor" not in path:
                    files[os.path.relpath(path, server.storage)] = (data, os.stat(path).st_mode)
        return files, sorted(kept)

    def told(self, server: Server) -> list[bytes]:
        """What the log says of changes."""
        return sorted(re.findall(rb"(?:stored|replaced) /[^\n]*", server.log))

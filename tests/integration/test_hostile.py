"""Rules of clients that compete, err or mean harm, over real sockets."""

import contextlib
import os
import random
import threading
import time
from urllib.parse import quote_from_bytes

from tests.integration.daemon import until
from tests.integration.server import ServerCase
from tests.integration.wire import Answer, Connection, head, upload_target

JSON = {"Accept": "application/json"}


class HostileCase(ServerCase):
    def setUp(self) -> None:
        self.server = self.serve("--anonymous", "full", "--access-log", "access")

    def store(self, name: bytes, content: bytes) -> None:
        with open(os.fsencode(self.server.storage) + b"/" + name, "wb") as file:
            file.write(content)

    def alive(self) -> None:
        """Check that others are served as if nothing had been."""
        self.assertEqual(self.api(self.server).get("/").status, 200)


class CompetitionTests(HostileCase):
    content = random.Random(5).randbytes(1_000_000)

    def begin_chunk(self, name: str, sent: int) -> Connection:
        """Begin a chunk, send a part of it and stop without a word."""
        connection = self.connect(self.server)
        connection.send(head("POST", upload_target("chunk", name, offset=0), length=len(self.content)))
        connection.send(self.content[:sent])
        self.wait_for_offset(name, sent)
        return connection

    def wait_for_offset(self, name: str, offset: int) -> None:
        api = self.api(self.server)
        until(lambda: api.offset(name) == offset, "what was sent to arrive")

    def test_stale_writer(self) -> None:
        """A writer that fell silent without closing is replaced after 2 s, and what it sent is kept."""
        began = time.monotonic()
        stale, api = self.begin_chunk("file", 400_000), self.api(self.server)
        while (answer := api.chunk("file", 400_000, self.content[400_000:])).status != 200:
            self.assertEqual((answer.status, answer.json["error"]), (409, "busy"))
            self.assertEqual(answer.json["offset"], 400_000)
            self.assertIn("retry-after", answer.headers)
            self.assertLess(time.monotonic() - began, 10)
            time.sleep(0.1)  # a client that tries again
        seconds = time.monotonic() - began
        self.measured(f"a silent writer was replaced after {seconds:.1f} s")
        self.assertTrue(1.5 < seconds < 5, seconds)
        self.assertEqual(api.complete("file", len(self.content)).status, 200)
        self.assertTrue(api.get("/file").body == self.content)
        late = stale.answer()
        self.assertEqual((late.status, late.json["error"]), (409, "busy"))

    def test_busy(self) -> None:
        """While one writer makes progress another is refused at once, and the offset is told all the same."""
        writer, api = self.begin_chunk("file", 100_000), self.api(self.server)
        for begin in range(100_000, 1_000_000, 100_000):
            for answer in (api.chunk("file", begin, b"x"), api.complete("file", begin)):
                self.assertEqual((answer.status, answer.json["error"]), (409, "busy"))
            writer.send(self.content[begin : begin + 100_000])
            self.wait_for_offset("file", begin + 100_000)
        self.assertEqual(writer.answer().json, {"nextOffset": 1_000_000})
        self.assertEqual(api.complete("file", 1_000_000).status, 200)
        self.assertTrue(api.get("/file").body == self.content)

    def test_many_on_one_name(self) -> None:
        """Eight who upload one name at once, as fast as they can, get whole files; the offset is told to each."""
        results: list[BaseException | None] = [None] * 8
        names: set[str] = set()

        def upload(number: int) -> None:
            try:
                names.add(self.upload("file"))
            except BaseException as error:
                results[number] = error

        threads = [threading.Thread(target=upload, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual([result for result in results if result is not None], [])
        api = self.api(self.server)
        self.assertEqual(api.listing(), {name[1:] for name in names})
        for name in names:
            self.assertTrue(api.get(name.replace(" ", "%20")).body == self.content, name)

    def upload(self, name: str) -> str:
        """Upload with whatever patience it takes; tells the name that it got."""
        api, size = self.api(self.server), len(self.content)
        while True:
            answer = api.complete(name, size)
            if answer.status == 200:
                return str(answer.json["path"])
            offset = api.offset(name)
            answer = api.chunk(name, offset, self.content[offset : offset + 150_000])
            self.assertIn(answer.status, (200, 409, 413), answer)

    def test_reset(self) -> None:
        """What arrived before a reset of the connection counts."""
        connection, api = self.begin_chunk("file", 300_000), self.api(self.server)
        connection.reset()
        until(lambda: api.chunk("file", 300_000, self.content[300_000:]).status == 200, "the upload to be free")
        self.assertEqual(api.complete("file", len(self.content)).status, 200)
        self.assertTrue(api.get("/file").body == self.content)


class PipeliningTests(HostileCase):
    def test_four_in_one_packet(self) -> None:
        """A small file, a large one, a small one and a range, asked for at once, come in order and whole."""
        large = random.Random(6).randbytes(20_000_000)
        self.store(b"small", b"small")
        self.store(b"large", large)
        connection = self.connect(self.server)
        connection.send(
            head("GET", "/small")
            + head("GET", "/large")
            + head("GET", "/small")
            + head("GET", "/large", headers={"Range": "bytes=1000-1999", "Connection": "close"})
        )
        answers = [connection.answer() for _ in range(4)]
        self.assertEqual([answer.status for answer in answers], [200, 200, 200, 206])
        for answer, body in zip(answers, (b"small", large, b"small", large[1000:2000]), strict=True):
            self.assertTrue(answer.body == body)
        self.assertEqual(connection.rest(), b"")

    def test_uploads_in_one_packet(self) -> None:
        """Chunks and the end of an upload, pipelined, are done in order."""
        connection = self.connect(self.server)
        packet = b""
        for offset in range(0, 10_000, 1000):
            packet += head("POST", upload_target("chunk", "file", offset=offset), length=1000) + bytes(1000)
        packet += head("POST", upload_target("complete", "file", size=10_000), length=0) + head("GET", "/file")
        connection.send(packet)
        answers = [connection.answer() for _ in range(12)]
        self.assertEqual([answer.status for answer in answers], [200] * 12)
        self.assertEqual(answers[-1].body, bytes(10_000))


class SmugglingTests(HostileCase):
    inner = head("DELETE", "/victim")

    def setUp(self) -> None:
        super().setUp()
        self.store(b"victim", b"alive")

    def answers_to(self, data: bytes) -> list[Answer]:
        """Send bytes on a connection of their own, and read all answers until it is closed or silent."""
        connection = self.connect(self.server)
        connection.send(data)
        answers = []
        try:
            while True:
                answers.append(connection.answer())
                connection.socket.settimeout(1.0)
        except (EOFError, ConnectionResetError, TimeoutError):
            return answers

    def test_two_framings(self) -> None:
        """A head that two readers could cut in two ways is refused, and nothing behind it is read as a request."""
        host, body = b"Host: 127.0.0.1\r\n", b"0\r\n\r\n"
        length = b"Content-Length: %d\r\n" % (len(body) + len(self.inner))
        for name, fields in {
            "both": length + b"Transfer-Encoding: chunked\r\n",
            "both, turned": b"Transfer-Encoding: chunked\r\n" + length,
            "two lengths": b"Content-Length: 0\r\n" + length,
            "list of lengths": b"Content-Length: 0, 5\r\n",
            "signed length": b"Content-Length: +0\r\n",
            "blank before colon": b"Transfer-Encoding : chunked\r\n" + length,
            "odd coding": b"Transfer-Encoding: xchunked\r\n",
            "coding twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            "folded": b"Transfer-Encoding:\r\n chunked\r\n" + length,
        }.items():
            with self.subTest(name):
                answers = self.answers_to(b"POST / HTTP/1.1\r\n" + host + fields + b"\r\n" + body + self.inner)
                self.assertEqual([answer.status for answer in answers], [400])
                self.assertEqual(answers[0].headers["connection"], "close")
        self.assertEqual(self.api(self.server).get("/victim").body, b"alive")

    def test_refused_body(self) -> None:
        """A request line in the body of a refused request is never run, whether the body is small or large."""
        for size in (len(self.inner), 10_000_000):
            for target in ("/nowhere/file", upload_target("chunk", "f", offset=7), "/victim/"):
                with self.subTest(size=size, target=target):
                    answers = self.answers_to(
                        head("POST", target, length=size) + self.inner + bytes(min(size - len(self.inner), 1000))
                    )
                    self.assertEqual(len(answers), 1)
                    self.assertGreaterEqual(answers[0].status, 400)
        self.assertEqual(self.api(self.server).get("/victim").body, b"alive")

    def test_bad_chunk(self) -> None:
        """A malformed chunk ends the connection; what came before counts, what follows is nothing."""
        connection, api = self.connect(self.server), self.api(self.server)
        target = upload_target("chunk", "f", offset=0)
        connection.send(head("POST", target, headers={"Transfer-Encoding": "chunked"}) + b"5\r\nhello\r\n")
        until(lambda: api.offset("f") == 5, "the good chunk to arrive")
        connection.send(b"zz\r\n" + self.inner)
        self.assertEqual(connection.answer().status, 400)
        self.assertEqual(connection.rest(), b"")
        until(lambda: api.chunk("f", 5, b" world").status == 200, "the upload to be free")
        self.assertEqual(api.offset("f"), 11)
        self.assertEqual(api.get("/victim").body, b"alive")


class SpecialFileTests(HostileCase):
    def test_fifo(self) -> None:
        """A FIFO, a socket and a device are absent; none hangs a request, nor those beside it."""
        os.mkfifo(f"{self.server.storage}/fifo")
        os.mknod(f"{self.server.storage}/device", 0o600 | 0o020000, os.makedev(1, 5))
        os.symlink("/dev/zero", f"{self.server.storage}/link")
        for name in ("fifo", "device", "link"):
            for method in ("GET", "HEAD"):
                self.assertEqual(self.connect(self.server).request(method, f"/{name}").status, 404)
        api = self.api(self.server)
        self.assertEqual(api.listing(), set())
        self.assertEqual(api.chunk("fifo", 0, b"x").status, 200)
        self.assertEqual(api.complete("fifo", 1).json["path"], "/fifo (2)")
        self.assertEqual(api.put("/fifo", b"instead").status, 204)
        self.assertEqual(api.get("/fifo").body, b"instead")
        self.alive()


class LogTests(HostileCase):
    names = (
        b"esc\x1b[2Jape",
        b"new\nline: another entry",
        b"cr\rlf",
        b"bell\x07",
        b"c1\xc2\x9b31m",
        b"raw\xff\xfe",
        b"tab\t",
    )

    def test_hostile_names(self) -> None:
        """Whatever name is asked for, stored or refused, the logs hold no control character and one line for each."""
        for name in self.names:
            self.store(name, b"content")
        connection, requests = self.connect(self.server), 0
        for name in self.names:
            quoted = quote_from_bytes(name, safe="")
            for method, target in (
                ("GET", f"/{quoted}"),
                ("PUT", f"/{quoted}"),
                ("POST", f"/api/upload/chunk?offset=0&name={quoted}"),
                ("POST", f"/api/upload/complete?size=0&name={quoted}&dir=%2F{quoted}"),
                ("DELETE", f"/{quoted}"),
            ):
                body = None if method in ("GET", "DELETE") else b""
                headers = {"User-Agent": 'evil \x1b[31m\x9b " agent', "Referer": "http://x/\x1b]0;t\x07"}
                answer = connection.request(method, target, body, headers)
                requests += 1
                if answer.headers.get("connection") == "close":
                    connection = self.connect(self.server)
                self.assertLess(answer.status, 500, (method, target))
        self.alive()
        self.server.stop()
        with open(f"{self.server.folder}/access", "rb") as file:
            access = file.read()
        for log in (access, self.server.log):
            text = log.decode("utf-8")
            self.assertEqual([c for c in set(text) if c != "\n" and not c.isprintable()], [])
        self.assertEqual(access.count(b"\n"), requests + 1)

    def test_nonsense(self) -> None:
        """Noise, half a head, a TLS hello and a body cut in the middle leave no trace but a line."""
        noise = random.Random(7)
        for data in (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + noise.randbytes(500),
            b"\x00" * 5000,
            noise.randbytes(20_000),
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"y" * 20_000 + b"\r\n\r\n",
            b"GET /" + b"y" * 9000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            b"GET / HTTP/9.9\r\nHost: 127.0.0.1\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"GET / HTTP/1.1\r\nHo",
            head("PUT", "/cut", length=1000) + b"half",
            head("POST", "/", length=1000, headers={"Content-Type": "multipart/form-data; boundary=b"})
            + b"--b\r\n",
        ):
            for abrupt in (False, True):
                connection = self.connect(self.server)
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    connection.send(data)
                if abrupt:
                    connection.reset()
                else:
                    connection.close()
        self.alive()
        self.assertEqual(self.api(self.server).listing(), set())

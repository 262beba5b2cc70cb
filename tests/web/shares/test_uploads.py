"""Upload-only shares: files come in, and nothing comes out."""

import os

from twisted.python.failure import Failure

from tests.web.shares.scaffold import HTML, MULTIPART, SharingCase, multipart

JSON = {"Accept": "application/json"}


class Sending(SharingCase):
    def setUp(self) -> None:
        super().setUp()
        self.address = self.share(mode="upload", note="Thank you!")

    def names(self) -> list[bytes]:
        return sorted(os.listdir(self.house.path("shared")))

    def test_form(self) -> None:
        """A form without scripts stores its files, and who sent them and their note are kept for the maker."""
        page = self.get(self.address, HTML)
        for told in (
            b"multipart/form-data",
            b'name="sender"',
            b'name="note"',
            b"Thank you!",
            f'action="{self.address}"'.encode(),
        ):
            self.assertIn(told, page.body)
        body = multipart(("b.txt", b"12"), ("c.txt", b"345"), sender="Ann\u202e", note="two\nfiles")
        answer = self.ask("POST", self.address, body, MULTIPART, HTML)
        self.assertEqual((answer.status, answer.headers["location"]), (303, f"{self.address}?sent=2"))
        self.assertIn(b"Your 2 files have arrived", self.get(answer.headers["location"], HTML).body)
        self.assertEqual(self.house.content("shared/c.txt"), b"345")
        [delivery] = self.told()["deliveries"]
        self.assertEqual((delivery["sender"], delivery["note"], delivery["count"]), ("Ann\u202e", "two\nfiles", 2))
        self.assertEqual(delivery["files"], [{"name": "b.txt", "size": 2}, {"name": "c.txt", "size": 3}])
        noted = self.house.audit.noted[-1]
        self.assertEqual((noted["event"], noted["count"], noted["sender"]), ("delivery", 2, "Ann\u202e"))
        self.assertNotIn(self.id, str(self.house.audit.noted))

    def test_programs(self) -> None:
        """curl sends files by PUT, or by a form."""
        answer = self.ask("PUT", f"{self.address}/new%20one.txt?sender=Bob&note=hi", b"content")
        self.assertEqual((answer.status, answer.body), (201, b""))
        self.assertEqual(self.house.content("shared/new one.txt"), b"content")
        self.assertEqual(self.told()["deliveries"][0]["sender"], "Bob")
        for behind in ("", "/"):
            answer = self.ask("POST", self.address + behind, multipart(("f", b"x")), MULTIPART)
            self.assertEqual((answer.status, answer.json["files"][0]["name"]), (201, "f"))

    def test_tells_nothing(self) -> None:
        """Nobody learns what is there: no listing, no name, no size, nor whether a name was taken."""
        for method in ("GET", "HEAD"):
            for target in ("/a.txt", "/nothing", "/sub/", "/sub", "/sub/b.txt", "/peep", "/?sort=x", "/.peerstor"):
                answer = self.ask(method, self.address + target, None, HTML)
                self.assertEqual(answer.status, 200 if target == "/?sort=x" else 404, target)
                self.assertNotIn(b"a.txt", answer.body)
        for accept in ({}, JSON, HTML):
            self.assertNotIn(b"a.txt", self.get(f"{self.address}/", accept).body)
        new, taken = (self.ask("PUT", f"{self.address}/{name}", b"mine") for name in ("new.txt", "a.txt"))
        for answer in (new, taken):
            answer.headers.pop("date")
            answer.headers.pop("x-request-id")
        self.assertEqual(new, taken)
        self.assertEqual(self.house.content("shared/a.txt"), b"0123456789")
        self.assertEqual(self.house.content("shared/a (2).txt"), b"mine")
        answer = self.ask("POST", self.address, multipart(("a.txt", b"more")), MULTIPART)
        self.assertNotIn(b"(3)", answer.body)
        self.assertEqual(self.house.content("shared/a (3).txt"), b"more")

    def test_no_condition_tells(self) -> None:
        """Conditions and wishes are passed over: their outcome would tell."""
        for headers in ({"If-None-Match": "*"}, {"If-Match": "*"}, {"If-Match": '"x"'}):
            self.assertEqual(self.ask("PUT", f"{self.address}/a.txt", b"x", headers).status, 201)
        for wish in ("replace", "refuse"):
            self.assertEqual(self.ask("PUT", f"{self.address}/a.txt?conflict={wish}", b"x").status, 201)
            answer = self.ask("POST", f"{self.address}?conflict={wish}", multipart(("a.txt", b"x")), MULTIPART)
            self.assertEqual(answer.status, 201)
        self.assertEqual(self.house.content("shared/a.txt"), b"0123456789")

    def test_only_there(self) -> None:
        """Files land in the folder itself and nowhere else, whatever name or path they come with."""
        before = set(os.listdir(self.house.storage))
        for target in (
            "/sub/x",
            "/nothing/x",
            "/out/planted",
            "/root/tmp/planted",
            "/../planted",
            "/%2e%2e/planted",
            "/..%2fplanted",
            "/sub/",
            "/%00",
            "/.peerstor",
            "/.peerstor/x",
        ):
            self.assertIn(self.ask("PUT", self.address + target, b"x").status, (400, 404), target)
        form = multipart(
            ("../planted", b"x"), ("sub/x", b"x"), ("..\\planted", b"x"), (".peerstor", b"x"), ("good", b"x")
        )
        answer = self.ask("POST", self.address, form, MULTIPART)
        self.assertEqual([one["status"] for one in answer.json["files"]], [400, 400, 400, 400, 201])
        self.assertEqual(set(os.listdir(self.house.storage)), before)
        self.assertEqual(os.listdir(self.house.path("shared", "sub")), [b"b.txt"])
        self.assertEqual(self.told()["deliveries"][0]["count"], 1)
        page = self.ask("POST", self.address, form, MULTIPART, HTML)
        self.assertEqual(page.status, 201)
        self.assertIn(b"Some files were refused", page.body)

    def test_no_other_method(self) -> None:
        """Nothing can be removed or changed."""
        for method in ("DELETE", "PATCH", "MOVE"):
            self.assertIn(self.ask(method, f"{self.address}/a.txt").status, (405, 501))

    def test_other_site(self) -> None:
        """Another site's page can't send files."""
        answer = self.ask(
            "POST", self.address, multipart(("f", b"x")), MULTIPART, {"Origin": "http://evil.example"}
        )
        self.assertEqual(answer.status, 403)
        self.assertNotIn(b"f", self.names())

    def test_broken_form(self) -> None:
        """What was stored of a form that breaks off is a delivery all the same."""
        body = multipart(("f", b"x"), ("g", b"y"), sender="Ann")[:-20]
        self.assertEqual(self.ask("POST", self.address, body, MULTIPART).status, 400)
        [delivery] = self.told()["deliveries"]
        self.assertEqual((delivery["sender"], delivery["files"]), ("Ann", [{"name": "f", "size": 1}]))

    def test_long_words(self) -> None:
        """Words beyond measure are cut, and many files only counted."""
        files = [(f"n{number}", b"") for number in range(150)]
        self.ask("POST", self.address, multipart(*files, sender="s" * 5000, note="n" * 50_000), MULTIPART)
        [delivery] = self.told()["deliveries"]
        self.assertEqual((len(delivery["sender"]), len(delivery["note"])), (200, 4000))
        self.assertEqual((len(delivery["files"]), delivery["count"]), (100, 150))

    def test_without_length(self) -> None:
        """A body of no stated length is refused, or read when it is chunked."""
        head = f"PUT {self.address}/f HTTP/1.1\r\nHost: localhost\r\n"
        self.assertEqual(self.house.send(f"{head}\r\n".encode()).status, 411)
        chunked = f"{head}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        self.assertEqual(self.house.send(chunked.encode()).status, 201)
        self.assertEqual(self.house.content("shared/f"), b"abc")

    def test_revoked(self) -> None:
        """Revoking cuts an upload that is under way; nothing of it stays."""
        before = self.names()
        channel, wire = self.house.connect()
        head = f"PUT {self.address}/f HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345"
        channel.dataReceived(head.encode())
        self.api("DELETE", f"/{self.id}")
        self.assertTrue(wire.aborted)
        channel.connectionLost(Failure(ConnectionError()))
        self.house.clock.advance(1)
        self.assertEqual(self.names(), before)
        self.assertEqual(self.ask("PUT", f"{self.address}/f", b"x").status, 404)


class Limited(SharingCase):
    def setUp(self) -> None:
        super().setUp()
        self.address = self.share(mode="upload", max_bytes=100)

    def put(self, size: int, name: str = "f") -> tuple[int, object]:
        answer = self.ask("PUT", f"{self.address}/{name}", b"x" * size, JSON)
        return answer.status, answer.json if answer.body else None

    def test_exactly(self) -> None:
        """As much as is allowed is taken, and not a byte more; what is left is told before the body."""
        self.assertEqual(self.put(60)[0], 201)
        status, told = self.put(41)
        assert isinstance(told, dict)
        self.assertEqual((status, told["error"], told["left"]), (507, "quota", 40))
        self.assertEqual(self.put(101)[0], 413)
        self.assertEqual(self.put(40)[0], 201)
        self.assertEqual(self.put(1)[0], 507)
        self.assertEqual(self.put(0)[0], 201)
        self.assertEqual(self.told()["bytes"], 100)

    def test_before_the_body(self) -> None:
        """The refusal doesn't wait for the bytes."""
        for head in (
            f"PUT {self.address}/f HTTP/1.1\r\nHost: localhost\r\nContent-Length: 101\r\n",
            f"POST {self.address} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {MULTIPART['Content-Type']}\r\nContent-Length: 9000000\r\n",
        ):
            answer = self.house.send(f"{head}Expect: 100-continue\r\n\r\n".encode())
            self.assertIn(answer.status, (413, 507))

    def test_unknown_length(self) -> None:
        """What comes without a length is cut at the limit; nothing of it stays, and its bytes are free again."""
        before = sorted(os.listdir(self.house.path("shared")))
        head = f"PUT {self.address}/f HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        answer = self.house.send(head.encode() + b"65\r\n" + b"x" * 101 + b"\r\n0\r\n\r\n")
        self.assertEqual(answer.status, 507)
        form = multipart(("g", b"x" * 90), ("h", b"x" * 11), ("i", b"x"))
        answer = self.ask("POST", self.address, form, MULTIPART, JSON)
        self.assertEqual(answer.status, 507)
        self.assertEqual(sorted(os.listdir(self.house.path("shared"))), sorted([*before, b"g"]))
        self.assertEqual(self.told()["bytes"], 90)
        self.assertEqual(self.told()["deliveries"][0]["count"], 1)
        self.assertEqual(self.put(10)[0], 201)

    def test_fifty_at_once(self) -> None:
        """Fifty that write at the same time don't exceed it together."""
        channels = []
        for number in range(50):
            channel, wire = self.house.connect()
            head = f"PUT {self.address}/n{number} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
            channel.dataReceived(head.encode() + b"123")
            channels.append((channel, wire))
        for channel, wire in channels:
            if not wire.value():
                channel.dataReceived(b"456789")
        for _ in range(50):
            self.house.clock.advance(0.1)
        statuses = [wire.value().split()[1] for _, wire in channels]
        self.assertEqual((statuses.count(b"201"), statuses.count(b"507")), (11, 39))
        self.assertEqual(self.told()["bytes"], 99)

    def test_cut(self) -> None:
        """An upload that breaks off gives back what it had reserved."""
        channel, _ = self.house.connect()
        channel.dataReceived(
            f"PUT {self.address}/f HTTP/1.1\r\nHost: localhost\r\nContent-Length: 90\r\n\r\n123".encode()
        )
        self.assertEqual(self.put(11)[0], 507)
        channel.connectionLost(Failure(ConnectionError()))
        for _ in range(20):
            self.house.clock.advance(0.1)
        self.assertEqual(self.put(100)[0], 201)

    def test_full_page(self) -> None:
        """The page says how much may still come, and that nothing may."""
        self.assertIn(b"Up to 100 B can still be sent.", self.get(self.address, HTML).body)
        self.put(100)
        self.assertIn(b"no room left", self.get(self.address, HTML).body)

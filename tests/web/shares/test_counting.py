"""Limited downloads over HTTP: what burns one, what doesn't, and that there are never more."""

from typing import Any

from twisted.python.failure import Failure

from tests.web.shares.scaffold import HTML, SharingCase

BOT = {"User-Agent": "WhatsApp/2.23"}
SIZE = 3_000_000


class Limited(SharingCase):
    most = 1

    def setUp(self) -> None:
        super().setUp()
        self.house.put_file("shared/large", b"x" * SIZE)
        self.address = self.share("/shared/large", max_downloads=self.most)

    @property
    def count(self) -> int:
        return int(self.told()["downloads"])

    def begin(self, agent: str = "curl", headers: str = "") -> tuple[Any, Any]:
        """Begin a download that stops before its end, until it is lost."""
        channel, wire = self.house.connect()
        channel.dataReceived(
            f"GET {self.address} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {agent}\r\n{headers}\r\n".encode()
        )
        if wire.producer is not None:
            wire.producer.pauseProducing()  # the client takes no more for now
        return channel, wire

    def lose(self, channel: Any) -> None:
        channel.transport.producer.stopProducing()  # as a socket does
        channel.connectionLost(Failure(ConnectionError()))
        self.house.clock.advance(0)

    def finish(self, wire: Any) -> None:
        wire.producer.resumeProducing()
        for _ in range(100):
            self.house.clock.advance(0)
        self.assertGreater(len(wire.value()), SIZE)


class Burning(Limited):
    def test_whole(self) -> None:
        """A download burns one; the same visit may repeat it for a day, another finds nothing."""
        self.assertEqual(self.get(self.address, {"User-Agent": "a"}).status, 200)
        self.assertEqual(self.count, 1)
        self.assertEqual(self.get(self.address, {"User-Agent": "a"}).status, 200)
        for headers in ({"User-Agent": "b"}, HTML, BOT):
            self.assertEqual(self.get(self.address, headers).status, 404)
            self.assertEqual(self.ask("HEAD", self.address, None, headers).status, 404)
        self.house.wall += 86400
        self.assertEqual(self.get(self.address, {"User-Agent": "a"}).status, 404)
        self.assertEqual(self.count, 1)

    def test_used_up_is_unknown(self) -> None:
        """What is used up looks like what never was."""
        self.get(self.address, {"User-Agent": "a"})
        for accept in (HTML, {"User-Agent": "b"}):
            gone, never = self.get(self.address, accept), self.get("/-/s/" + "A" * 22, accept)
            self.assertEqual(gone.body, never.body)
            for answer in (gone, never):
                answer.headers.pop("date")
                answer.headers.pop("x-request-id")
            self.assertEqual(gone.headers, never.headers)

    def test_burns_nothing(self) -> None:
        """The page, HEAD, 304, 412, 416, a robot's look and a browser's fetch ahead burn nothing."""
        tag = self.ask("HEAD", self.address).headers["etag"]
        for headers, status in (
            (HTML, 200), ({"If-None-Match": tag}, 304), ({"If-Match": '"other"'}, 412), ({"Range": "bytes=9999999-"}, 416),
            (BOT, 200), ({"User-Agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}, 200), ({"Sec-Purpose": "prefetch"}, 200),
        ):  # fmt: skip
            answer = self.get(self.address, headers)
            self.assertEqual(answer.status, status, headers)
            self.assertNotIn(b"xxxx", answer.body)
        self.assertEqual(self.count, 0)
        self.assertEqual(self.get(self.address).status, 200)

    def test_robot(self) -> None:
        """A robot learns the name and the size, at any of the file's addresses, and not the bytes."""
        for address in (self.address, f"{self.address}/large"):
            answer = self.get(address, BOT)
            self.assertIn(b"3 MB", answer.body)
            self.assertIn(b"large", answer.body)
            self.assertNotIn("content-disposition", answer.headers)
            self.assertNotIn("set-cookie", answer.headers)

    def test_person_in_an_app(self) -> None:
        """Whoever opens a link in the browser that an app brings along is a person, and gets the file."""
        robot = "Mozilla/5.0 (compatible; Snap URL Preview Service; bot; snapchat)"
        self.assertIn(b"Download", self.get(f"{self.address}/large", {"User-Agent": robot}).body)
        app = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Snapchat/12.50.0.37"
        self.assertIn(b"Download", self.get(self.address, HTML | {"User-Agent": app}).body)
        answer = self.get(f"{self.address}/large?download", HTML | {"User-Agent": app})
        self.assertIn("attachment", answer.headers["content-disposition"])

    def test_pieces(self) -> None:
        """Ranges add up until they are the whole file."""
        for start in (0, 1_000_000):
            self.get(self.address, {"Range": f"bytes={start}-{start + 999_999}"})
        self.assertEqual(self.count, 0)
        self.get(self.address, {"Range": "bytes=2000000-"})
        self.assertEqual(self.count, 1)

    def test_resumed(self) -> None:
        """A download that breaks off counts when what was missing has come, and then once."""
        channel, wire = self.begin()
        got = len(wire.value().partition(b"\r\n\r\n")[2])
        self.assertTrue(0 < got < SIZE)
        self.lose(channel)
        self.assertEqual(self.count, 0)
        rest = self.get(self.address, {"User-Agent": "curl", "Range": f"bytes={got}-"})
        self.assertEqual((rest.status, len(rest.body)), (206, SIZE - got))
        self.assertEqual(self.count, 1)

    def test_tickets(self) -> None:
        """Two browsers alike behind one address are two visits, by their tickets."""
        one, two = (self.cookie(self.get(self.address, HTML)) for _ in range(2))
        file = f"{self.address}/large?download"
        self.assertEqual(self.get(file, HTML, one).status, 200)
        self.assertEqual(self.get(file, HTML, two).status, 404)
        self.assertEqual(self.get(file, HTML, one).status, 200)
        self.assertEqual(self.count, 1)

    def test_forged_ticket(self) -> None:
        """A ticket that we haven't made is none: whoever shows it is the visit of their address."""
        self.get(self.address)
        for forged in ("x", "ffffffff.x.00", self.id):
            self.assertEqual(self.get(self.address, {"Cookie": f"peerstor-share={forged}"}).status, 200)
        self.assertEqual(self.count, 1)

    def test_never_compressed(self) -> None:
        """Where downloads are limited, every byte of a file counts: none is spared by compression."""
        self.house.put_file("shared/text.txt", b"x" * 5000)
        address = self.share("/shared/text.txt", max_downloads=1)
        self.assertNotIn("content-encoding", self.get(address, {"Accept-Encoding": "gzip"}).headers)
        self.assertEqual(self.count, 1)

    def test_empty_file(self) -> None:
        """An empty file is downloaded too."""
        self.house.put_file("shared/empty", b"")
        address = self.share("/shared/empty", max_downloads=1)
        self.ask("HEAD", address)
        self.assertEqual(self.count, 0)
        self.get(address)
        self.assertEqual(self.count, 1)

    def test_after_a_restart(self) -> None:
        """Counts and visits are known to the next process."""
        self.get(self.address, {"User-Agent": "a"})
        links = self.house.share_links
        before = links.shares.get(self.id)
        links.shares._held.clear()
        links.shares.visits._counted.clear()
        links.shares.take(links.shares.read())
        self.assertEqual(links.shares.get(self.id), before)
        self.assertEqual(self.get(self.address, {"User-Agent": "a"}).status, 200)
        self.assertEqual(self.get(self.address, {"User-Agent": "b"}).status, 404)


class AtOnce(Limited):
    most = 2

    def test_as_many_as_are_left(self) -> None:
        """While as many visits are under way as downloads are left, another one is asked to wait."""
        (first, _), (_, wire) = self.begin("a"), self.begin("b")
        answer = self.get(self.address, {"User-Agent": "c", "Accept": "application/json"})
        self.assertEqual((answer.status, answer.json["error"]), (429, "too_many"))
        self.assertIn("retry-after", answer.headers)
        self.assertEqual(self.get(self.address, {"User-Agent": "c"} | HTML).status, 200)
        self.assertEqual(self.get(self.address, {"User-Agent": "b", "Range": "bytes=0-1"}).status, 206)
        self.finish(wire)
        self.assertEqual(self.count, 1)
        self.assertEqual(self.get(self.address, {"User-Agent": "c"}).status, 429)
        self.lose(first)
        self.assertEqual(self.get(self.address, {"User-Agent": "c"}).status, 200)
        self.assertEqual(self.get(self.address, {"User-Agent": "d"}).status, 404)
        self.assertEqual(self.count, 2)

    def test_thirty_at_once(self) -> None:
        """However many come at the same time, no more get it than may."""
        wires = [self.begin(str(number))[1] for number in range(30)]
        got = [wire for wire in wires if wire.value().startswith(b"HTTP/1.1 200")]
        for wire in got:
            self.finish(wire)
        self.assertEqual((len(got), self.count), (2, 2))


class OfFolder(SharingCase):
    def test_once_for_a_visit(self) -> None:
        """Of a folder too a visit counts once, with the first whole file; listings burn nothing."""
        address = self.share(max_downloads=1)
        self.get(f"{address}/")
        self.get(f"{address}/a.txt", {"Range": "bytes=0-3"})
        self.assertEqual(self.told()["downloads"], 0)
        for target in ("/a.txt", "/sub/b.txt"):
            self.assertEqual(self.get(address + target).status, 200)
        self.assertEqual(self.told()["downloads"], 1)
        self.assertEqual(self.get(f"{address}/").status, 200)
        self.assertEqual(self.get(f"{address}/", {"User-Agent": "other"}).status, 404)

    def test_unlimited(self) -> None:
        """Without a maximum downloads are counted all the same, compressed ones too."""
        self.house.put_file("shared/long.txt", b"x" * 5000)
        address = self.share()
        for agent in ("a", "b", "a"):
            self.get(f"{address}/long.txt", {"User-Agent": agent, "Accept-Encoding": "gzip"})
        self.assertEqual(self.told()["downloads"], 2)

    def test_given_more(self) -> None:
        """More downloads can be given to a share that is used up."""
        address = self.share(max_downloads=1)
        self.get(f"{address}/a.txt", {"User-Agent": "a"})
        self.assertEqual(self.get(f"{address}/a.txt", {"User-Agent": "b"}).status, 404)
        self.api("PATCH", f"/{self.id}", {"max_downloads": 2})
        self.assertEqual(self.get(f"{address}/a.txt", {"User-Agent": "b"}).status, 200)

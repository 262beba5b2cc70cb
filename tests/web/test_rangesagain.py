"""Ranges that are sent without deciding anew: of the same file, to whoever could ask so before, and no others."""

import os
from typing import Any
from unittest import mock

from tests.web.ends import Ends
from tests.web.house import Answer, House
from tests.web.test_repeating import RepeatingCase

SIZE = 65 * 1024


class RangesCase(RepeatingCase):
    def build(self, **settings: Any) -> House:
        house = super().build(**settings)
        self.content = os.urandom(SIZE)
        house.put_file("big.bin", self.content)
        return house

    def decided(self, house: House, *ranges: str, target: str = "/big.bin", **headers: str) -> list[bool]:
        """Ask for ranges one after the other; tell of each whether the ordinary way answered it."""
        found = []
        for value in ranges:
            with mock.patch.object(house.root, "render", wraps=house.root.render) as render:
                self.answer = house.get(target, Range=f"bytes={value}", **headers)
            found.append(render.call_count == 1)
        return found


class GivenTests(RangesCase):
    """What is sent so."""

    def test_other_numbers(self) -> None:
        """Once one range was sent, any other that lies in the file is, with the head and the bytes that are its own."""
        house = self.build()
        self.assertEqual(self.decided(house, "5-9"), [True])
        for first, last in ((5, 9), (0, 0), (0, SIZE - 1), (SIZE - 1, SIZE - 1), (1000, SIZE - 2), (7, 10**17)):
            self.assertEqual(self.decided(house, f"{first}-{last}"), [False], (first, last))
            wanted = self.content[first : last + 1]
            self.assertEqual((self.answer.status, self.answer.body), (206, wanted))
            told = f"bytes {first}-{first + len(wanted) - 1}/{SIZE}"
            self.assertEqual(self.answer.headers["content-range"], told)
            self.assertEqual(self.answer.headers["content-length"], str(len(wanted)))

    def test_same_head(self) -> None:
        """Its head is that of the ordinary way, line by line, but for its id."""
        house = self.build()
        heads = []
        for _ in range(2):
            self.decided(house, "5-9")
            heads.append({**self.answer.headers, "x-request-id": ""})
        self.assertEqual(*heads)
        self.assertEqual([*heads[0]], [*heads[1]])

    def test_ids(self) -> None:
        """Each has an id of its own."""
        house = self.build()
        ids = set()
        for _ in range(4):
            self.decided(house, "5-9")
            ids.add(self.answer.headers["x-request-id"])
        self.assertEqual(len(ids), 4)

    def test_counted(self) -> None:
        """Figures and bytes count them as they do others."""
        house = self.build()
        self.decided(house, "0-9", "0-19", "10-10")
        self.assertEqual(house.counts.requests["/", "GET", 206], 3)
        self.assertEqual((house.site.sent, house.counts.sending), (31, 0))


class NotGivenTests(RangesCase):
    """What the ordinary way has to answer, each time."""

    def test_body_that_follows(self) -> None:
        """What is the body of a request is never read as a request, though only its head comes first."""
        house = self.build()
        house.put_file("other", b"other")
        body = b"GET /other HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for target, more in (
            ("/big.bin", "Range: bytes=0-9\r\n"),
            ("/other", ""),
            ("/", "Accept: text/plain\r\n"),
        ):
            head = f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{more}Content-Length: {len(body)}\r\n\r\n"
            for _ in range(3):
                channel, wire = house.connect()
                channel.dataReceived(head.encode())
                house.settle()
                channel.dataReceived(body)
                house.settle()
                self.assertEqual(wire.value().count(b"HTTP/1.1 "), 1, wire.value())

    def test_numbers(self) -> None:
        """Ranges that aren't two numbers, in order and within the file."""
        house = self.build()
        self.decided(house, "5-9")
        for value in (
            "9-5", f"{SIZE}-", f"{SIZE}-{SIZE + 5}", "5-", "-5", "5-9,20-30", "5 -9", " 5-9", "+5-9", "5-9 ", "٥-٩", "5-9999999999999999999",
        ):  # fmt: skip
            self.assertEqual(self.decided(house, value), [True], value)

    def test_other_requests(self) -> None:
        """Another spelling, method, target, or any other header: what holds for one isn't known of the other."""
        house = self.build()
        self.decided(house, "5-9")
        self.assertEqual(self.decided(house, "5-9", target="/big.bin?download"), [True])
        self.assertEqual(self.decided(house, "5-9", target="/none"), [True])
        self.assertEqual(self.decided(house, "5-9", Accept="*/*"), [True])
        self.assertEqual(self.decided(house, "5-9", If_Range='"other"'), [True])
        self.assertEqual((self.answer.status, len(self.answer.body)), (200, SIZE))
        self.assertEqual(self.decided(house, "5-9", If_Range='"other"'), [True])

    def test_telling_headers(self) -> None:
        """Requests that say who asks, or for whom, and those of somebody who is signed in."""
        house = self.build(token="correct-horse", anonymous="read")
        for headers in (
            {"Authorization": "Bearer correct-horse"},
            {"Cookie": "a=b"},
            {"X_Request_ID": "a"},
            {"X_Forwarded_For": "192.0.2.1"},
            {"Forwarded": "for=192.0.2.1"},
        ):
            self.assertEqual(self.decided(house, "5-9", "6-9", **headers), [True, True], headers)

    def test_two_ranges_in_two_headers(self) -> None:
        """Two headers are no range at all (RFC 9110, section 14.2), and nothing is learnt from them."""
        house = self.build()
        self.decided(house, "5-9")
        raw = b"GET /big.bin HTTP/1.1\r\nHost: localhost\r\nRange: bytes=5-9\r\nRange: bytes=7-8\r\n\r\n"
        for _ in range(3):
            self.assertEqual(house.send(raw).status, 200)

    def test_a_key_as_a_request(self) -> None:
        """Who leaves the numbers out himself is answered as what that is: no range."""
        house = self.build()
        self.decided(house, "5-9")
        for value in ("", "-"):
            self.assertEqual(self.decided(house, value), [True])
            self.assertEqual((self.answer.status, len(self.answer.body)), (200, SIZE))

    def test_without_lanes(self) -> None:
        """Nothing is sent so where there are no lanes."""
        house = House(fast_lanes=False)
        self.addCleanup(house.close)
        house.put_file("big.bin", bytes(SIZE))
        self.assertEqual(self.decided(house, "5-9", "5-9"), [True, True])

    def test_of_links(self) -> None:
        """A link may lead elsewhere the next time."""
        house = self.build()
        os.symlink("big.bin", house.path("link"))
        self.assertEqual(self.decided(house, "5-9", "5-9", target="/link"), [True, True])


class EndedTests(RangesCase, Ends):
    """What ends it."""

    some = ("5-9", "6-9", "7-9")
    closed = "none"

    @property
    def last(self) -> Answer:
        return self.answer

    def test_file(self) -> None:
        """Any change of the file: its new content, its end."""
        house = self.build()
        self.decided(house, "5-9", "5-9")
        house.put_file("big.bin", b"another" * 10_000)
        self.assertEqual(self.decided(house, "0-6", "7-9"), [True, False])
        self.assertEqual(self.answer.body, b"ano")
        os.unlink(house.path("big.bin"))
        self.decided(house, "0-6")
        self.assertEqual(self.answer.status, 404)

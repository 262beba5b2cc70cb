"""Figures for Prometheus: who sees them, what they say, and that clients can't make them grow."""

from __future__ import annotations

import os
import random
from urllib.parse import quote

from prometheus_client.parser import text_string_to_metric_families
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from peerstor.access.rights import Grant, Right
from peerstor.daemon.loopdelay import BOUNDS
from peerstor.web.freespace import Disks, Room
from peerstor.web.health import PATIENCE
from tests.fakes import HeldThreads
from tests.web.house import Answer, House
from tests.web.test_login import basic, bearer

SECRET = "the owner's secret"

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(body: bytes) -> Samples:
    """Read figures as Prometheus would."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


class Figures(SynchronousTestCase):
    def setUp(self) -> None:
        self.house = House(metrics_open=True, anonymous="full")
        self.addCleanup(self.house.close)

    def figures(self) -> Samples:
        answer = self.house.get("/-/metrics")
        self.assertEqual(answer.status, 200)
        return samples(answer.body)

    def figure(self, name: str, **labels: str) -> float | None:
        return self.figures().get((f"peerstor_{name}", tuple(sorted(labels.items()))))

    def requests(self, route: str, method: str, status: int) -> float | None:
        return self.figure("requests_total", route=route, method=method, status=str(status))

    def test_form(self) -> None:
        """It is the text format, kept by nobody, and every family is explained."""
        answer = self.house.get("/-/metrics")
        self.assertEqual(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")
        self.assertEqual(answer.headers["cache-control"], "no-store")
        self.assertEqual(int(answer.headers["content-length"]), len(answer.body))
        for family in text_string_to_metric_families(answer.body.decode()):
            self.assertTrue(family.documentation.endswith("."), family.name)
            self.assertNotEqual(family.type, "unknown", family.name)
        head = self.house.ask("HEAD", "/-/metrics")
        self.assertEqual((head.status, head.body), (200, b""))

    def test_requests(self) -> None:
        """Requests are counted by the rule that took them, never by what they asked for."""
        self.house.put_file("a.txt")
        for target in ("/a.txt", "/-/tree/a.txt", "/", "/nothing"):
            self.house.get(target)
        self.house.ask("PUT", "/b.txt", b"x")
        self.house.ask("DELETE", "/", b"")
        self.house.get("/api/upload/offset?dir=/&name=x")
        self.house.ask("OPTIONS", "/-/health")
        self.house.ask("POST", "/-/health", b"")
        self.assertEqual(self.requests("/", "GET", 200), 3)
        self.assertEqual(self.requests("/", "GET", 404), 1)
        self.assertEqual(self.requests("/", "PUT", 201), 1)
        self.assertEqual(self.requests("/api/upload/offset", "GET", 200), 1)
        self.assertEqual(self.requests("/-/health", "OPTIONS", 204), 1)
        self.assertEqual(self.requests("none", "POST", 405), 1)
        self.assertEqual(self.requests("/-/metrics", "GET", 200), 6)

    def test_client_that_leaves(self) -> None:
        """A request whose client left before its answer counts as 499."""
        channel, _ = self.house.connect()
        channel.dataReceived(b"PUT /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc")
        channel.connectionLost(Failure(ConnectionError()))
        self.house.settle()
        self.assertEqual(self.requests("/", "PUT", 499), 1)
        self.assertEqual(self.figure("uploads_total", event="failed"), 1)

    def test_bounded(self) -> None:
        """However many odd addresses, methods and hosts clients make up, there are no more figures than before."""
        odd = random.Random(7)
        tops = ("/", "/-/", "/api/", "/-/s/", "/-/static/", "/api/upload/", "/-/tree/", "/-/shares/")
        letters = "abcXYZ0189-._~%é☃"

        def ask(count: int) -> None:
            for number in range(count):
                name = "".join(odd.choice(letters) for _ in range(8)) + str(number)
                method = odd.choice(("GET", "HEAD", "PUT", "OPTIONS", f"M{number}"))
                target = odd.choice(tops) + quote(name, safe="%")
                host = odd.choice(("localhost", f"h{number}.example.org"))
                headers = {"Host": host, "X-Request-ID": name, "User-Agent": name}
                self.house.ask(method, target, b"" if method == "PUT" else None, headers)

        self.figures()
        ask(1500)
        before = self.figures()
        ask(8500)
        after = self.figures()
        self.assertEqual({key for key in after if key not in before}, set())
        self.assertLess(len(self.house.counts.requests), 100)
        total = sum(value for (name, _), value in after.items() if name == "peerstor_requests_total")
        self.assertEqual(total, 10_002)

    def test_bytes(self) -> None:
        """Content counts in both directions."""
        before = self.figures()
        self.house.ask("PUT", "/b.txt", b"x" * 1000)
        self.house.get("/b.txt")
        after = self.figures()
        received, sent = (("peerstor_received_bytes_total", ()), ("peerstor_sent_bytes_total", ()))
        self.assertEqual(after[received] - before[received], 1000)
        self.assertGreaterEqual(after[sent] - before[sent], 1000)

    def test_uploads(self) -> None:
        """What becomes of uploads, by every way of uploading."""
        api = "/api/upload/{}?dir=/&name=a&{}"
        self.house.ask("POST", api.format("chunk", "offset=0"), b"abc")
        self.house.ask("POST", api.format("chunk", "offset=3"), b"def")
        self.house.ask("POST", api.format("complete", "size=6"), b"")
        self.house.ask("POST", api.format("chunk", "offset=0"), b"abc")
        self.house.ask("POST", api.format("abandon", ""), b"")
        self.house.ask("PUT", "/b", b"x")
        found = {
            event: self.figure("uploads_total", event=event)
            for event in ("begun", "resumed", "finished", "failed", "abandoned", "expired")
        }
        self.assertEqual(
            found, {"begun": 3, "resumed": 0, "finished": 2, "failed": 0, "abandoned": 1, "expired": 0}
        )

    def test_under_way(self) -> None:
        """Connections and files under way are those of this moment, in both directions."""
        self.house.put_file("large", b"x" * 4_000_000)
        down, _ = self.house.connect()
        up, _ = self.house.connect()
        up.dataReceived(b"PUT /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc")
        down.dataReceived(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        down.pauseProducing()
        self.house.settle()
        self.assertEqual(self.figure("transfers", direction="up"), 1)
        self.assertEqual(self.figure("transfers", direction="down"), 1)
        self.assertEqual(self.figure("connections"), 3)
        up.connectionLost(Failure(ConnectionError()))
        down.resumeProducing()
        self.house.settle()
        self.assertEqual(self.figure("transfers", direction="up"), 0)
        self.assertEqual(self.figure("transfers", direction="down"), 0)
        self.assertEqual(self.figure("connections"), 2)

    def test_errors(self) -> None:
        """Answers of 500 and above count by their code; others don't."""
        self.house.get("/nothing")
        self.patch(type(self.house.sandbox), "open", lambda *_: 1 / 0)
        self.house.get("/x")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.figure("errors_total", code="internal"), 1)
        self.assertEqual(self.house.counts.errors, {"internal": 1})

    def test_loop(self) -> None:
        """The delay is a histogram of cumulative classes."""
        self.house.delay.classes[0] = 5
        self.house.delay.classes[-1] = 2
        self.house.delay.total = 20.5
        name = "event_loop_delay_seconds"
        self.assertEqual(self.figure(f"{name}_bucket", le=str(BOUNDS[0])), 5)
        self.assertEqual(self.figure(f"{name}_bucket", le=str(BOUNDS[-1])), 5)
        self.assertEqual(self.figure(f"{name}_bucket", le="+Inf"), 7)
        self.assertEqual((self.figure(f"{name}_count"), self.figure(f"{name}_sum")), (7, 20.5))

    def test_disks(self) -> None:
        """The room of the disks is what the system says; one that is gone is told as such, and the rest stays."""
        found = os.statvfs(self.house.storage)
        self.assertEqual(self.figure("disk_size_bytes", folder="storage"), found.f_frsize * found.f_blocks)
        self.assertEqual(self.figure("disk_answers", folder="storage"), 1)
        free = self.figure("disk_free_bytes", folder="state")
        assert free is not None
        self.assertTrue(0 < free <= found.f_frsize * found.f_blocks)
        os.rename(self.house.storage, self.house.storage + ".away")
        self.house.clock.advance(1)
        self.assertEqual(self.figure("disk_answers", folder="storage"), 0)
        self.assertIsNone(self.figure("disk_free_bytes", folder="storage"))
        self.assertEqual(self.figure("disk_answers", folder="state"), 1)
        os.rename(self.house.storage + ".away", self.house.storage)

    def test_process(self) -> None:
        """The process and the versions are told, and nothing of the settings."""
        self.assertIn(("process_open_fds", ()), self.figures())
        [labels] = [dict(labels) for name, labels in self.figures() if name == "peerstor_build_info"]
        self.assertEqual(set(labels), {"version", "python", "twisted"})
        self.assertNotIn(os.fsencode(self.house.storage), self.house.get("/-/metrics").body)


class WhoSees(SynchronousTestCase):
    def seen(self, house: House, headers: dict[str, str]) -> Answer:
        answer = house.ask("GET", "/-/metrics", headers=headers)
        self.assertEqual(b"peerstor_" in answer.body, answer.status == 200)
        return answer

    def house(self, **settings: object) -> House:
        house = House(**settings)
        self.addCleanup(house.close)
        return house

    def token(self, house: House, right: Right) -> dict[str, str]:
        secret = house.keyring.tokens.add(right.name or "some", (Grant((), right),)).secret
        return bearer(secret)

    def test_admin(self) -> None:
        """They are for the right admin alone, however somebody signs in with it."""
        house = self.house(token=SECRET)
        self.assertEqual(self.seen(house, {}).status, 401)
        self.assertEqual(self.seen(house, bearer("wrong secret")).status, 401)
        self.assertEqual(self.seen(house, bearer(SECRET)).status, 200)
        self.assertEqual(self.seen(house, basic(SECRET)).status, 200)

    def test_nobody(self) -> None:
        """An open server shows them to nobody: what everybody may do is not to see everything."""
        self.assertEqual(self.seen(self.house(anonymous="full"), {}).status, 403)

    def test_open(self) -> None:
        """`--metrics-open` shows them to everybody, with a wrong token too, and nothing else; it can change."""
        house = self.house(token=SECRET, metrics_open=True)
        self.assertEqual(self.seen(house, {}).status, 200)
        self.assertEqual(self.seen(house, bearer("wrong secret")).status, 200)
        self.assertEqual(house.get("/").status, 401)
        house.live.change(type(house.settings)(storage=house.storage, token=SECRET))
        self.assertEqual(self.seen(house, {}).status, 401)


class HangingDisk(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.threads = Clock(), HeldThreads()
        self.disks = Disks({"a": b"/", "b": b"/absent"}, threads=self.threads, clock=self.clock)

    def ask(self) -> Deferred[dict[str, Room | None]]:
        return Deferred.fromCoroutine(self.disks.rooms())

    def test_hangs(self) -> None:
        """One that doesn't answer is waited for two seconds, then not at all, and asked only once."""
        asked = self.ask()
        self.clock.advance(PATIENCE - 0.1)
        self.assertNoResult(asked)
        self.clock.advance(0.1)
        self.assertEqual(self.successResultOf(asked), {"a": None, "b": None})
        self.clock.advance(1000)
        for _ in range(10):
            self.assertEqual(self.successResultOf(self.ask()), {"a": None, "b": None})
        self.assertEqual(len(self.threads.waiting), 2)
        self.threads.release_all()
        room = self.successResultOf(self.ask())["a"]
        assert room is not None
        self.assertGreater(room.size, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_scraper_that_leaves(self) -> None:
        """One who gives up leaves nothing behind."""
        asked = self.ask()
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.clock.advance(PATIENCE)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.threads.release_all()

"""What is counted of uploads."""

from typing import Any

from peerstor.errors import BodyCut, DigestMismatch, Exists, OffsetMismatch
from peerstor.tree.paths import TreePath
from peerstor.tree.publish import Conflict
from peerstor.uploads.digests import Digest
from tests.uploads.scaffold import Body, EngineCase, Source, key


class CountTests(EngineCase):
    def counted(self, **numbers: int) -> None:
        """Those that are named are as they are said to be, and all others 0."""
        found = {name: number for name, number in vars(self.engine.counts).items() if number}
        self.assertEqual(found, numbers)

    def receive(self, source: object, **more: Any) -> Any:
        options = {"length": None, "conflict": Conflict.RENAME, "may_replace": False, "by": "guest", **more}
        return self.later(self.engine.receive(TreePath.from_url(b"/at-once"), source=source, **options))

    def test_in_pieces(self) -> None:
        """An upload counts once however many pieces it comes in, and once more when it is published."""
        for offset in range(5):
            self.append(b"x", offset)
        self.counted(begun=1)
        self.complete(5)
        self.complete(5)
        self.counted(begun=1, finished=1)

    def test_resumed(self) -> None:
        """Going on after a break counts once: behind a cut, a restart, a refused digest; not piece by piece."""
        self.fault(BodyCut, self.engine.append(key(), offset=0, source=Body(b"he", cut=True), length=4))
        self.counted(begun=1)
        self.append(b"ll", 2)
        self.append(b"o ", 4)
        self.counted(begun=1, resumed=1)
        self.boot()
        self.append(b"wo", 6)
        self.append(b"rl", 8)
        self.counted(resumed=1)
        wrong = Digest("sha-256", bytes(32))
        self.fault(
            DigestMismatch,
            self.engine.append(key(), offset=10, source=Body(b"d"), length=1, digests=(wrong,)),
        )
        self.append(b"d", 10)
        self.counted(resumed=2)

    def test_refused(self) -> None:
        """A piece that is refused before it is taken counts as nothing."""
        self.append(b"hello")
        self.boot()
        self.fault(OffsetMismatch, self.engine.append(key(), offset=3, source=Body(b"x"), length=1))
        self.counted()

    def test_dropped(self) -> None:
        """What a client dropped and what expired are counted apart; dropping nothing counts as nothing."""
        self.append(b"hello")
        self.now(self.engine.abandon(key()))
        self.now(self.engine.abandon(key()))
        self.counted(begun=1, abandoned=1)
        self.append(b"hello")
        self.append(b"hello", key=key(b"other"))
        self.now(self.engine.expire(self.world.now + 8 * 86400))
        self.counted(begun=3, abandoned=1, expired=2)

    def test_at_once(self) -> None:
        """A file that comes at once is begun, and finished or failed; one refused before its body is neither."""
        self.successResultOf(self.receive(Body(b"hello")))
        self.counted(begun=1, finished=1)
        self.failureResultOf(self.receive(Body(b"hel", cut=True), length=5), BodyCut)
        self.failureResultOf(self.receive(Body(b"hello"), conflict=Conflict.REFUSE), Exists)
        self.counted(begun=2, finished=1, failed=1)

    def test_receiving(self) -> None:
        """What is being received is known at any moment, however it ends."""
        sources = [Source(), Source(), Source()]
        ends = [
            self.later(self.engine.append(key(), offset=0, source=sources[0], length=None)),
            self.later(self.engine.append(key(b"other"), offset=0, source=sources[1], length=None)),
            self.receive(sources[2]),
        ]
        self.counted(begun=3, receiving=3)
        sources[0].send(b"x").end()
        sources[1].lose()
        ends[2].cancel()
        sources[2].lose()
        self.assertEqual(self.engine.counts.receiving, 0)
        for end in ends[1:]:
            self.failureResultOf(end)
